// Passes: what they remove, place and join, and that no bit changes.
#include "engine/core/passes.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "tests/harness/small_vae.h"

namespace lat {

using kernels::K;

namespace {

using Body = std::function<std::vector<Tensor>(Tensor)>;
using Bits = std::vector<std::string>;

std::string bits(const Tensor& t) {
  return {static_cast<const char*>(t.data), static_cast<size_t>(t.bytes())};
}

Buffer ramp(Context& ctx, const Shape& shape, double step = 1e-3) {
  Buffer b(ctx, shape);
  std::vector<double> v(static_cast<size_t>(shape.size()));
  for (size_t i = 0; i < v.size(); ++i) v[i] = step * static_cast<double>(i % 1999) - 0.5;
  set_values(b, v);
  return b;
}

// The names of the kernels that a step replays, in order, without those that every step begins and ends with.
std::vector<std::string> kernels_of(const Program& p, const Context& ctx) {
  std::vector<std::string> out;
  for (const Call& c : p.calls) {
    const std::string name = ctx.rows()[c.kernel].name;
    if (c.op || (name != "advance" && name != "fill_i32" && name != "copy")) out.push_back(name);
  }
  return out;
}
using Names = std::vector<std::string>;

// What a work tensor takes in an arena.
i64 rounded(i64 elements) { return (elements * 4 + 63) / 64 * 64; }

int runs_of(const Program& p) {
  int runs = 0;
  for (const Call& c : p.calls) runs += c.together > 1;
  return runs;
}

}  // namespace

TEST_CASE("calls that nobody reads are removed, effects are not") {
  Context ctx;
  const Buffer x = ramp(ctx, {8}), kept(ctx, {8});
  Step step(ctx, "dead", [&](Tensor a) {
    exp(tanh(a));
    tap("tapped", sigmoid(a));
    assign(kept, softplus(a));
    sqrt(square(a));
    return relu(a);
  });
  step(x);
  CHECK(kernels_of(step.recorded(), ctx) ==
        Names{"tanh", "exp", "sigmoid", "softplus", "assign", "square", "sqrt", "relu"});
  CHECK(kernels_of(step.program(), ctx) == Names{"sigmoid", "softplus", "assign", "relu"});
  CHECK(to_host(kept)[7] == doctest::Approx(std::log1p(std::exp(to_host(x)[7]))));
}

TEST_CASE("a write is needed as long as one byte of it is read, and no longer") {
  Context ctx;
  const Buffer x = ramp(ctx, {8});
  const auto recorded = [&](auto body) {
    Step step(ctx, "parts", body);
    step(x);
    return kernels_of(step.program(), ctx);
  };
  // All of y is overwritten before it is read: the fill is dead.
  CHECK(recorded([&](Tensor a) {
          const Tensor y = fill(ctx, {8}, 1);
          ctx.call(K::neg, y.dtype, {slice(y, 0, 3), slice(a, 0, 3), 3, 0.0, 0.0});
          ctx.call(K::exp, y.dtype, {slice(y, 3, 8), slice(a, 3, 8), 5, 0.0, 0.0});
          return tanh(y);
        }) == Names{"neg", "exp", "tanh"});
  // All but one element.
  CHECK(recorded([&](Tensor a) {
          const Tensor y = fill(ctx, {8}, 1);
          ctx.call(K::neg, y.dtype, {slice(y, 0, 3), slice(a, 0, 3), 3, 0.0, 0.0});
          ctx.call(K::exp, y.dtype, {slice(y, 4, 8), slice(a, 4, 8), 4, 0.0, 0.0});
          return tanh(y);
        }) == Names{"fill", "neg", "exp", "tanh"});
  // Additions in place read what they add to; those after the last reader are dead.
  CHECK(recorded([&](Tensor a) {
          const Tensor y = fill(ctx, {8}, 1);
          ctx.call(K::add_into, y.dtype, {slice(y, 2, 6), slice(a, 0, 4), 4});
          const Tensor z = tanh(slice(y, 4, 8));
          ctx.call(K::add_into, y.dtype, {y, a, 8});
          return z;
        }) == Names{"fill", "add_into", "tanh"});
  // A part that no reader meets.
  CHECK(recorded([&](Tensor a) {
          const Tensor y = ctx.empty({8});
          ctx.call(K::neg, y.dtype, {slice(y, 0, 4), slice(a, 0, 4), 4, 0.0, 0.0});
          ctx.call(K::exp, y.dtype, {slice(y, 4, 8), slice(a, 4, 8), 4, 0.0, 0.0});
          return tanh(slice(y, 4, 8));
        }) == Names{"exp", "tanh"});
}

TEST_CASE("work memory is what the lifetimes need") {
  constexpr i64 n = 48;
  Context ctx;
  const Buffer x = ramp(ctx, {n, n}), w = ramp(ctx, {n, n});
  const auto bytes = [&](auto body) {
    Step step(ctx, "memory", body);
    step(x);
    CHECK(step.program().work_bytes >= least_work_bytes(step.program(), ctx.rows()));
    return step.program().work_bytes;
  };
  const i64 one = rounded(n * n);
  // A product cannot take the place of its factors: two matrices in turns.
  CHECK(bytes([&](Tensor a) {
          for (int i = 0; i < 9; ++i) a = matmul(a, w);
          return sum(a, {.first = 0, .last = 0});
        }) == 2 * one);
  // An elementwise result takes the place of its input, however long the chain.
  CHECK(bytes([&](Tensor a) {
          a = matmul(a, w);
          for (int i = 0; i < 9; ++i) a = tanh(a * 2.0);
          return sum(a, {.first = 1, .last = 1});
        }) == one + rounded(n));
  // Not that of an input that is read again.
  CHECK(bytes([&](Tensor a) {
          const Tensor b = matmul(a, w);
          return sum(tanh(b) * sigmoid(b), {.first = 0, .last = 0});
        }) == 2 * one);
  // Nor that of a row that is stretched.
  CHECK(bytes([&](Tensor a) {
          const Tensor row = sum(a, {.first = 0, .last = 0});
          return sum(row + expand(row, {n, n}), {.first = 0, .last = 0});
        }) == one + rounded(n));
  // Slices share the memory of what they are slices of, which lives as long as any of them.
  CHECK(bytes([&](Tensor a) {
          const Tensor b = matmul(a, w);
          const Tensor top = sum(slice(b, 0, n / 2));
          const Tensor c = matmul(a, w);
          return top + sum(c) + sum(slice(b, n / 2, n));
        }) == 2 * one + 2 * 64);
}

TEST_CASE("elementwise calls join the run whose elements they touch") {
  constexpr i64 n = 20000;
  Context ctx;
  const Buffer x = ramp(ctx, {n}), row = ramp(ctx, {100});
  const auto program = [&](auto body) {
    Step step(ctx, "runs", body);
    step(x);
    return step.program();
  };
  const Program chain =
      program([&](Tensor a) { return sum(tanh(square(a) + reshape(square(a), {n})), {}); });
  REQUIRE(runs_of(chain) == 1);
  for (const Call& c : chain.calls)
    if (c.together > 1) {
      CHECK(c.together == 4);
      CHECK(c.tiles >= 4);
      CHECK(c.parts >= 2);
    }
  // A stretched row is read anywhere, which is fine until the run writes it.
  const auto stretched = [&](bool written) {
    return program([&, written](Tensor a) {
      const Tensor wide = reshape(a * 2.0, {n / 100, 100});
      const Tensor r = written ? reshape(slice(wide, 7, 8), {100}) : row.tensor();
      return sum(wide * r);
    });
  };
  CHECK(runs_of(stretched(false)) == 1);
  CHECK(runs_of(stretched(true)) == 0);
  // Neighbours' elements are not the same elements.
  CHECK(runs_of(program([&](Tensor a) {
          const Tensor y = fill(ctx, {n + 8}, 0.5);
          ctx.call(K::tanh, y.dtype, {slice(y, 8, n + 8), a, n, 0.0, 0.0});
          return sum(exp(slice(y, 0, n)));
        })) == 0);
  // A call moves up past calls that it does not depend on, but not past one that it does.
  CHECK(runs_of(program([&](Tensor a) {
          const Tensor y = tanh(a);
          const Tensor s = sum(y);
          return stack(std::vector<Tensor>{sum(exp(y)), s});
        })) == 1);
  CHECK(runs_of(program([&](Tensor a) {
          const Tensor y = tanh(a);
          const Tensor s = sum(y);
          return sum(y * s);
        })) == 0);
  // Short ones stay as they are.
  CHECK(runs_of(program([&](Tensor a) { return sum(tanh(square(slice(a, 0, 500)))); })) == 0);
}

TEST_CASE("a run is shared by the team, whatever the instruction set") {
  constexpr i64 n = 70001;
  std::string want;
  for (const kernels::Isa isa : {kernels::Isa::spec, kernels::Isa::v2, kernels::Isa::v3,
                                 kernels::Isa::v4, kernels::Isa::neon})
    for (const int threads : {1, 2, 5}) {
      if (!kernels::has_isa(isa)) continue;
      Context ctx({.threads = threads, .isa = isa});
      const Buffer x = ramp(ctx, {n});
      Step step(ctx, "run", [&](Tensor a) { return tanh(square(a) * a) - exp(a); });
      const std::string got = bits(step(x));
      if (want.empty()) want = got;
      CHECK(got == want);
      CHECK(runs_of(step.program()) == (isa == kernels::Isa::spec ? 0 : 1));
    }
}

TEST_CASE("a prepared step knows its memory before it has run") {
  Context ctx;
  test::SmallVae vae(ctx, true);
  int runs = 0;
  Step learn(ctx, "learn", [&](Tensor x) {
    ++runs;
    return vae.train(x, Rng(ctx));
  });
  const Buffer x(ctx, {8, 6, 6, 1});
  const std::string before = vae.params.hash();
  learn.prepare(x);
  CHECK(runs == 1);
  CHECK(vae.params.hash() == before);
  CHECK(learn.tick() == 0);
  CHECK(learn.calls() == 0);
  const i64 planned = learn.program().work_bytes;
  CHECK(planned < learn.recorded().work_bytes);
  learn(x);
  CHECK(runs == 1);
  CHECK(vae.params.hash() != before);
  CHECK(learn.program().work_bytes == planned);
  CHECK_THROWS_AS(learn.prepare(Buffer(ctx, {8, 5, 5, 1})), Error);
  learn(x);
  CHECK(runs == 3);
}

// ---- random programs -------------------------------------------------------------------------------------------------

namespace {

// A body made from a seed: ops, views of all kinds, sums in place, tensors that are written part by part or twice, work
// of inner scopes, noise, effects, several results, and calls that nobody needs.
class RandomBody {
 public:
  RandomBody(Context& ctx, u64 seed)
      : ctx_(ctx), seed_(seed), memory_(ramp(ctx, {kRows, 64}, 3e-4)), rate_(ctx, "rate", 0.25) {}

