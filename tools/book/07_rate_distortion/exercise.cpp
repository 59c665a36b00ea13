// Exercise 7: which beta meets a budget?
//
// A linear VAE with enough latents, data of these eigenvalues, decoder noise s2, the KL weighted by beta; theta = beta s2.
// Fill in the functions; `latent learn 7` checks them.
#include <cmath>
#include <vector>

// The rate (KL, summed over latents) at the optimum, nats.
double rate(const std::vector<double>& eigenvalues, double theta) {
  return 0;  // yours
}

// The expected squared error at the optimum.
double distortion(const std::vector<double>& eigenvalues, double theta) {
  return 0;  // yours
}

// The beta at which the rate is so many nats, by bisection. The rate falls as beta grows.
double beta_for(const std::vector<double>& eigenvalues, double s2, double nats) {
  return 0;  // yours
}

// At beta = 4 a VAE has a higher ELBO on its training objective (recon + 4 KL) than any VAE trained at beta = 1 has on that
// objective. Which has the higher ELBO proper (recon + KL), given enough training?
//   a  the one trained at beta = 4
//   b  the one trained at beta = 1
//   c  it depends on the eigenvalues
char higher_elbo() { return '?'; }
