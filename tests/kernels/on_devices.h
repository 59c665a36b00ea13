#pragma once
// A kernel's case on every device that is here: the emulator under its schedules, and the first GPU.
#include "kernels/emulator/device.h"
#include "tests/kernels/call.h"

namespace lat::test {

#ifdef LAT_EMULATOR_TSAN  // sees races in any order, slowly
constexpr bool kTsan = true;
inline const emu::Schedule kSchedules[] = {{emu::Order::unfair, 7}};
constexpr i64 kCounts[] = {300};
#else
constexpr bool kTsan = false;
inline const emu::Schedule kSchedules[] = {
    {emu::Order::in_order}, {emu::Order::reverse}, {emu::Order::unfair, 7}};
constexpr i64 kCounts[] = {0, 1, 255, 1024, 2100};
#endif

// Runs `body(device, table)` under the emulator's schedules and on the first GPU.
template <class Body>
void on_devices(Body&& body) {
  for (const emu::Schedule& s : kSchedules) {
    emu::Device device(s);
    body(device, emulated_table());
  }
  std::string why;
  if (const auto gpu = open_cuda(0, &why)) body(*gpu, cuda_table());
}

// In float bit for bit, in double nearly.
inline void check_on(gpu::Device& device, const DeviceKernel* table, const Call& call) {
  call.check(device, table, kFloat);
  call.check(device, table, kDouble, 1e-12);
}

}  // namespace lat::test