  std::vector<Tensor> operator()(const Tensor& x) {
    state_ = seed_ * 2654435761u + 12345;
    pool_.assign({x});
    const u64 length = 10 + below(40);
    for (u64 i = 0; i < length; ++i) step();
    std::vector<Tensor> out;
    for (u64 i = 0, n = 2 + below(6); i < n; ++i) out.push_back(any());
    return out;
  }

  const Buffer& memory() const { return memory_; }

 private:
  static constexpr i64 kRows =
      72;  // tensors are (72,64), some of fewer rows; a run begins at 64 rows

  u64 below(u64 n) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return (state_ >> 33) % n;
  }
  // One of the pool, the last ones more often; new tensors of the pool have 64 columns and are bounded.
  Tensor any() {
    return pool_[below(2) ? pool_.size() - 1 - below(std::min<u64>(3, pool_.size()))
                          : below(pool_.size())];
  }
  Tensor of_rows(i64 rows) {
    const Tensor t = any();
    if (t.dim[0] == rows) return t;
    if (t.dim[0] > rows) {
      const i64 at = static_cast<i64>(below(static_cast<u64>(t.dim[0] - rows + 1)));
      return slice(t, at, at + rows);
    }
    return expand(slice(t, 0, 1), {rows, 64});
  }
  // A tensor that the body made and may write to; empty when there is none.
  Tensor own(i64 rows) {
    for (int i = 0; i < 4; ++i) {
      const Tensor t = any();
      if (t.dim[0] >= rows && t.place != Place::persistent) {
        const i64 at = static_cast<i64>(below(static_cast<u64>(t.dim[0] - rows + 1)));
        return slice(t, at, at + rows);
      }
    }
    return {};
  }
  static bool meet(const Tensor& a, const Tensor& b) {
    const char *p = static_cast<const char*>(a.data), *q = static_cast<const char*>(b.data);
    return p < q + b.bytes() && q < p + a.bytes();
  }
  void in_place(K kernel, const Tensor& to, const Tensor& from) {
    if (to && !meet(to, from)) ctx_.call(kernel, to.dtype, {to, from, to.size()});
  }

