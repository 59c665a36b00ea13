// Gradient checkpointing: the same bits from less memory, for at most one more forward pass.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "engine/core/passes.h"
#include "engine/lat.h"
#include "tests/harness/devices.h"

namespace lat {

namespace {

Buffer ramp(Context& ctx, const Shape& shape) {
  Buffer b(ctx, shape);
  std::vector<double> v(static_cast<size_t>(shape.size()));
  for (size_t i = 0; i < v.size(); ++i) v[i] = 1e-3 * static_cast<double>(i % 1999) - 0.5;
  set_values(b, v);
  return b;
}

// A loss over `layers` layers, each a segment where `checkpoint` says so.
struct Net {
  virtual ~Net() = default;
  virtual Tensor loss(const Tensor& x, Rng rng, bool checkpoint) = 0;
  Params params;
};

// h <- tanh(z W' + b'), z ~ N(h W + b, softplus(h W + b) + relu(h W + b)), dropped with probability 1/2
struct Chain : Net {
  Chain(Context& ctx, i64 layers, i64 width) {
    for (i64 l = 0; l < layers; ++l) {
      hidden.emplace_back(params, cat("hidden.", l), width, width);
      last.emplace_back(params, cat("last.", l), width, width);
    }
    params.materialise(ctx);
  }
  Tensor loss(const Tensor& x, Rng rng, bool checkpoint) override {
    Tensor h = x;  // (B,D)
    for (size_t l = 0; l < hidden.size(); ++l) {
      const Checkpoint segment(*x.ctx, checkpoint);
      const Tensor a = hidden[l](h);                                            // (B,D)
      const Tensor z = reparameterise(rng, a, -softplus(a) + relu(a));          // (B,D)
      const Tensor kept = stop_gradient(sigmoid(z) * uniform(rng, z.shape()));  // (B,D)
      h = last[l](z * kept + square(z), Act::tanh);                             // (B,D)
    }
    return mean(square(h));
  }
  std::vector<Linear> hidden, last;
};

// An LSTM over T steps of the same input.
struct Recurrent : Net {
  Recurrent(Context& ctx, i64 steps, i64 width)
      : T(steps), cell(params, "cell", width, width), out(params, "out", width, width) {
    params.materialise(ctx);
  }
  Tensor loss(const Tensor& x, Rng, bool checkpoint) override {
    const Tensor zero = fill(*x.ctx, x.shape(), 0);
    LstmState s{zero, zero};
    Tensor fed = x, total;
    for (i64 t = 0; t < T; ++t) {
      const Checkpoint segment(*x.ctx, checkpoint);
      s = cell.step(fed, s);
      fed = out(s.h, Act::relu);
      const Tensor cost = mean(square(fed - x));
      total = total ? total + cost : cost;
    }
    return total;
  }
  i64 T;
  Lstm cell;
  Linear out;
};

template <class N>
struct Made {
  std::vector<double> losses;
  std::vector<double> gradient;  // of the last step
  std::string hash;
  i64 recorded_calls = 0, calls = 0, forward_calls = 0, work = 0, least = 0;
};

template <class N>
Made<N> train(const Context::Options& options, i64 layers, i64 width, i64 batch, bool checkpoint,
              int steps = 3) {
  Context ctx(options);
  N net(ctx, layers, width);
  Adam adam(net.params, {.lr = 1e-2});
  const Buffer x = ramp(ctx, {batch, width}), gradient(ctx, net.params.grads().shape());
  Made<N> out;
  Step learn(ctx, "learn", [&] {
    const Tensor loss = net.loss(x, Rng(ctx), checkpoint);
    if (ctx.recording()) out.forward_calls = static_cast<i64>(ctx.recorded_calls());
    backward(loss, net.params);
    assign(gradient, net.params.grads());
    adam.step();
    return loss;
  });
  for (int s = 0; s < steps; ++s) out.losses.push_back(item(learn()));
  out.gradient = to_host(gradient);
  out.hash = net.params.hash();
  if (!options.eager) {
    const Program& p = learn.program();
    out.recorded_calls = static_cast<i64>(learn.recorded().calls.size());
    out.calls = static_cast<i64>(p.calls.size());
    out.work = p.work_bytes;
    out.least = least_work_bytes(p, ctx.rows());
  }
  return out;
}

template <class N>
void same(const Made<N>& a, const Made<N>& b) {
  CHECK(a.losses == b.losses);
  CHECK(a.gradient == b.gradient);
  CHECK(a.hash == b.hash);
  CHECK(
      std::all_of(a.gradient.begin(), a.gradient.end(), [](double g) { return std::isfinite(g); }));
  CHECK(std::any_of(a.gradient.begin(), a.gradient.end(), [](double g) { return g != 0; }));
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    CHECK(e.code == Code::state);
    return e.what();
  }
  FAIL("no error");
  return "";
}

bool says(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a checkpointed chain has the same bits in less memory") {
  const auto plain = train<Chain>({}, 16, 32, 256, false),
             less = train<Chain>({}, 16, 32, 256, true);
  same(plain, less);
  CAPTURE(plain.work);
  CAPTURE(less.work);
  CAPTURE(plain.calls);
  CAPTURE(less.calls);
  CHECK(less.work < plain.work / 2);
  CHECK(less.calls > plain.calls);
  CHECK(less.recorded_calls <= plain.recorded_calls + plain.forward_calls);
  CHECK(less.calls <= plain.calls + plain.forward_calls);
  for (const int threads : {1, 3})
    for (const bool eager : {false, true}) {
      CAPTURE(threads);
      CAPTURE(eager);
      same(plain, train<Chain>({.threads = threads, .eager = eager}, 16, 32, 256, true));
    }
}

TEST_CASE("a checkpointed LSTM has the same bits in less memory") {
  const auto plain = train<Recurrent>({}, 16, 32, 128, false),
             less = train<Recurrent>({}, 16, 32, 128, true);
  same(plain, less);
  CAPTURE(plain.work);
  CAPTURE(less.work);
  CHECK(less.work < plain.work / 2);
  CHECK(less.recorded_calls <= plain.recorded_calls + plain.forward_calls);
  same(plain, train<Recurrent>({.threads = 3}, 16, 32, 128, true));
  same(plain, train<Recurrent>({.eager = true}, 16, 32, 128, true));
}

TEST_CASE("checkpoints: shards, double precision and devices") {
  same(train<Chain>({.shards = 4}, 4, 16, 16, false), train<Chain>({.shards = 4}, 4, 16, 16, true));
  same(train<Chain>({.real = DType::f64}, 4, 16, 16, false),
       train<Chain>({.real = DType::f64}, 4, 16, 16, true));
  const auto plain = train<Chain>({}, 3, 8, 8, false);
  for (const std::string& device : test::devices()) {
    CAPTURE(device);
    same(plain, train<Chain>({.device = device}, 3, 8, 8, true));
  }
}

TEST_CASE("the memory of a checkpointed chain grows with depth by what leaves a segment alone") {
  const i64 width = 32, batch = 256, tensor = width * batch * 4;
  const auto shallow = train<Chain>({}, 8, width, batch, true, 1),
             deep = train<Chain>({}, 24, width, batch, true, 1);
  // Of each segment its result and its uniform draws, which no gradient makes again.
  CHECK(deep.least - shallow.least == 16 * 2 * tensor);
}

TEST_CASE("a gradient of a gradient goes through a checkpoint") {
  Context ctx;
  const Buffer x = ramp(ctx, {4, 8});
  const auto second = [&](bool checkpoint) {
    Step step(ctx, "second", [&, checkpoint](Tensor a) {
      const Tensor leaf = watch(a);
      Tensor h = leaf;
      for (int l = 0; l < 3; ++l) {
        const Checkpoint segment(ctx, checkpoint);
        h = tanh(h * exp(h)) + layer_norm(h, {}, {});
      }
      const Tensor g = grad(sum(square(h)), leaf);
      return grad(sum(g * g * g), leaf);
    });
    return to_host(step(x));
  };
  const std::vector<double> plain = second(false);
  CHECK(
      std::all_of(plain.begin(), plain.end(), [](double g) { return std::isfinite(g) && g != 0; }));
  CHECK(second(true) == plain);
}

TEST_CASE("effects in a checkpoint happen once, and checkpoints in checkpoints are one") {
  Context ctx;
  Params params;
  const Linear layer(params, "layer", 8, 8);
  params.materialise(ctx);
  const Buffer x = ramp(ctx, {4, 8}), count(ctx, {}), average(ctx, {4, 8});
  const Word half(ctx, "half", 0.5);
  const auto learn = [&](bool checkpoint) {
    set_values(count, std::vector<double>{0});
    set_values(average, std::vector<double>(32, 0.0));
    Step step(ctx, "effects", [&](Tensor a) {
      Tensor h = a;
      {
        const Checkpoint segment(ctx, checkpoint);
        h = layer(h, Act::relu);
        {
          const Checkpoint inner(ctx, checkpoint);
          h = exp(layer(h, Act::tanh));
        }
        h = sigmoid(layer(h));
        tap("h", h);
        assign(count, count.tensor() + 1.0);
        lerp(average, h, half);
      }
      backward(sum(square(h)), params);
      const Tensor g = params.grads() * 1.0;
      return g;
    });
    std::vector<double> out = to_host(step(x));
    for (const Tensor& t : {count.tensor(), average.tensor(), step.tapped("h")}) {
      const std::vector<double> v = to_host(t);
      out.insert(out.end(), v.begin(), v.end());
    }
    i64 products = 0;
    for (const Call& c : step.recorded().calls)
      products += std::string(ctx.rows()[c.kernel].name) == "linear_act";
    CHECK(products == (checkpoint ? 6 : 3));
    CHECK(item(count) == 1);
    set_values(params.grads(), std::vector<double>(static_cast<size_t>(params.size()), 0.0));
    return out;
  };
  CHECK(learn(true) == learn(false));
}

TEST_CASE("what a checkpoint cannot do is refused by name") {
  Context ctx;
  Params params;
  const Linear layer(params, "layer", 8, 8);
  params.materialise(ctx);
  const Buffer x = ramp(ctx, {4, 8}), state = ramp(ctx, {4, 8});
  Step inside(ctx, "inside", [&](Tensor a) {
    const Checkpoint segment(ctx);
    backward(sum(layer(a)), params);
  });
  CHECK(says(error_of([&] { inside(x); }), "while a Checkpoint lives"));
  CHECK(ctx.tape.segment == -1);

  // What the segment read has changed before the gradient.
  Step stale(ctx, "stale", [&](Tensor a) {
    Tensor h;
    {
      const Checkpoint segment(ctx);
      h = exp(layer(a) + state);
    }
    assign(state, a);
    backward(sum(h), params);
  });
  const std::string text = error_of([&] { stale(x); });
  CHECK(says(text, "add"));
  CHECK(says(text, "(4,8) has been written since"));

  // Written before the segment: nothing to refuse.
  Step fine(ctx, "fine", [&](Tensor a) {
    assign(state, a);
    Tensor h;
    {
      const Checkpoint segment(ctx);
      h = exp(layer(a) + state);
    }
    backward(sum(h), params);
    assign(state, a);
  });
  fine(x);
}

}  // namespace lat
