// Exercise 4: why is the ELBO a bound, and what is its gap?
//
// Here z takes K values, so that every integral is a sum: prior[k] = p(z = k), likelihood[k] = p(x | z = k) for the one x
// at hand, q[k] = q(z = k). Fill in the functions; `latent learn 4` checks them.
#include <cmath>
#include <vector>

using Numbers = std::vector<double>;

// log p(x), in nats
double log_evidence(const Numbers& prior, const Numbers& likelihood) {
  return 0;  // yours
}

// E_q[ log p(x|z) ] - KL( q(z) || p(z) ), in nats. A value that q never takes adds nothing: 0 log 0 = 0.
double elbo(const Numbers& q, const Numbers& prior, const Numbers& likelihood) {
  return 0;  // yours
}

// What is missing: log p(x) - ELBO, as a sum over z that shows that it cannot be negative.
// Do not call the two functions above and subtract: find q's partner in that sum.
double gap(const Numbers& q, const Numbers& prior, const Numbers& likelihood) {
  return 0;  // yours
}

// The q that makes the gap 0.
Numbers best_q(const Numbers& prior, const Numbers& likelihood) {
  return prior;  // yours
}

// KL( N(mu, sigma^2) || N(0, 1) ), in nats: E_q[log q] - E_q[log p], with E_q[z^2] = mu^2 + sigma^2.
double gaussian_kl(double mu, double sigma) {
  return 0;  // yours
}

// Why is the ELBO never above log p(x)?
//   a  because log p(x|z) is at most 0
//   b  because the average of a log is at most the log of the average
//   c  because the KL to the prior is at least 0
//   d  because q is a Gaussian
char why_a_bound() { return '?'; }

// Training has found the best Gaussian q, and the gap is still 0.7 nats. What can close it?
//   a  more training
//   b  more samples from this q for the same estimate of the ELBO
//   c  a family of q that holds the posterior
//   d  a smaller KL to the prior
char what_closes_it() { return '?'; }