  void step() {
    const i64 rows = below(3) ? kRows : 1 + static_cast<i64>(below(kRows));
    switch (below(20)) {
      case 0:
      case 1:
        return pool_.push_back(tanh(any()));
      case 2:
        return pool_.push_back(sigmoid(of_rows(rows)));
      case 3:
        return pool_.push_back(affine(any(), 0.75, -0.125));
      case 4:
      case 5:
        return pool_.push_back(of_rows(rows) * of_rows(rows));
      case 6:
        return pool_.push_back(tanh(of_rows(rows) - of_rows(rows)));
      case 7:  // a row of the pool stretched over another tensor
        return pool_.push_back(maximum(of_rows(rows), of_rows(1)));
      case 8:
        return pool_.push_back(slice(any(), 0, 1));
      case 9:
        return pool_.push_back(of_rows(rows));
      case 10: {  // row sums, stretched again
        const Tensor t = of_rows(rows);
        return pool_.push_back(expand(mean(t, {.first = 1, .last = 1, .keep = true}), t.shape()));
      }
      case 11:
        return pool_.push_back(tanh(matmul(of_rows(rows), of_rows(64))));
      case 12:  // by halves
        return pool_.push_back(concat({of_rows(5), of_rows(rows)}, 0));
      case 13: {
        const Tensor t = of_rows(rows);
        return pool_.push_back(concat({narrow(t, 1, 40, 64), narrow(t, 1, 0, 40)}, 1));
      }
      case 14:
        return in_place(K::add_into, own(rows), of_rows(rows));
      case 15:
        return in_place(K::copy, own(rows), of_rows(rows));
      case 16: {  // elements of one call are neighbours of another's
        const Tensor y = fill(ctx_, {rows + 3, 64}, 0.5);
        in_place(K::copy, slice(y, 0, rows), of_rows(rows));
        pool_.push_back(tanh(slice(y, 3, rows + 3)));
        return pool_.push_back(y);
      }
      case 17: {  // work of an inner scope, whose memory later tensors use again
        const Tensor y = fill(ctx_, {rows, 64}, 0.25);
        const Tensor a = of_rows(rows), b = of_rows(rows);
        const Scratch inner(ctx_);
        in_place(K::add_into, y, tanh(exp(neg(square(a))) + b));
        return pool_.push_back(y);
      }
      case 18:
        return pool_.push_back(tanh(normal(Rng(ctx_), {rows, 64})));
      default:
        if (below(2)) return tap("t", of_rows(9));
        return below(2) ? assign(memory_, of_rows(kRows)) : lerp(memory_, of_rows(kRows), rate_);
    }
  }
  Context& ctx_;
  u64 seed_, state_ = 0;
  std::vector<Tensor> pool_;
  Buffer memory_;
  Word rate_;
};

// Results, taps and memory of three calls; what the last recording did.
struct Outcome {
  Bits seen;
  i64 recorded = 0, replayed = 0;
  int runs = 0;
  size_t removed = 0;
};

enum class How { eager, recorded, optimised };

Outcome outcome(u64 seed, How how, int threads) {
  Context ctx({.threads = threads, .seed = seed, .eager = how == How::eager});
  RandomBody body(ctx, seed);
  Step step(ctx, "random", [&](Tensor x) { return body(x); });
  const Buffer x = ramp(ctx, {72, 64}, 4e-4);
  Outcome out;
  if (how != How::eager) {
    step.prepare(x);
    const Program& p = how == How::recorded ? step.recorded() : step.program();
    out.recorded = step.recorded().work_bytes;
    out.replayed = step.program().work_bytes;
    out.runs = runs_of(step.program());
    out.removed = step.recorded().calls.size() - step.program().calls.size();
    std::memcpy(step.arguments()[0].tensor().data, x.tensor().data,
                static_cast<size_t>(x.tensor().bytes()));
    for (int call = 0; call < 3; ++call) {
      std::memset(p.work, 0xff, static_cast<size_t>(out.recorded));
      ctx.replay(p);
    }
  } else {
    for (int call = 0; call < 3; ++call) step(x);
  }
  const auto& results = step.last();
  for (const Tensor& t : results) out.seen.push_back(bits(t));
  out.seen.push_back(bits(body.memory()));
  try {
    out.seen.push_back(bits(step.tapped("t")));
  } catch (const Error&) {  // this body taps nothing
  }
  return out;
}

}  // namespace

TEST_CASE("random programs: eager, recorded and optimised give the same bits") {
  i64 recorded = 0, replayed = 0;
  int runs = 0;
  size_t removed = 0;
  for (u64 seed = 0; seed < 150; ++seed) {
    CAPTURE(seed);
    const Outcome want = outcome(seed, How::eager, 1);
    CHECK(outcome(seed, How::recorded, 1).seen == want.seen);
    const Outcome one = outcome(seed, How::optimised, 1), team = outcome(seed, How::optimised, 3);
    CHECK(one.seen == want.seen);
    CHECK(team.seen == want.seen);
    CHECK(one.replayed <= one.recorded);
    recorded += one.recorded;
    replayed += one.replayed;
    runs += one.runs;
    removed += one.removed;
  }
  MESSAGE("work memory " << recorded << " -> " << replayed << " bytes, " << runs << " runs, "
                         << removed << " calls removed");
  CHECK(replayed < recorded / 2);
  CHECK(runs > 50);
  CHECK(removed > 150);
}

}  // namespace lat
