// Exercise 4: a solution.
#include <cmath>
#include <vector>

using Numbers = std::vector<double>;

double log_evidence(const Numbers& prior, const Numbers& likelihood) {
  double p = 0;
  for (size_t k = 0; k < prior.size(); ++k) p += prior[k] * likelihood[k];
  return std::log(p);
}

double elbo(const Numbers& q, const Numbers& prior, const Numbers& likelihood) {
  double sum = 0;
  for (size_t k = 0; k < q.size(); ++k)
    if (q[k] > 0) sum += q[k] * (std::log(likelihood[k]) - std::log(q[k] / prior[k]));
  return sum;
}

// The posterior: p(z|x) = p(x|z) p(z) / p(x).
Numbers best_q(const Numbers& prior, const Numbers& likelihood) {
  const double log_px = log_evidence(prior, likelihood);
  Numbers q;
  for (size_t k = 0; k < prior.size(); ++k)
    q.push_back(prior[k] * likelihood[k] / std::exp(log_px));
  return q;
}

// KL( q || posterior ), which Jensen's inequality keeps from being negative.
double gap(const Numbers& q, const Numbers& prior, const Numbers& likelihood) {
  const Numbers posterior = best_q(prior, likelihood);
  double sum = 0;
  for (size_t k = 0; k < q.size(); ++k)
    if (q[k] > 0) sum += q[k] * std::log(q[k] / posterior[k]);
  return sum;
}

// E_q[log q] = -1/2 (ln 2 pi + ln sigma^2 + 1), E_q[log p] = -1/2 (ln 2 pi + mu^2 + sigma^2).
double gaussian_kl(double mu, double sigma) {
  return (mu * mu + sigma * sigma - 1 - std::log(sigma * sigma)) / 2;
}

// p(x) = E_q[ p(x,z) / q(z) ]: the log of an average. The ELBO is the average of that log (Jensen).
char why_a_bound() { return 'b'; }

// The gap is KL(q || posterior). It is 0 where q is the posterior, so the family must hold it.
char what_closes_it() { return 'c'; }
