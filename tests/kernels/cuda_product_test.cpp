// Matrix products and convolutions on devices against the specification.
#include <span>

#include "tests/kernels/conv_cases.h"
#include "tests/kernels/matmul_cases.h"
#include "tests/kernels/on_devices.h"

namespace lat::test {
namespace {

// Makes products smaller than the least float: sums of +0 and -0.
void make_vanishing(Values& v) {
  for (double& x : v) x = double(float(x * 1e-24));
}

void check_product(gpu::Device& device, const DeviceKernel* table, const Shape& s, Form form,
                   bool bias = false, i64 act = 0, Factors kind = Factors::unit) {
  check_on(device, table, product(s, form, inputs(s, kind), bias, act));
}

TEST_CASE("cuda: products equal the specification, whatever is transposed") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    u64 turn = 0;
    for (const i64 m : {1, 4, 31, 40})
      for (const i64 n : {1, 3, 36})
        for (const i64 k : {0, 1, 8, 45})
          for (const i64 flags : {0, 1, 2, 3}) {
            if ((turn++ + u64(flags)) % 3 != 0) continue;
            const Factors kind = turn % 5 == 0   ? Factors::tiny
                                 : turn % 7 == 0 ? Factors::special
                                                 : Factors::unit;
            check_product(device, table, {1, m, n, k, flags}, Form(turn % 3), turn % 2 == 0,
                          i64(turn % 4), kind);
          }
  });
}

TEST_CASE("cuda: products around the chunk, by one block and by many") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for (const i64 k : {511, 512, 513, 1537}) {
      check_product(device, table, {1, 5, 6, k, 0}, Form::plain, false, 0, Factors::tiny);
      check_product(device, table, {1, 5, 8, k, 1}, Form::into);
      check_product(device, table, {2, 3, 4, k, 2}, Form::linear, true, 2);
    }
  });
}

// In double, which the emulator multiplies faster.
TEST_CASE("cuda: products of more chunks than wait in scratch memory at once") {
  if (kTsan) return;
  for (const Shape& s : {Shape{1, 5, 1056, 16385, 0}, {1, 264, 1, 16385, 0}}) {
    const Call call = product(s, Form::linear, inputs(s, Factors::unit), true, 1);
    emu::Device device;
    call.check(device, emulated_table(), kDouble, 1e-12);
    std::string why;
    if (const auto gpu = open_cuda(0, &why)) call.check(*gpu, cuda_table(), kDouble, 1e-12);
  }
}

// A warp for each group of outputs, chunks side by side in a block or in many.
TEST_CASE("cuda: products of few rows or columns") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    u64 turn = 0;
    for (const i64 few : {1, 2, 3, 4, 5})
      for (const i64 many : {1, 7, 8, 20, 64})
        for (const i64 k : {0, 3, 32, 100, 512, 513, 1500, 2100}) {
          if (turn++ % (kTsan ? 29 : 7) != 0) continue;
          const Factors kind = turn % 3 == 0 ? Factors::tiny : Factors::unit;
          const i64 flags = i64(turn % 4);
          const bool rows = turn / 2 % 2 == 0;
          check_product(device, table, {1, rows ? few : many, rows ? many : few, k, flags},
                        Form(turn % 3), turn % 5 == 0, i64(turn / 3 % 4), kind);
        }
    for (const Shape& s : {Shape{1, 2, 20, 600, 0}, {1, 20, 21, 600, 0}}) {
      MatmulInputs zeros = inputs(s, Factors::unit);
      for (Values* const v : {&zeros.a, &zeros.b}) make_vanishing(*v);
      check_on(device, table, product(s, Form::plain, zeros));
    }
    check_product(device, table, {3, 1, 9, 700, 3}, Form::linear, true, 3);
    check_product(device, table, {2, 9, 2, 1100, 8}, Form::linear, true, 1, Factors::special);
    if (kTsan) return;
    check_product(device, table, {1, 12, 2, 8000, 1}, Form::into);
    const Shape s{1, 1, 450, 3100, 0};  // more chunks than a block has warps
    product(s, Form::plain, inputs(s, Factors::unit)).check(device, table, kFloat);
  });
}

