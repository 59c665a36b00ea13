// Exercise 5: how do you differentiate through noise, and what may a baseline be?
//
// x ~ N(mu, s^2), x = mu + s e with e ~ N(0, 1). Each function is one sample's estimate of a derivative of E[f(x)].
// Fill in the functions; `latent learn 5` checks them.
#include <cmath>

// d/dmu E[f(x)] by the score function: f is the number f(x), b a baseline. Only log q is differentiated.
double score_estimate(double x, double f, double b, double mu, double s) {
  return 0;  // yours
}

// d/dmu E[sin x], pathwise, from the noise e.
double pathwise_mu(double e, double mu, double s) {
  return 0;  // yours
}

// d/ds E[sin x], pathwise.
double pathwise_s(double e, double mu, double s) {
  return 0;  // yours
}

// The baseline b that makes the variance of score_estimate smallest for f(x) = x^2.
// Minimise E[ (f - b)^2 (x - mu)^2 ] over b; E[e^2] = 1, E[e^4] = 3.
double best_baseline(double mu, double s) {
  return 0;  // yours
}

// Why may a constant be subtracted from f without changing the average of the estimate?
//   a  because the average of d/dmu log q(x) is 0
//   b  because the average of f is 0
//   c  because log q is at most 0
char why_a_baseline() { return '?'; }

// Which of these may not be subtracted?
//   a  the mean of f over earlier batches
//   b  a network's guess of f from the example, which has not seen x
//   c  f(x) of this very sample
char not_a_baseline() { return '?'; }
