// Numerics `fast` of a GPU, without one: libraries of plain loops (tests/harness/fake_nvidia.h) stand in for cuBLASLt and
// cuDNN on the emulated device, so that what is asked of them is seen to be right.
#include "engine/core/device_fast.h"

#include <dlfcn.h>
#include <doctest/doctest.h>

#include <cmath>

#include "engine/core/fast.h"
#include "tests/harness/devices.h"
#include "tests/harness/fake_nvidia.h"
#include "tests/harness/small_vae.h"

namespace lat {

using kernels::Arg;
using kernels::K;
using test::FakeNvidia;

namespace {

using Floats = std::vector<float>;

Floats drawn(i64 n, u32 seed) {
  Floats v(static_cast<size_t>(n));
  for (float& x : v) {
    seed = seed * 1664525u + 1013904223u;
    x = static_cast<float>(static_cast<int32_t>(seed)) * 0x1p-31f;
  }
  return v;
}

Floats absolute(Floats v) {
  for (float& x : v) x = std::abs(x);
  return v;
}

// A call: its operands, each shifted by so many floats from an aligned place, the first `written` of which it writes; and
// the numbers behind them.
struct Work {
  K kernel;
  std::vector<Floats> operands;
  size_t written = 1;
  std::vector<i64> numbers;
  i64 shift = 0, bias_shift = 0;

  // The operands after the specification.
  std::vector<Floats> specified() const {
    std::vector<Floats> memory = operands;
    const std::vector<Arg> args =
        arguments([&](size_t i) { return static_cast<void*>(memory[i].data()); });
    kernels::table(kernels::Isa::spec)[static_cast<size_t>(kernel)].run[0](args.data(),
                                                                           {0, 1, nullptr});
    return memory;
  }
  // And after a call on a device.
  std::vector<Floats> on(Accelerator& device) const {
    std::vector<void*> memory;
    for (const Floats& o : operands) {
      const size_t bytes = (o.size() + static_cast<size_t>(shift + bias_shift)) * 4;
      memory.push_back(device.memory().allocate(bytes));
      device.stream().copy(place(memory, memory.size() - 1), o.data(), o.size() * 4);
    }
    const std::vector<Arg> args = arguments([&](size_t i) { return place(memory, i); });
    device.call(static_cast<int32_t>(kernel), 0, args.data());
    std::vector<Floats> out = operands;
    for (size_t i = 0; i < out.size(); ++i)
      device.read(out[i].data(), place(memory, i), static_cast<i64>(out[i].size()) * 4);
    for (void* const m : memory) device.memory().release(m);
    return out;
  }
  // Sums of the absolute products.
  Work sizes() const {
    Work w = *this;
    for (Floats& o : w.operands) o = absolute(o);
    return w;
  }

