// CUDA kernels against the specification: in the emulator always, on a GPU where there is one.
#include "kernels/common/divide.h"
#include "tests/kernels/elementwise_cases.h"
#include "tests/kernels/gather_cases.h"
#include "tests/kernels/norm_cases.h"
#include "tests/kernels/on_devices.h"
#include "tests/kernels/optim_cases.h"
#include "tests/kernels/recurrent_cases.h"
#include "tests/kernels/row_cases.h"
#include "tests/kernels/scan_cases.h"

namespace lat::test {
namespace {

constexpr const char* kUnary[] = {
#define UNARY(name, ...) #name,
#include "kernels/elementwise/unary.def"
#undef UNARY
};

TEST_CASE("cuda: unary kernels and derivatives equal the specification") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for (const std::string name : kUnary)
      for (const i64 n : kCounts) {
        const Values x = wild(n, 11), y = wild(n, 12), dy = wild(n, 13), u = wild(n, 14);
        const auto with_numbers = [n](Call call) { return call.integer(n).real(-0.25).real(1.5); };
        check_on(device, table, with_numbers(Call(name).out(n).in(x)));
        check_on(device, table, with_numbers(Call(name + "_d1").out(n).in(dy).in(x).in(y)));
        check_on(device, table, with_numbers(Call(name + "_d2").out(n).in(u).in(dy).in(x).in(y)));
      }
  });
}

TEST_CASE("cuda: binary kernels equal the specification") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for_binary_calls(kCounts, [&](const Call& call) { check_on(device, table, call); });
  });
}

TEST_CASE("cuda: expand equals the specification") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for_expand_calls(kCounts, [&](const Call& call) { check_on(device, table, call); });
  });
}

TEST_CASE("cuda: fills, copies, sums and casts equal the specification") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for_plain_calls(kCounts, [&](const Call& call) { check_on(device, table, call); });
  });
}

TEST_CASE("cuda: rows put into a ring equal the specification") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for_put_row_calls([&](const Call& call) { check_on(device, table, call); });
  });
}

TEST_CASE("cuda: chosen columns equal the specification") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for_choice_calls([&](const Call& call) { check_on(device, table, call); });
  });
}

TEST_CASE("cuda: row kernels equal the specification") {
  struct Shape {
    i64 rows, cols;
  };
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for (const Shape s : {Shape{0, 5},
                          {3, 0},
                          {1, 1},
                          {9, 31},
                          {17, 64},
                          {8, 65},
                          {3, 100},
                          {2, 4096},
                          {2, 4097},
                          {1, 12288},
                          {1, 32769}})
      for_row_calls(s.rows, s.cols, [&](const Call& call) { check_on(device, table, call); });
  });
}

TEST_CASE("cuda: column sums equal the specification") {
  struct Block {
    i64 outer, n, inner;
  };
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for (const Block b : {Block{1, 0, 5},
                          {0, 5, 5},
                          {5, 5, 0},
                          {3, 7, 1},
                          {2, 512, 33},
                          {1, 513, 10},
                          {1, 1537, 3},
                          {1, 4100, 2}}) {
      const i64 size = b.outer * b.n * b.inner;
      const Values y = numbers(b.outer * b.inner);
      for (const Values& x : {numbers(size, -3, 3, 5), wild(size, 5)}) {
        check_on(device, table,
                 Call("col_sum").out(b.outer * b.inner).in(x).integers({b.outer, b.n, b.inner}));
        check_on(device, table,
                 Call("col_sum_into").inout(y).in(x).integers({b.outer, b.n, b.inner}));
      }
    }
  });
}

TEST_CASE("cuda: optimiser kernels equal the specification") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for_optim_calls(kCounts, [&](const Call& call) { check_on(device, table, call); });
  });
}

// The only bad element in every thread's first and last place, and at the edges of blocks.
TEST_CASE("cuda: all_finite finds one bad element anywhere") {
  constexpr i64 n = 2100;
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for (const i64 at : {0, 31, 255, 256, 768, 1023, 1024, 2047, 2048, 2099})
      for (const double bad : {double(NAN), double(INFINITY), -double(INFINITY)}) {
        Values g = numbers(n);
        g[size_t(at)] = bad;
        check_on(device, table, Call("all_finite").inout_i32({1}).in(g).integer(n));
      }
  });
}

