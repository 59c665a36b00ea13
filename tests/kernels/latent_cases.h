#pragma once
// Calls of the ladder reparameterise_kl, for every instruction set and for devices.
#include <functional>

#include "tests/kernels/call.h"

namespace lat::test {

// body(call, what the two kernels of the table make of its arguments)
using LatentBody = std::function<void(const Call&, const std::vector<Values>&)>;

inline void for_latent(i64 rows, i64 cols, const Values& mu, const Values& logvar,
                       const Values& clock, i64 seed, i64 stream, const LatentBody& body) {
  const i64 n = rows * cols;
  const std::vector<Values> drawn = Call("reparameterise")
                                        .out(n)
                                        .out(n)
                                        .in(mu)
                                        .in(logvar)
                                        .in_u64(clock)
                                        .integers({n, cols, seed, stream})
                                        .run(Isa::spec, kFloat);
  const std::vector<Values> kl =
      Call("gaussian_kl").out(rows).in(mu).in(logvar).integers({rows, cols}).run(Isa::spec, kFloat);
  Call both("reparameterise_kl");
  both.out(n).out(n).out(rows).in(mu).in(logvar).in_u64(clock);
  body(both.integers({rows, cols, seed, stream}), {drawn[0], drawn[1], kl[0]});
}

constexpr i64 kLatentRows[] = {0, 1, 3, 63, 64, 65, 200};

template <size_t n>
void for_latents(const i64 (&all_rows)[n], const LatentBody& body) {
  const double first_rows[] = {0, 1, 37, 5e9};
  u64 turn = 0;
  for (const i64 rows : all_rows)
    for (const i64 cols : {1, 2, 15, 16, 17, 20, 64, 67}) {
      const i64 size = rows * cols;
      const Values clock{double(turn % 5), first_rows[turn % 4]};
      const bool odd = turn++ % 3 == 0;
      for_latent(rows, cols, odd ? wild(size, turn) : numbers(size, -2, 2, turn),
                 odd ? wild(size, turn + 1) : numbers(size, -4, 2, turn + 1), clock, 42,
                 i64(3) << 32 | 7, body);
    }
  for_latent(3, 4099, numbers(3 * 4099), numbers(3 * 4099, -3, 1, 2), {9, 2}, -1, i64(1) << 32,
             body);
}

}  // namespace lat::test
