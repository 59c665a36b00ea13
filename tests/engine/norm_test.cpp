// Layers that normalise.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/lat.h"

namespace lat {

namespace {

using Values = std::vector<double>;

Buffer waves(Context& ctx, const Shape& shape) {
  Buffer b(ctx, shape);
  Values v(static_cast<size_t>(shape.size()));
  for (size_t i = 0; i < v.size(); ++i) v[i] = 3 + 2 * std::sin(static_cast<double>(i * i));
  set_values(b, v);
  return b;
}

}  // namespace

TEST_CASE("at first a layer only normalises") {
  Context ctx({.real = DType::f64});
  Params params;
  const LayerNorm over_features(params, "features", 6, 0);
  const GroupNorm over_groups(params, "groups", 6, 2, 0);
  params.materialise(ctx);
  CHECK(params.entries()[0].name == "features.gain");
  CHECK(params.entries()[3].name == "groups.bias");
  const Buffer x = waves(ctx, {2, 3, 3, 6});
  const auto check = [](const Tensor& rows) {
    const i64 n = rows.dim[1];
    const Values y = to_host(rows);
    for (i64 r = 0; r < rows.dim[0]; ++r) {
      double sum = 0, squares = 0;
      for (i64 k = 0; k < n; ++k) {
        const double v = y[static_cast<size_t>(r * n + k)];
        sum += v, squares += v * v;
      }
      CHECK(sum == doctest::Approx(0).epsilon(1e-12));
      CHECK(squares == doctest::Approx(static_cast<double>(n)).epsilon(1e-12));
    }
  };
  check(reshape(over_features(x), {-1, 6}));
  const Tensor grouped = permute(reshape(over_groups(x), {2, 9, 2, 3}), {0, 2, 1, 3});
  check(reshape(grouped, {4, 27}));
}

// The gradient of a batch does not depend on how many of its shards are computed at once.
TEST_CASE("normalising layers accumulate by shards of the batch") {
  constexpr int kShards = 4;
  const auto accumulated = [](int at_once) {
    Context ctx({.shards = kShards});
    Params params;
    const LayerNorm over_features(params, "features", 6);
    const GroupNorm over_groups(params, "groups", 6, 3);
    const Linear out(params, "out", 6, 2);
    params.materialise(ctx);
    const i64 rows = 2 * at_once;
    const Buffer x = waves(ctx, {2 * kShards, 5, 4, 6});
    Step collect(ctx, "collect", [&](Key first, Tensor some) {
      const Shards shards(ctx, static_cast<int>(first.value), at_once);
      const Tensor loss = sum(square(out(over_features(over_groups(some)))));
      backward(loss, params);
      return loss;
    });
    for (int first = 0; first < kShards; first += at_once)
      collect(Key{first}, slice(x, first * 2, first * 2 + rows));
    return to_host(params.grads());
  };
  const Values want = accumulated(kShards);
  CHECK(accumulated(1) == want);
  CHECK(accumulated(2) == want);
}

}  // namespace lat
