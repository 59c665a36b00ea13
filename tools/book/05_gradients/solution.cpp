// Exercise 5: a solution.
#include <cmath>

// d/dmu log q(x) = (x - mu) / s^2.
double score_estimate(double x, double f, double b, double mu, double s) {
  return (f - b) * (x - mu) / (s * s);
}

// sin'(mu + s e), and dx/dmu = 1.
double pathwise_mu(double e, double mu, double s) { return std::cos(mu + s * e); }

// dx/ds = e.
double pathwise_s(double e, double mu, double s) { return e * std::cos(mu + s * e); }

// b = E[ f (x - mu)^2 ] / E[ (x - mu)^2 ] = E[ (mu + s e)^2 e^2 ] = mu^2 + 3 s^2.
double best_baseline(double mu, double s) { return mu * mu + 3 * s * s; }

// E[ d log q ] = the integral of dq = d of the integral of q = d 1 = 0.
char why_a_baseline() { return 'a'; }

// It depends on x, so it does not come out of the average: (f - f) d log q = 0.
char not_a_baseline() { return 'c'; }
