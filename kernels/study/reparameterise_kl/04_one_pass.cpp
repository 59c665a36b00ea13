// One pass: a vector of mu and logvar is loaded once, gives z, and gives its term of the divergence, before the next is
// looked at.
//
// exp(logvar / 2) and expm1(logvar) share nothing but their argument: a root or a square in place of one would change the
// bits. With the noise they are nearly all the work, so a load that is saved in the first-level cache gains nothing.
#include "kernels/common/math.h"
#include "kernels/common/reduce.h"
#include "kernels/likelihood/terms.h"
#include "kernels/random/random.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

void latent_one_pass(Part part, const LatentCall& x) {
  constexpr i64 kRows = 16;
  const i64 tiles = ceil_div(x.rows, kRows);
  for (i64 t = part.begin(tiles); t < part.end(tiles); ++t) {
    const i64 first = t * kRows, last = min_of(first + kRows, x.rows);
    const u64 clock[2] = {x.clock[0], x.clock[1] + u64(first)};
    normal<float>({}, x.eps + first * x.cols, clock, (last - first) * x.cols, x.cols, x.seed,
                  x.stream);
    for (i64 r = first; r < last; ++r)
      x.kl[r] = 0.5f * row_total<float>(x.cols, [&](auto in, i64 c) LAT_FLAT {
                  const i64 i = r * x.cols + c;
                  const VecF mu = in.load(x.mu + i), logvar = in.load(x.logvar + i);
                  const VecF sigma = m::exp(logvar * splat<VecF>(0.5f));
                  in.store(x.z + i, fma(sigma, in.load(x.eps + i), mu));
                  return gaussian_kl_term(mu, logvar);
                });
  }
}

}  // namespace lat::kernels::LAT_ISA
