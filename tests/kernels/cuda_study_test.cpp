// Ladders on devices: every rung has the specification's bits.
#include <filesystem>

#include "kernels/study/study.h"
#include "tests/kernels/latent_cases.h"
#include "tests/kernels/on_devices.h"

namespace lat::test {
namespace {

#ifdef LAT_EMULATOR_TSAN
constexpr i64 kRows[] = {65};
#else
constexpr i64 kRows[] = {0, 3, 64, 200};
#endif

TEST_CASE("cuda: every rung of reparameterise_kl draws and sums as the two kernels do") {
  for_latents(kRows, [](const Call& call, const std::vector<Values>& want) {
    on_devices([&](gpu::Device& device, const DeviceKernel* table) {
      const DeviceLadder& ladder =
          *(table == emulated_table() ? emulated_ladders() : cuda_ladders());
      for (i64 r = 0; r < ladder.count; ++r) {
        const DeviceRung& rung = ladder.rungs[r];
        call.check(device, {rung.name, {rung.run, nullptr}, {rung.scratch, nullptr}}, want);
      }
    });
  });
}

TEST_CASE("cuda: ladders name their files, and the rung that the engine calls") {
  const char* const source = std::getenv("LATENT_SOURCE");
  for (i64 i = 0; i < kDeviceLadders; ++i) {
    const DeviceLadder& ladder = emulated_ladders()[i];
    REQUIRE(ladder.product >= 0);
    REQUIRE(ladder.product < ladder.count);
    for (i64 r = 0; r < ladder.count; ++r) {
      const std::string name = ladder.rungs[r].name;
      CHECK(name.starts_with("0" + std::to_string(r + 1) + "_"));
      CHECK(std::string(ladder.rungs[r].does).size() > 0);
      if (source)
        CHECK(std::filesystem::exists(std::string(source) + "/kernels/study/" + ladder.name + "/" +
                                      name + ".cu"));
    }
  }
}

}  // namespace
}  // namespace lat::test
