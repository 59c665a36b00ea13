// Ladders on devices: every rung has the specification's bits.
#include <filesystem>
#include <span>

#include "kernels/study/study.h"
#include "tests/kernels/conv_cases.h"
#include "tests/kernels/latent_cases.h"
#include "tests/kernels/on_devices.h"

namespace lat::test {
namespace {

#ifdef LAT_EMULATOR_TSAN
constexpr i64 kRows[] = {65};
constexpr size_t kConvLayers = 2;
#else
constexpr i64 kRows[] = {0, 3, 64, 200};
constexpr size_t kConvLayers = std::size(kLadderLayers);
#endif

// Every rung of ladder number `index` gives the values `want`.
void climb(i64 index, const Call& call, const std::vector<Values>& want) {
  on_devices([&](gpu::Device& device, const DeviceKernel* table) {
    const DeviceLadder& ladder =
        (table == emulated_table() ? emulated_ladders() : cuda_ladders())[index];
    for (i64 r = 0; r < ladder.count; ++r) {
      const DeviceRung& rung = ladder.rungs[r];
      call.check(device, {rung.name, {rung.run, nullptr}, {rung.scratch, nullptr}}, want);
    }
  });
}

TEST_CASE("cuda: every rung of conv has the bits of the plain loops") {
  u64 turn = 0;
  const auto check = [&](const Layer& z, Factors kind) {
    const Call call = pass_of(z, Pass::forward, inputs(z, kind), turn % 2 == 0, i64(turn / 2 % 2));
    climb(0, call, call.run(Isa::spec, kFloat));
    ++turn;
  };
  const Factors kinds[] = {Factors::unit, Factors::tiny, Factors::special};
  for (const Layer& z : std::span(kLadderLayers).first(kConvLayers)) check(z, kinds[turn % 3]);
  if (!kTsan) check({1, 2, 3, 2800, 2, 3, 3, 1, 1}, Factors::unit);  // its image tile does not fit
}

TEST_CASE("cuda: every rung of reparameterise_kl draws and sums as the two kernels do") {
  for_latents(kRows,
              [](const Call& call, const std::vector<Values>& want) { climb(1, call, want); });
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
