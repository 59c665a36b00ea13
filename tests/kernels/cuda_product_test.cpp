// Matrix products and convolutions on devices against the specification.
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

}  // namespace
}  // namespace lat::test
