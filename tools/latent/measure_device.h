#pragma once
// The clock and the roofs of a device.
#include "engine/core/accelerator.h"
#include "tools/latent/measure.h"

namespace lat::tools {

// By the device's own clock, between two events: a candidate queues its work on the device's stream, and a graph of many
// such calls is replayed. In the emulator it is the host's time.
class DeviceClock final : public Clock {
 public:
  explicit DeviceClock(Accelerator& device);
  std::vector<Timing> interleave(const std::vector<std::function<void()>>& candidates,
                                 double seconds) override;

 private:
  double us(const std::function<void()>& queue);

  Accelerator& device_;
  std::unique_ptr<gpu::Event> start_, stop_;
};

// The peak that the device states, and the speed of a copy of more than its caches hold; nothing of an emulated one.
Peaks measure_peaks(Accelerator& device, DeviceClock& clock, double seconds);

// Memory of a device.
class DeviceMemory {
 public:
  DeviceMemory(Accelerator& device, i64 bytes);
  ~DeviceMemory();
  DeviceMemory(DeviceMemory&& o) noexcept : device_(o.device_), data_(o.data_) {
    o.data_ = nullptr;
  }
  DeviceMemory& operator=(DeviceMemory&&) = delete;
  void* data() const { return data_; }

 private:
  Accelerator& device_;
  void* data_;
};

// Bytes from or to the host, when all that is queued has run.
void move_bytes(Accelerator& device, void* to, const void* from, i64 bytes);

}  // namespace lat::tools
