// liblatent_emulated.so: CUDA's kernels on the CPU.
#include "kernels/devices.h"
#include "kernels/emulator/device.h"
#include "kernels/study/study.h"

namespace lat::kernels {
namespace {

std::unique_ptr<gpu::Device> open_emulated(const std::string& name, std::string* why) {
  if (name == "emulated") return std::make_unique<emu::Device>(emu::Schedule{});
  if (name == "emulated:reverse")
    return std::make_unique<emu::Device>(emu::Schedule{emu::Order::reverse});
  if (name == "emulated:unfair")
    return std::make_unique<emu::Device>(emu::Schedule{emu::Order::unfair, 7});
  *why = "expected emulated, emulated:reverse or emulated:unfair";
  return nullptr;
}

}  // namespace

const DeviceLibrary* LAT_DEVICES() {
  static const DeviceLibrary library{emulated_table(), emulated_foreign(), emulated_ladders(),
                                     open_emulated};
  return &library;
}

}  // namespace lat::kernels