TEST_CASE("cuda: batches of products, with either operand shared") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for (i64 flags = 0; flags < 16; ++flags) {
      check_product(device, table, {3, 5, 8, 12, flags}, Form(flags % 2));
      check_product(device, table, {flags % 4, 1, 20, 17, flags}, Form::linear, true, flags % 4);
    }
  });
}

// Shapes for which different tiles are taken, with rows and columns left over.
TEST_CASE("cuda: products in tiles of every size") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    const auto check = [&](const Shape& s, Form form, i64 act) {
      product(s, form, inputs(s, Factors::unit), true, act).check(device, table, kFloat);
    };
    check({1, 260, 500, 19, 0}, Form::linear, 3);
    check({1, 8460, 30, 9, 3}, Form::linear, 1);
    if (kTsan) return;
    check({1, 700, 800, 9, 2}, Form::into, 0);
    check({1, 1281, 1300, 9, 1}, Form::plain, 0);
    check({1, 576, 64, 1100, 1}, Form::into, 0);
  });
}

void check_passes(gpu::Device& device, const DeviceKernel* table, const Layer& l, i64 act,
                  Factors kind = Factors::unit) {
  const ConvInputs in = inputs(l, kind);
  check_on(device, table, pass_of(l, Pass::forward, in, true, act));
  check_on(device, table, pass_of(l, Pass::data, in, act % 2 == 0, act));
  check_on(device, table, pass_of(l, Pass::filter, in));
  check_on(device, table, pass_of(l, Pass::filter_into, in));
  check_on(device, table, pass_of(l, Pass::filter_and_bias_into, in));
}

TEST_CASE("cuda: convolutions equal the specification in every small geometry") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    u64 turn = 0;
    for (const i64 stride : {1, 2, 3, 5})
      for (const i64 pad : {0, 1, 2})
        for (const i64 taps : {1, 2, 3, 4})
          for (const i64 size : {1, 4, 7}) {
            if (size + 2 * pad < taps || (turn++ + u64(taps)) % (kTsan ? 9 : 3) != 0) continue;
            const Factors kind = turn % 5 == 0   ? Factors::tiny
                                 : turn % 7 == 0 ? Factors::special
                                                 : Factors::unit;
            const i64 C = i64(turn % 4) + 1 + (turn % 3 == 0 ? 5 : 0);
            const i64 K = i64(turn % 5) + 1 + (turn % 4 == 0 ? 30 : 0);
            check_passes(
                device, table,
                {1 + i64(turn % 2), size, size + i64(turn % 3), C, K, taps, taps, stride, pad},
                i64(turn % 4), kind);
          }
  });
}

TEST_CASE("cuda: convolutions with other taps, outputs that stop early, empty sizes") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for (const Layer& l : {Layer{2, 7, 9, 3, 5, 2, 4, 2, 1},
                           {1, 7, 5, 3, 5, 4, 1, 2, 1},
                           {1, 9, 9, 2, 6, 3, 3, 2, 0, 2},
                           {0, 4, 4, 2, 3, 3, 3, 1, 1},
                           {1, 4, 4, 0, 3, 3, 3, 1, 1},
                           {1, 4, 4, 2, 0, 3, 3, 1, 1},
                           {1, 4, 4, 2, 3, 3, 3, 1, 1, 0}})
      check_passes(device, table, l, 1);
  });
}

TEST_CASE("cuda: data gradients to few channels") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for (i64 C = 1; C <= 5; ++C)
      for (const i64 stride : {1, 2, 3}) {
        const i64 taps = stride == 1 ? 3 : 4;
        const auto check = [&](const Layer& l, bool bias, i64 act, Factors kind) {
          check_on(device, table, pass_of(l, Pass::data, inputs(l, kind), bias, act));
        };
        check({2, 9, 18, C, 8, taps, taps, stride, 1}, true, C % 4, Factors::unit);
        check({1, 17, 5, C, 4, taps, 1, stride, 2}, false, 0, Factors::special);
        if (C > 2) continue;
        check({1, 3, 4, C, 128, taps, taps, stride, 1}, true, 2, Factors::tiny);
        check({1, 3, 4, C, 60, taps, taps, stride, 1}, false, 1, Factors::unit);
        check({1, 5, 4, C, 6, 1, 1, stride, 0}, true, 1, Factors::unit);
      }
  });
}

