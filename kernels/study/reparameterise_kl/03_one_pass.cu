// One kernel: the thread that reads mu and logvar for the sum makes z of them too. Nothing is read
// twice.
//
// But a row's order gives a thread the elements c, c + 32, ..., while a counter serves four that
// stand 16 apart. So each element computes a counter of its own and throws three words away: four
// times the multiplications, twice the logarithms.
#include "kernels/common/cuda.h"

#include "kernels/common/team.h"
#include "kernels/likelihood/terms.h"
#include "kernels/random/draws.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {
namespace {

__device__ __forceinline__ float normal_of(u64 element, u64 tick, i64 seed, i64 stream) {
  const Philox bits = words_of(16 * (element / 64) + element % 16, tick, seed, stream);
  const bool later = element % 64 >= 32;
  const Normals<float> pair =
      normals_of<float>(later ? bits.word[2] : bits.word[0], later ? bits.word[3] : bits.word[1]);
  return element % 32 < 16 ? pair.first : pair.second;
}

template <class Team>
__global__ void one_pass(float* z, float* eps, float* kl, const float* mu, const float* logvar,
                         const u64* clock, i64 rows, i64 cols, i64 seed, i64 stream) {
  const i64 r = Team::row();
  if (r >= rows) return;
  const u64 tick = clock[0], first = clock[1] * u64(cols);
  const float sum = Team::template join<Sum, float>(cols, [&](i64 c) {
    const i64 i = r * cols + c;
    const float e = normal_of(first + u64(i), tick, seed, stream), m = mu[i], lv = logvar[i];
    eps[i] = e;
    z[i] = reparameterised(m, lv, e);
    return gaussian_kl_term(m, lv);
  });
  if (Team::rank() == 0) kl[r] = 0.5f * sum;
}

}  // namespace

void latent_one_pass(Part stream, const LatentCall& x) {
  stream.launch(is_long(x.cols) ? one_pass<BlockTeam> : one_pass<WarpTeam>,
                {team_blocks(x.rows, x.cols), kBlockThreads}, x.z, x.eps, x.kl, x.mu, x.logvar,
                x.clock, x.rows, x.cols, x.seed, x.stream);
}

}  // namespace lat::kernels::LAT_ISA
