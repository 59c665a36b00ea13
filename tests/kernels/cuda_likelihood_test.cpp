// Log-likelihoods and divergences on devices.
#include "tests/kernels/likelihood_cases.h"
#include "tests/kernels/on_devices.h"

namespace lat::test {
namespace {

struct Shape {
  i64 rows, cols;
};
#ifdef LAT_EMULATOR_TSAN
constexpr Shape kShapes[] = {{9, 65}, {2, 4099}};
#else
constexpr Shape kShapes[] = {{0, 5},  {3, 0},    {1, 1},    {9, 31},    {17, 20},
                             {8, 65}, {2, 4096}, {2, 4097}, {1, 12289}, {1, 32769}};
#endif

TEST_CASE("cuda: likelihood kernels equal the specification") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for (const Shape& s : kShapes)
      for (const bool special : {false, true})
        for (const Call& call : likelihood_calls(s.rows, s.cols, special))
          check_on(device, table, call);
  });
}

TEST_CASE("cuda: gaussian_log_prob_d1 skips null outputs") {
  on_devices([](gpu::Device& device, const DeviceKernel* table) {
    for (const int only : {0, 1, 2}) check_on(device, table, gaussian_slope_alone(only, 3, 37));
  });
}

}  // namespace
}  // namespace lat::test