TEST_CASE("cuda: recurrent kernels equal the specification") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for (const Cells s : {Cells{0, 5}, {3, 0}, {1, 1}, {7, 3}, {5, 33}, {2, 130}, {5, 127}})
      for_recurrent_calls(s, [&](const Call& call) { check_on(device, table, call); });
  });
}

TEST_CASE("cuda: norm kernels equal the specification") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for (const Groups s : {Groups{0, 1, 1, 5},
                           {3, 1, 1, 0},
                           {9, 1, 1, 33},
                           {2, 1, 1, 4097},
                           {2, 9, 1, 5},
                           {3, 20, 3, 2},
                           {2, 17, 5, 1}})
      for_norm_calls(s, [&](const Call& call) { check_on(device, table, call); });
  });
}

TEST_CASE("cuda: scans equal the specification") {
  struct Shape {
    i64 steps, cols;
  };
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for (const Shape s : {Shape{0, 5}, {5, 0}, {1, 1}, {7, 63}, {19, 65}, {3, 300}})
      for_scan_calls(s.steps, s.cols, [&](const Call& call) { check_on(device, table, call); });
  });
}

TEST_CASE("cuda: a divisor divides") {
  constexpr i64 two31 = i64(1) << 31;
  std::vector<i64> divisors = {1, 3, 5, 7, 10, 641, 6700417, 1000000007, two31 + 11, i64(1) << 40};
  for (i64 p = 2; p <= two31; p *= 2)
    for (const i64 d : {p - 1, p, p + 1}) divisors.push_back(d);
  Rng rng{3};
  for (const i64 d : divisors) {
    const Divisor divisor(d);
    const auto check = [&](i64 n) {
      const Division got = divisor.divide(n);
      CAPTURE(n);
      CAPTURE(d);
      REQUIRE(got.quotient == n / d);
      REQUIRE(got.remainder == n % d);
    };
    for (int k = 0; k < 1000; ++k) {
      const i64 multiple = i64(rng.next() % u64(two31 / d + 1)) * d;
      for (const i64 n : {multiple, multiple + d - 1, i64(rng.next() >> 33), i64(rng.next() >> 1)})
        check(n);
    }
    for (const i64 n : {i64(0), i64(1), d - 1, d, two31 - 1, two31}) check(n);
  }
}

TEST_CASE("cuda: the table has every kernel, in both types") {
  for (const DeviceKernel* const rows : {emulated_table(), cuda_table()})
    for (i32 k = 0; rows && k < kKernelCount; ++k) {
      CHECK(std::string(rows[k].name) == table(Isa::spec)[k].name);
      CHECK(bool(rows[k].run[kFloat]));
#ifndef LAT_FLOAT_ONLY
      CHECK(bool(rows[k].run[kDouble]));
      CHECK(bool(rows[k].scratch[kDouble]) == bool(rows[k].scratch[kFloat]));
#endif
    }
}

TEST_CASE("cuda: without a GPU one line says why") {
  std::string why;
  CHECK(open_cuda(1000, &why) == nullptr);
  CHECK(!why.empty());
  CHECK(why.find('\n') == why.npos);
}

// exp and its row sums, called twice, and captured and replayed.
TEST_CASE("cuda: a replayed graph gives the bits of the calls") {
  constexpr i64 rows = 5, cols = 700, n = rows * cols;
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    std::vector<float> x(n);
    Rng rng{1};
    for (float& v : x) v = float(rng.uniform(-3, 3));
    const auto run = [&](bool replay) {
      const auto stream = device.stream();
      void* const y = device.allocate(n * sizeof(float));
      void* const s = device.allocate(rows * sizeof(float));
      stream->copy(y, x.data(), n * sizeof(float));
      stream->synchronize();
      Arg exp[5], sum[5];
      exp[0].p = exp[1].p = y, exp[2].i = n, exp[3].r = exp[4].r = 0;
      sum[0].p = s, sum[1].p = y, sum[2].i = rows, sum[3].i = cols, sum[4].r = 0.001;
      const auto calls = [&] {
        table[i32(K::exp)].run[kFloat](exp, *stream);
        table[i32(K::row_sum)].run[kFloat](sum, *stream);
      };
      if (replay) {
        stream->begin_capture();
        calls();
        const auto graph = stream->end_capture();
        for (int k = 0; k < 2; ++k) stream->run(*graph);
        stream->synchronize();
      } else {
        calls();
        calls();
      }
      std::vector<float> got(rows);
      stream->copy(got.data(), s, rows * sizeof(float));
      stream->synchronize();
      device.release(y);
      device.release(s);
      return got;
    };
    CHECK(run(true) == run(false));
  });
}

