// The product's two kernels: z and its noise in one pass, the divergence in another. No temporary is
// left; mu and logvar are read twice.
#include "kernels/common/cuda.h"

#include "kernels/likelihood/likelihood.h"
#include "kernels/random/random.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

void latent_product(Part stream, const LatentCall& x) {
  reparameterise<float>(stream, x.z, x.eps, x.mu, x.logvar, x.clock, x.rows * x.cols, x.cols,
                        x.seed, x.stream);
  gaussian_kl<float>(stream, x.kl, x.mu, x.logvar, x.rows, x.cols);
}

}  // namespace lat::kernels::LAT_ISA
