#pragma once
// Two small models with their training and decoding, and their program files opened by the runtime.
#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/lat.h"
#include "engine/runtime/runtime.h"
#include "engine/train/program_file.h"

namespace lat::test {

namespace rt = runtime;
using rt::Status;

inline std::string bits(const Tensor& t) {
  return {static_cast<const char*>(t.data), static_cast<size_t>(t.bytes())};
}

// ---- two models: (B,20) -> z (B,4) -> (B,20), and images u8 (B,8,8,1) -> z (B,3) -> (B,8,8,1) ---

struct MlpVae {
  static constexpr i64 B = 8, D = 20, Z = 4;
  static constexpr DType input_type(DType real) { return real; }
  Linear hidden, mu, logvar, up, out;

  explicit MlpVae(Params& p)
      : hidden(p, "hidden", D, 16),
        mu(p, "mu", 16, Z),
        logvar(p, "logvar", 16, Z),
        up(p, "up", Z, 16),
        out(p, "out", 16, D) {}
  static Shape input() { return {B, D}; }
  static Tensor data(const Tensor& x) { return x; }
  Normal encode(const Tensor& x) const {
    const Tensor h = hidden(x, Act::tanh);  // (B,16)
    return {mu(h), logvar(h)};
  }
  Tensor decode(const Tensor& z) const { return out(up(z, Act::tanh)); }  // (B,D)
};

struct ConvVae {
  static constexpr i64 B = 4, Z = 3;
  static constexpr DType input_type(DType) { return DType::u8; }
  Conv2d down;
  Linear mu, logvar, grow;
  ConvTranspose2d up;

  explicit ConvVae(Params& p)
      : down(p, "down", 1, 4, 3, {.stride = 2, .pad = 1}),
        mu(p, "mu", 64, Z),
        logvar(p, "logvar", 64, Z),
        grow(p, "grow", Z, 64),
        up(p, "up", 4, 1, 4, {.stride = 2, .pad = 1}) {}
  static Shape input() { return {B, 8, 8, 1}; }
  static Tensor data(const Tensor& x) { return from_bytes(x, 1.0 / 255); }
  Normal encode(const Tensor& x) const {
    const Tensor h = flatten(down(x, Act::relu));  // (B,64)
    return {mu(h), logvar(h)};
  }
  Tensor decode(const Tensor& z) const {
    return up(reshape(grow(z, Act::relu), {z[0], 4, 4, 4}));  // (B,8,8,1)
  }
};

// A model with its two Steps.
template <class Vae>
struct World {
  Context ctx;
  Params params;
  Vae vae{params};
  bool materialised = (params.materialise(ctx), true);
  Adam adam{params, {.lr = 3e-3}};
  std::mt19937 random{7};

  Tensor loss_of(const Tensor& batch) {
    const Tensor data = Vae::data(batch);
    const Normal q = vae.encode(data);
    const Tensor logits = vae.decode(q.rsample(Rng(ctx)));
    const Tensor elbo =
        bernoulli_log_prob(flatten(logits), flatten(data)) - kl(q, StandardNormal{});  // (B) nats
    const Tensor total = -mean(elbo);
    backward(total, params);
    adam.step();
    return total;
  }
  struct Train {
    World* w;
    Tensor operator()(Tensor batch) const { return w->loss_of(batch); }
  };
  struct Decode {
    World* w;
    Tensor operator()(Tensor code) const { return sigmoid(w->vae.decode(code)); }
  };
  Step<Train> learn{ctx, "learn", Train{this}};
  Step<Decode> decode{ctx, "decode", Decode{this}};
  Buffer x{ctx, Vae::input(), Vae::input_type(ctx.real())};
  Buffer z{ctx, {Vae::B, Vae::Z}};
  Tensor loss, image;

  explicit World(DType real, int threads = 1)
      : ctx({.real = real, .threads = threads, .seed = 5}) {}

  // Fresh values in x or z; returns their bits.
  std::string draw(const Tensor& t) {
    std::vector<double> values(static_cast<size_t>(t.size()));
    for (double& v : values) {
      const double r = static_cast<double>(random() % 256);
      v = t.dtype == DType::u8 ? r : r / 256;
    }
    set_values(t, values);
    return bits(t);
  }
  Tensor train_once() { return loss = learn(x); }

  // Three steps, one decoding, and the file of what the context then holds.
  std::string file() {
    for (int i = 0; i < 3; ++i) draw(x), train_once();
    draw(z);
    image = decode(z);
    return program_file_bytes(ctx, entries(), state());
  }
  std::vector<ProgramEntry> entries() {
    return {{"train", &learn.program(), {{"x", learn.arguments()[0]}}, {{"loss", loss}}},
            {"decode", &decode.program(), {{"z", decode.arguments()[0]}}, {{"image", image}}}};
  }
  std::vector<NamedTensor> state() {
    std::vector<NamedTensor> list{{"lr", adam.lr},
                                  {"train clock", learn.clock()},
                                  {"adam.m", adam.m()},
                                  {"adam.v", adam.v()},
                                  {"adam.t", adam.count()},
                                  {"decode clock", decode.clock()},
                                  {"gradient", params.grads()}};
    for (size_t i = 0; i < params.entries().size(); ++i)
      list.push_back({params.entries()[i].name, params.memory(static_cast<int32_t>(i))});
    return list;
  }
  std::string state_bits() {
    std::string all;
    for (const NamedTensor& n : state()) all += bits(n.tensor);
    return all;
  }
};

// ---- the runtime, in this process and in another ------------------------------------------------

// The bytes in memory of exactly their size, so that a sanitizer sees a read beyond them.
struct Opened {
  size_t size;
  std::unique_ptr<char[]> bytes;
  std::unique_ptr<char[]> memory;
  size_t need = 0;
  rt::Error error;
  rt::Model model;
  Status status;

  explicit Opened(const std::string& file, kernels::Isa isa = kernels::best_isa())
      : size(file.size()), bytes(new char[file.size()]) {
    if (size > 0) std::memcpy(bytes.get(), file.data(), size);
    status = rt::required_workspace(bytes.get(), size, &need, &error, isa);
    if (status != Status::ok) {
      size_t small = 0;  // open finds the same on its own
      rt::Error again;
      CHECK(rt::open(bytes.get(), size, &small, sizeof(small), &model, &again, isa) == status);
      CHECK(again.byte_offset == error.byte_offset);
      CHECK(model.entries() == 0);
      return;
    }
    memory.reset(new char[need]);
    status = rt::open(bytes.get(), size, memory.get(), need, &model, &error, isa);
  }
};

inline std::string bits(const rt::Tensor& t) { return {static_cast<const char*>(t.data), t.bytes}; }

}  // namespace lat::test
