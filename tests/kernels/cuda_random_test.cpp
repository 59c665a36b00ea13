// Random numbers on devices.
#include "tests/kernels/on_devices.h"
#include "tests/kernels/random_cases.h"

namespace lat::test {
namespace {

TEST_CASE("cuda: random kernels equal the specification") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for (const i64 n : kCounts)
      for (const double row : {0.0, 3.0, 1e9})
        for (const Call& call : random_calls(n, row)) check_on(device, table, call);
  });
}

// A step's noise differs from the last one's, though the graph's arguments are the same.
TEST_CASE("cuda: a replayed graph draws at the clock's tick") {
  constexpr i64 n = 200;
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    const auto stream = device.stream();
    const u64 zero[2] = {};
    void* const clock = device.allocate(sizeof(zero));
    void* const z = device.allocate(n * sizeof(float));
    stream->copy(clock, zero, sizeof(zero));
    stream->synchronize();
    Arg advance[1], normal[6];
    advance[0].p = clock;
    normal[0].p = z, normal[1].p = clock, normal[2].i = n, normal[3].i = 1;
    normal[4].i = 7, normal[5].i = 9;
    stream->begin_capture();
    table[i32(K::advance)].run[kFloat](advance, *stream);
    table[i32(K::normal)].run[kFloat](normal, *stream);
    const auto graph = stream->end_capture();
    for (const double tick : {1.0, 2.0, 3.0}) {
      float got[n];
      stream->run(*graph);
      stream->copy(got, z, sizeof(got));
      stream->synchronize();
      const Values want =
          Call("normal").out(n).in_u64({tick, 0}).integers({n, 1, 7, 9}).run(Isa::spec, kFloat)[0];
      CHECK(std::ranges::equal(got, want));
    }
    device.release(clock);
    device.release(z);
  });
}

}  // namespace
}  // namespace lat::test