// Layers for which different tiles are taken.
TEST_CASE("cuda: convolutions in tiles of every size") {
  struct {
    Layer layer;
    Pass pass;
  } const cases[] = {
      {{1, 13, 20, 3, 500, 1, 2, 1, 1}, Pass::forward},
      {{1, 13, 20, 500, 3, 1, 2, 1, 1}, Pass::data},
      {{1, 3, 5, 260, 500, 1, 1, 2, 0}, Pass::filter},
      {{1, 92, 92, 3, 30, 1, 2, 1, 1}, Pass::forward},
      {{1, 92, 92, 30, 3, 1, 2, 1, 1}, Pass::data},
      {{1, 3, 3, 8460, 30, 1, 1, 2, 0}, Pass::filter},
      {{1, 92, 92, 4, 40, 1, 2, 1, 1}, Pass::forward},
      {{1, 92, 92, 40, 4, 1, 2, 1, 1}, Pass::data},
      {{1, 3, 3, 700, 800, 1, 1, 2, 0}, Pass::filter},
      {{1, 38, 40, 2, 1100, 2, 1, 1, 1}, Pass::forward},
      {{1, 38, 40, 1100, 3, 1, 2, 1, 1}, Pass::data},
      {{1, 3, 3, 1100, 1500, 1, 1, 2, 0}, Pass::filter},
  };
  on_devices([&](gpu::Device& device, const DeviceKernel* table) {
    for (const auto& c : std::span(cases).first(kTsan ? 3 : std::size(cases)))
      pass_of(c.layer, c.pass, inputs(c.layer, Factors::unit)).check(device, table, kFloat);
  });
}

TEST_CASE("cuda: convolutions whose sums are longer than a chunk") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    check_passes(device, table, {1, 5, 6, 600, 5, 1, 1, 2, 0}, 0);
    check_passes(device, table, {3, 27, 28, 2, 3, 3, 3, 1, 1}, 1);
    if (!kTsan) check_passes(device, table, {1, 4, 5, 29, 180, 5, 5, 1, 2}, 3);
  });
}

TEST_CASE(
    "cuda: convolutions with one tap are matrix products, unless outputs are fewer than pixels") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    check_passes(device, table, {3, 3, 4, 6, 33, 1, 1, 1, 0}, 1);
    check_passes(device, table, {1, 3, 3, 600, 5, 1, 1, 1, 0}, 2, Factors::special);
    check_passes(device, table, {1, 3, 2, 5, 600, 1, 1, 1, 0}, 2);
    check_passes(device, table, {3, 14, 13, 5, 8, 1, 1, 1, 0}, 0, Factors::tiny);
    check_passes(device, table, {2, 4, 5, 3, 4, 1, 1, 1, 0, 3}, 3);
    check_passes(device, table, {2, 4, 5, 3, 4, 1, 1, 1, 1}, 0);
    check_passes(device, table, {2, 4, 5, 3, 4, 1, 1, 2, 0}, 0);
  });
}

// Pixels of other parities meet other taps: three chunks, two, one, none.
TEST_CASE("cuda: data gradients whose pixels have chunks of different number") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    const auto check = [&](const Layer& l, bool bias, i64 act, Factors kind = Factors::unit) {
      check_on(device, table, pass_of(l, Pass::data, inputs(l, kind), bias, act));
    };
    const Layer l{1, 4, 5, 5, 260, 3, 3, 2, 1};
    check(l, true, 1);
    ConvInputs zeros =
        inputs(l, Factors::unit);  // products below the least float: sums of -0 or +0
    for (double& x : zeros.y) x = double(float(x * 1e-24));
    for (double& x : zeros.f) x = double(float(x * 1e-24));
    check_on(device, table, pass_of(l, Pass::data, zeros));
    check({2, 3, 3, 6, 600, 1, 1, 2, 0}, true, 0, Factors::tiny);
    if (kTsan) return;
    check({1, 5, 4, 7, 130, 3, 3, 2, 1}, false, 2);
    check({1, 3, 4, 8, 520, 4, 5, 3, 2}, false, 3);
    check({1, 6, 5, 5, 521, 6, 5, 4, 2}, true, 0);
    check({1, 6, 7, 5, 521, 6, 5, 5, 2}, true, 2);
  });
}

}  // namespace
}  // namespace lat::test
