// Matrix products and convolutions on devices against the specification.
#include "tests/kernels/conv_cases.h"
#include "tests/kernels/matmul_cases.h"
#include "tests/kernels/on_devices.h"

namespace lat::test {
namespace {

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
#ifndef LAT_EMULATOR_TSAN
    check({1, 700, 800, 9, 2}, Form::into, 0);
    check({1, 1281, 1300, 9, 1}, Form::plain, 0);
    check({1, 576, 64, 1100, 1}, Form::into, 0);
#endif
  });
}

void check_passes(gpu::Device& device, const DeviceKernel* table, const Layer& l, i64 act,
                  Factors kind = Factors::unit) {
  const ConvInputs in = inputs(l, kind);
  check_on(device, table, pass_of(l, Pass::forward, in, true, act));
  check_on(device, table, pass_of(l, Pass::data, in, act % 2 == 0, act));
  check_on(device, table, pass_of(l, Pass::filter, in));
  check_on(device, table, pass_of(l, Pass::filter_into, in));
}

TEST_CASE("cuda: convolutions equal the specification in every small geometry") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    u64 turn = 0;
    for (const i64 stride : {1, 2, 3, 5})
      for (const i64 pad : {0, 1, 2})
        for (const i64 taps : {1, 2, 3, 4})
          for (const i64 size : {1, 4, 7}) {
            if (size + 2 * pad < taps || (turn++ + u64(taps)) % 3 != 0) continue;
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

TEST_CASE("cuda: convolutions whose sums are longer than a chunk") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    check_passes(device, table, {1, 3, 3, 600, 5, 1, 1, 1, 0}, 0);
    check_passes(device, table, {1, 4, 5, 29, 180, 5, 5, 1, 2}, 3);
    check_passes(device, table, {3, 27, 28, 2, 3, 3, 3, 1, 1}, 1);
  });
}

}  // namespace
}  // namespace lat::test
