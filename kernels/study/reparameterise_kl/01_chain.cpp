// One operation a pass, as a tape of elementwise ops would run it: eight passes over the latents.
//
//   eps = noise   h = logvar / 2   s = exp(h)   z = mu + s eps   e = expm1(logvar)   d = e - logvar   t = d + mu^2
//   kl = 1/2 row sums of t
//
// Each pass reads one or two arrays and writes one; h, s, e, d, t live in the workspace for nothing else. Products that
// feed a sum are one fused multiply-add here as well, or the bits would differ.
#include "kernels/common/map.h"
#include "kernels/common/math.h"
#include "kernels/random/random.h"
#include "kernels/reduce/reduce.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

void latent_chain(Part part, const LatentCall& x) {
  const i64 n = x.rows * x.cols;
  float* const t =
      static_cast<float*>(part.workspace);  // each pass overwrites what nobody reads again
  const auto pass = [&](float* y, auto&& f) LAT_FLAT {
    map<float>({0, n}, [&](auto in, i64 i) LAT_FLAT { in.store(y + i, f(in, i)); });
  };
  normal<float>({}, x.eps, x.clock, n, x.cols, x.seed, x.stream);
  pass(t, [&](auto in, i64 i) LAT_FLAT { return in.load(x.logvar + i) * splat<VecF>(0.5f); });
  pass(t, [&](auto in, i64 i) LAT_FLAT { return m::exp(in.load(t + i)); });
  pass(x.z, [&](auto in, i64 i)
                LAT_FLAT { return fma(in.load(t + i), in.load(x.eps + i), in.load(x.mu + i)); });
  pass(t, [&](auto in, i64 i) LAT_FLAT { return m::expm1(in.load(x.logvar + i)); });
  pass(t, [&](auto in, i64 i) LAT_FLAT { return in.load(t + i) - in.load(x.logvar + i); });
  pass(t, [&](auto in, i64 i)
              LAT_FLAT { return fma(in.load(x.mu + i), in.load(x.mu + i), in.load(t + i)); });
  row_sum<float>({}, x.kl, t, x.rows, x.cols, 0.5);
}

}  // namespace lat::kernels::LAT_ISA
