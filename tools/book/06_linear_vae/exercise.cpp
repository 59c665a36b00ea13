// Exercise 6: how many latents will a linear VAE use?
//
// The data's covariance has these eigenvalues, the decoder Gaussian noise of variance s2, the KL weight 1, and there are Z
// latents. Answer before any training. `latent learn 6` trains such VAEs and compares.
#include <cmath>
#include <vector>

// How many latents are in use at the optimum? The eigenvalues come in no order.
int active_latents(const std::vector<double>& eigenvalues, double s2, int Z) {
  return -1;  // yours
}

// The KL of the latent that takes a direction of eigenvalue l, in nats; 0 where none does.
double kl_of(double l, double s2) {
  return -1;  // yours
}

// The variance of q in that latent: 1 where it says nothing.
double sigma2_of(double l, double s2) {
  return -1;  // yours
}

// Below which noise s2 are at least k latents in use? There are enough latents.
double noise_for(const std::vector<double>& eigenvalues, int k) {
  return -1;  // yours
}

// Half the latents of a VAE have KL 0. What follows?
//   a  training has failed; restart it
//   b  their directions would cost more nats than they save, at this noise: nothing is wrong by itself
//   c  the encoder is too small
char what_follows() { return '?'; }
