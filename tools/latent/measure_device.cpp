#include "tools/latent/measure_device.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lat::tools {

DeviceClock::DeviceClock(Accelerator& device)
    : device_(device),
      start_(device.memory().timed_event()),
      stop_(device.memory().timed_event()) {}

double DeviceClock::us(const std::function<void()>& queue) {
  gpu::Stream& stream = device_.stream();
  stream.record(*start_);
  queue();
  stream.record(*stop_);
  stop_->synchronize();
  return 1e3 * stop_->milliseconds_since(*start_);
}

std::vector<Timing> DeviceClock::interleave(const std::vector<std::function<void()>>& candidates,
                                            double seconds) {
  constexpr double kChunk = 2000, kLeastUs = 0.5;  // microseconds
  constexpr double kLeast = 5, kMost = 60, kMostCalls = 1000;
  struct Lap {
    std::unique_ptr<gpu::Graph> graph;
    double calls;
    size_t turns;
    std::vector<double> us;
  };
  gpu::Stream& stream = device_.stream();
  std::vector<Lap> laps;
  size_t most = 0;
  for (const auto& run : candidates) {
    run();  // whatever is loaded or set up at the first call
    const double one = std::max(us(run), kLeastUs);
    const double calls = std::clamp(std::floor(kChunk / one), 1.0, kMostCalls);
    const double turns = std::clamp(std::floor(seconds * 1e6 / (one * calls)), kLeast, kMost);
    stream.begin_capture();
    for (double i = 0; i < calls; ++i) run();
    laps.push_back({stream.end_capture(), calls, static_cast<size_t>(turns), {}});
    most = std::max(most, laps.back().turns);
  }
  for (size_t turn = 0; turn < most; ++turn)
    for (Lap& lap : laps) {
      if (turn >= lap.turns) continue;
      // Brings the operands back into the caches, and keeps the device busy while the host queues what is timed.
      stream.run(*lap.graph);
      lap.us.push_back(us([&] { stream.run(*lap.graph); }) / lap.calls);
    }
  std::vector<Timing> out;
  for (Lap& lap : laps) out.push_back(timing_of(std::move(lap.us), true));
  return out;
}

Peaks measure_peaks(Accelerator& device, DeviceClock& clock, double seconds) {
  constexpr i64 kBytes = i64{512} << 20;
  Peaks peaks;
  peaks.gflops = device.memory().facts().gflops;
  peaks.levels.push_back({"memory", std::numeric_limits<double>::infinity()});
  if (device.kind() == Device::emulated) return peaks;
  const DeviceMemory a(device, kBytes), b(device, kBytes);
  device.zero(b.data(), kBytes);
  const double us =
      clock.interleave({[&] { device.copy(a.data(), b.data(), kBytes); }}, seconds)[0].min;
  Level& l = peaks.levels[0];
  l.read = l.write = l.copy = l.triad = 2 * static_cast<double>(kBytes) / us / 1e3;
  return peaks;
}

DeviceMemory::DeviceMemory(Accelerator& device, i64 bytes)
    : device_(device), data_(device.memory().allocate(static_cast<size_t>(bytes))) {}

DeviceMemory::~DeviceMemory() {
  if (!data_) return;
  try {
    device_.stream().synchronize();
    device_.memory().release(data_);
  } catch (const gpu::Error&) {  // a device that has failed frees nothing
  }
}

void move_bytes(Accelerator& device, void* to, const void* from, i64 bytes) {
  device.stream().copy(to, from, static_cast<size_t>(bytes));
  device.stream().synchronize();
}

}  // namespace lat::tools