// Four steps, of which the third has an infinite gradient: what a step reads has changed on the
// device alone.
TEST_CASE("cuda: a replayed optimiser takes its rate, its count and its guard from the device") {
  constexpr i64 n = 300;
  struct Host {
    std::vector<float> theta, g, m, v, lr;
    std::vector<double> state;
    std::vector<i32> ok;
  };
  const auto start = [] {
    return Host{std::vector<float>(n, 1),
                std::vector<float>(n),
                std::vector<float>(n),
                std::vector<float>(n),
                {0},
                {0, 1, 1},
                {1}};
  };
  // The calls of a step, over buffers in the order of Host.
  const auto calls = [](void* const(&p)[7], auto&& run) {
    Arg finite[3], count[4], adam[13];
    finite[0].p = p[6], finite[1].p = p[1], finite[2].i = n;
    count[0].p = p[5], count[1].p = p[6], count[2].r = 0.9, count[3].r = 0.999;
    for (int k = 0; k < 7; ++k) adam[k].p = p[k];
    adam[7].i = n, adam[8].r = 0.5, adam[9].r = 0.9, adam[10].r = 0.999, adam[11].r = 1e-8;
    adam[12].r = 0.1;
    run(K::all_finite, finite);
    run(K::adam_count, count);
    run(K::adam, adam);
  };
  const auto set_step = [](Host& h, int step) {
    const Values g = numbers(n, -1, 1, u64(step));
    for (size_t i = 0; i < size_t(n); ++i) h.g[i] = float(g[i]);
    if (step == 3) h.g[7] = INFINITY;
    h.lr[0] = 0.01f / float(step);
    h.ok[0] = 1;
  };

  std::vector<float> want[4];
  Host h = start();
  for (int step = 1; step <= 4; ++step) {
    set_step(h, step);
    calls({h.theta.data(), h.g.data(), h.m.data(), h.v.data(), h.lr.data(), h.state.data(),
           h.ok.data()},
          [](K k, const Arg* a) { table(Isa::spec)[i32(k)].run[kFloat](a, {}); });
    want[step - 1] = h.theta;
  }
  CHECK(want[2] == want[1]);
  CHECK(want[3] != want[2]);

  on_devices([&](gpu::Device& device, const DeviceKernel* rows) {
    const auto stream = device.stream();
    h = start();
    const auto bytes = [](auto& values) { return values.size() * sizeof(values[0]); };
    void* const p[7] = {device.allocate(bytes(h.theta)), device.allocate(bytes(h.g)),
                        device.allocate(bytes(h.m)),     device.allocate(bytes(h.v)),
                        device.allocate(bytes(h.lr)),    device.allocate(bytes(h.state)),
                        device.allocate(bytes(h.ok))};
    const auto send = [&](void* to, auto& values) {
      stream->copy(to, values.data(), bytes(values));
    };
    send(p[0], h.theta), send(p[2], h.m), send(p[3], h.v), send(p[5], h.state);
    stream->synchronize();
    stream->begin_capture();
    calls(p, [&](K k, const Arg* a) { rows[i32(k)].run[kFloat](a, *stream); });
    const auto graph = stream->end_capture();
    for (int step = 1; step <= 4; ++step) {
      set_step(h, step);
      send(p[1], h.g), send(p[4], h.lr), send(p[6], h.ok);
      stream->run(*graph);
      stream->copy(h.theta.data(), p[0], bytes(h.theta));
      stream->synchronize();
      CHECK(h.theta == want[step - 1]);
    }
    for (void* const memory : p) device.release(memory);
  });
}

}  // namespace
}  // namespace lat::test