 private:
  void* place(const std::vector<void*>& memory, size_t i) const {
    return static_cast<float*>(memory[i]) + shift + (i == 3 ? bias_shift : 0);
  }
  template <class F>
  std::vector<Arg> arguments(F&& pointer) const {
    std::vector<Arg> args;
    for (size_t i = 0; i < operands.size(); ++i)
      args.push_back({.p = operands[i].empty() ? nullptr : pointer(i)});
    for (const i64 n : numbers) args.push_back({.i = n});
    return args;
  }
};

// Within the bound of fast.h for sums of so many terms; what was not to be written is as it was.
void check_near(const Work& work, const std::vector<Floats>& got, i64 terms, bool act) {
  const std::vector<Floats> want = work.specified();
  Work plain = work.sizes();
  if (act) plain.numbers.back() = 0;
  const std::vector<Floats> size = plain.specified();
  for (size_t i = 0; i < want.size(); ++i) {
    if (i >= work.written) CHECK(got[i] == work.operands[i]);
    double worst = 0;
    for (size_t j = 0; i < work.written && j < want[i].size(); ++j) {
      const double apart = std::abs(double(got[i][j]) - double(want[i][j]));
      worst = std::isnan(apart) ? INFINITY : std::max(worst, apart / (double(size[i][j]) + 1e-30));
    }
    CHECK(worst <= fast_bound(terms + 2) + (act ? 4 * 0x1p-24 : 0));
  }
}

Work product_work(K kernel, i64 batch, i64 m, i64 n, i64 k, i64 flags, i64 act, bool bias) {
  const i64 as = flags & 4 ? 1 : batch, bs = flags & 8 ? 1 : batch;
  Work w{kernel, {drawn(batch * m * n, 4), drawn(as * m * k, 1), drawn(bs * k * n, 2)}, 1, {}, 0};
  w.numbers = {batch, m, n, k, flags};
  if (kernel == K::linear_act) {
    w.operands.push_back(bias ? drawn(bs * n, 3) : Floats{});
    w.numbers.push_back(act);
  }
  return w;
}

Work conv_work(K kernel, const ConvSizes& s, i64 act, bool bias) {
  Work w{kernel, {}, 1, {s.B, s.H, s.W, s.C, s.K, s.R, s.S, s.P, s.Q, s.stride, s.pad}, 0};
  const Floats x = drawn(s.x(), 1), f = drawn(s.f(), 2), y = drawn(s.y(), 3);
  if (kernel == K::conv2d)
    w.operands = {y, x, f, bias ? drawn(s.K, 5) : Floats{}};
  else if (kernel == K::conv2d_data)
    w.operands = {x, y, f, bias ? drawn(s.C, 5) : Floats{}};
  else if (kernel == K::conv2d_filter)
    w.operands = {f, x, y};
  else
    w.operands = {f, bias ? drawn(s.K, 5) : Floats{}, x, y};
  w.written = kernel == K::conv2d_filter_into ? 2 : 1;
  if (kernel == K::conv2d || kernel == K::conv2d_data) w.numbers.push_back(act);
  return w;
}

ConvSizes conv_sizes(i64 B, i64 H, i64 W, i64 C, i64 K, i64 R, i64 S, i64 stride, i64 pad) {
  return {B,      H,  W, C, K, R, S, (H + 2 * pad - R) / stride + 1, (W + 2 * pad - S) / stride + 1,
          stride, pad};
}

std::string error_of(const std::function<void()>& f, Code code) {
  try {
    f();
  } catch (const Error& e) {
    CHECK(e.code == code);
    return e.what();
  }
  FAIL("no error");
  return "";
}

struct Trained {
  std::vector<double> losses;
  std::string hash;
  bool operator==(const Trained&) const = default;
};

Trained train(Context& ctx, int steps) {
  test::SmallVae vae(ctx, true);
  const Buffer x(ctx, {8, 6, 6, 1});
  set_values(x, test::bright_rows(8, 0));
  Step learn(ctx, "learn", [&](Tensor images) { return vae.train(images, Rng(ctx)); });
  Trained out;
  for (int i = 0; i < steps; ++i) out.losses.push_back(item(learn(x)));
  out.hash = vae.params.hash();
  return out;
}

}  // namespace

TEST_CASE(
    "cuBLASLt is asked for every layout, batch, bias and activation as our kernels mean them") {
  Accelerator device("emulated");
  FakeNvidia::serve(device);
  int calls = 0;
  for (const i64 batch : {1, 3})
    for (i64 flags = 0; flags < 16; ++flags)
      for (const K kernel : {K::matmul, K::matmul_into, K::linear_act})
        for (const i64 act : {0, 1, 2, 3})
          for (const bool bias : {false, true}) {
            if (kernel != K::linear_act && (act > 0 || bias)) continue;
            for (const i64 shift : {0, 1, 2}) {
              CAPTURE(batch);
              CAPTURE(flags);
              CAPTURE(int(kernel));
              CAPTURE(act);
              CAPTURE(bias);
              Work w = product_work(kernel, batch, 5, 7, 11, flags, act, bias);
              (shift < 2 ? w.shift : w.bias_shift) = shift;
              check_near(w, w.on(device), 11, act > 0);
              CHECK(FakeNvidia::calls == ++calls);
            }
          }
  // One row or column more than another's, so that no two sizes can stand for each other unseen.
  for (const i64 n : {1, 2, 64})
    check_near(product_work(K::matmul, 1, 3, n, 2, 3, 0, false),
               product_work(K::matmul, 1, 3, n, 2, 3, 0, false).on(device), 2, false);
}

TEST_CASE("cuDNN is asked for every convolution as our kernels mean it") {
  Accelerator device("emulated");
  FakeNvidia::serve(device);
  for (const ConvSizes& s :
       {conv_sizes(2, 6, 5, 3, 4, 3, 2, 1, 1), conv_sizes(1, 8, 7, 2, 5, 4, 4, 2, 1),
        conv_sizes(3, 5, 5, 1, 2, 2, 3, 3, 0), conv_sizes(2, 4, 4, 6, 3, 1, 1, 1, 0),
        conv_sizes(1, 4, 5, 2, 3, 3, 3, 2, 2)})
    for (const K kernel : {K::conv2d, K::conv2d_data, K::conv2d_filter, K::conv2d_filter_into})
      for (const i64 act : {0, 1, 2, 3})
        for (const bool bias : {false, true}) {
          const bool filter = kernel == K::conv2d_filter || kernel == K::conv2d_filter_into;
          if ((filter && act > 0) || (kernel == K::conv2d_filter && bias)) continue;
          CAPTURE(s.R);
          CAPTURE(int(kernel));
          CAPTURE(act);
          CAPTURE(bias);
          const int before = FakeNvidia::calls;
          const Work w = conv_work(kernel, s, act, bias);
          const i64 terms = filter                     ? s.B * s.P * s.Q
                            : kernel == K::conv2d_data ? s.R * s.S * s.K
                                                       : s.R * s.S * s.C;
          check_near(w, w.on(device), terms, act > 0);
          CHECK(FakeNvidia::calls > before);
        }
}

TEST_CASE("where a library has no algorithm, or no words, exact's bits stand") {
  Accelerator device("emulated");
  FakeNvidia::serve(device);
  FakeNvidia::has_algorithms = false;
  const Work product = product_work(K::linear_act, 2, 5, 7, 11, 1, 2, true);
  CHECK(product.on(device) == product.specified());
  ConvSizes s = conv_sizes(2, 6, 5, 3, 4, 3, 2, 1, 1);
  for (const K kernel : {K::conv2d, K::conv2d_data, K::conv2d_filter_into}) {
    const Work w = conv_work(kernel, s, 0, true);
    CHECK(w.on(device) == w.specified());
  }
  CHECK(device.fast()->won() == 0);
  CHECK(device.fast()->shapes() == 4);

  FakeNvidia::has_algorithms = true;
  --s.P;  // fewer rows of the result than fit
  const int searches = FakeNvidia::searches;
  const Work fewer = conv_work(K::conv2d, s, 1, true);
  CHECK(fewer.on(device) == fewer.specified());
  const Work empty = product_work(K::matmul, 1, 3, 4, 0, 0, 0, false);
  CHECK(empty.on(device) == empty.specified());
  CHECK(FakeNvidia::searches == searches);
}

TEST_CASE(
    "by a race either way is taken, once for a shape, and nothing but the result is written") {
  Accelerator device("emulated");
  FakeNvidia::serve(device, DeviceFast::Choice::quicker);
  const Work product = product_work(K::matmul_into, 1, 5, 7, 11, 0, 0, false);
  const Work conv =
      conv_work(K::conv2d_filter_into, conv_sizes(2, 6, 5, 3, 4, 3, 2, 1, 1), 0, true);
  for (int time = 0; time < 2; ++time) {
    check_near(product, product.on(device), 11, false);
    check_near(conv, conv.on(device), 60, false);
    CHECK(FakeNvidia::searches == 2);
    CHECK(device.fast()->shapes() == 2);
    CHECK(device.fast()->won() <= 2);
  }
}

TEST_CASE(
    "a VAE trains by libraries to nearly exact's losses, replayed as eager, on every schedule") {
  Context exact({.device = "emulated", .seed = 5});
  const Trained want = train(exact, 9);
  Trained first;
  for (const std::string device : {"emulated", "emulated:reverse", "emulated:unfair"})
    for (const bool eager : {false, true}) {
      CAPTURE(device);
      Context ctx({.device = device, .seed = 5, .eager = eager});
      FakeNvidia::serve(*ctx.device());
      const Trained got = train(ctx, 9);
      CHECK(ctx.device()->fast()->won() == ctx.device()->fast()->shapes());
      CHECK(ctx.device()->fast()->won() >= 8);
      for (size_t i = 0; i < want.losses.size(); ++i)
        CHECK(got.losses[i] == doctest::Approx(want.losses[i]).epsilon(1e-4));
      if (first.hash.empty()) first = got;
      CHECK(got == first);
    }
  CHECK(first.hash != want.hash);
}

TEST_CASE(
    "a replayed step asks for no algorithm, commits no memory and queues nothing of its own") {
  Context ctx({.device = "emulated"});
  FakeNvidia::serve(*ctx.device());
  test::SmallVae vae(ctx, true);
  const Buffer x(ctx, {8, 6, 6, 1});
  set_values(x, test::bright_rows(8, 0));
  Step learn(ctx, "learn", [&](Tensor images) { return vae.train(images, Rng(ctx)); });
  learn(x);
  const int searches = FakeNvidia::searches, calls = FakeNvidia::calls;
  const i64 bytes = ctx.memory_bytes();
  for (int i = 0; i < 4; ++i) learn(x);
  CHECK(learn.tick() == 5);
  CHECK(FakeNvidia::searches == searches);
  CHECK(FakeNvidia::calls == calls);
  CHECK(ctx.memory_bytes() == bytes);
}

TEST_CASE("double stays with the kernels, and what a library refuses is told with its name") {
  Context ctx({.real = DType::f64, .device = "emulated"});
  FakeNvidia::serve(*ctx.device());
  train(ctx, 1);
  CHECK(FakeNvidia::calls == 0);

  const Work w =
      product_work(K::matmul, 1, 2, 3, 4, 0, 0, false);  // outlives what the device has queued
  Accelerator device("emulated");
  FakeNvidia::serve(device);
  static CublasLt broken = *FakeNvidia::cublaslt();
  broken.multiply = [](auto...) { return 7; };
  device.use(std::make_unique<DeviceFast>(
      device, DeviceFast::Libraries{&broken, FakeNvidia::cudnn()}, DeviceFast::Choice::library));
  CHECK(error_of([&] { w.on(device); }, Code::machine).find("cuBLASLt: cublasLtMatmul: refused") !=
        std::string::npos);
}

TEST_CASE("without a GPU or the libraries one line says what to do") {
  const std::string emulated =
      error_of([] { Context ctx({.device = "emulated", .fast = true}); }, Code::unsupported);
  CHECK(emulated.find("choose exact") != std::string::npos);
  const auto check_absent = [](std::vector<const char*> files, const char* package, auto&& open) {
    for (const char* const file : files)
      if (::dlopen(file, RTLD_NOW | RTLD_LOCAL)) return;
    const std::string text = error_of(open, Code::machine);
    CHECK(text.find(package) != std::string::npos);
    CHECK(text.find('\n') == std::string::npos);
  };
  check_absent({"libcublasLt.so.13", "libcublasLt.so.12"}, "libcublas-13-0", [] { cublaslt(); });
  check_absent({"libcudnn.so.9"}, "libcudnn9-cuda-13", [] { cudnn(); });
}

}  // namespace lat
