#pragma once
// A device for a context whose tensors do not lie in the host's memory: kernels are queued on one stream, and a recorded
// program becomes one graph.
#include <memory>
#include <string>

#include "engine/core/records.h"
#include "engine/core/tensor.h"
#include "kernels/devices.h"

namespace lat {

// The library that serves a device's name, and a device of it; or null, and `why` says what is missing.
const kernels::DeviceLibrary* device_library(const std::string& name, std::string* why);
std::unique_ptr<gpu::Device> open_device(const std::string& name, std::string* why);

class DeviceFast;  // core/device_fast.h

class Accelerator {
 public:
  // name: cuda, cuda:N (GPU number N) or emulated (CUDA's kernels run on the CPU; threads and blocks in order, or under
  // the schedules emulated:reverse, emulated:unfair). Code::machine when it is not to be had, with what is missing;
  // Code::usage for another name.
  explicit Accelerator(const std::string& name);
  ~Accelerator();
  Accelerator(const Accelerator&) = delete;
  Accelerator& operator=(const Accelerator&) = delete;

  // What `auto` stands for here: cuda where there is a GPU, or cpu.
  static std::string best();

  Device kind() const { return kind_; }
  gpu::Device& memory() { return *device_; }
  gpu::Stream& stream() { return *stream_; }
  const kernels::DeviceKernel* rows() const { return rows_; }
  const kernels::DeviceLadder* ladders() const { return library_->ladders; }

  // What takes some of the calls in f32 over from the kernels; null where none does.
  void use(std::unique_ptr<DeviceFast> fast);
  const DeviceFast* fast() const { return fast_.get(); }
  // Stream::scratch holds so many bytes from here on.
  void reserve_scratch(i64 bytes);

  // Its version of a kernel that is no row of the table. Code::unsupported when its library has none.
  const kernels::DeviceKernel& foreign_row(const char* name) const;
  // Queues a kernel call; `type` 0 is float, 1 double. `foreign`: the kernel where it is no row of the table.
  void call(int32_t kernel, int32_t type, const kernels::Arg* args,
            const kernels::Kernel* foreign = nullptr);
  // The calls of a program as a graph, and a run of it, queued.
  std::unique_ptr<gpu::Graph> capture(const Program& program);
  void run(gpu::Graph& graph);

  // Host memory for `bytes` that `send` then queues to the device; good until the second next stage().
  void* stage(i64 bytes);
  void send(void* to, const void* staged, i64 bytes);
  // Waits for what is queued, then copies to the host.
  void read(void* to, const void* from, i64 bytes);
  // Between places of the device, queued.
  void copy(void* to, const void* from, i64 bytes);
  void zero(void* p, i64 bytes);

 private:
  struct Staging {
    char* memory = nullptr;
    i64 size = 0, used = 0;
    std::unique_ptr<gpu::Event> sent;
  };
  // Makes what a call needs; whether a library takes it.
  bool prepare(int32_t kernel, int32_t type, const kernels::Arg* args,
               const kernels::Kernel* foreign);
  void queue(bool by_library, int32_t kernel, int32_t type, const kernels::Arg* args,
             const kernels::Kernel* foreign);
  const kernels::DeviceKernel& row(int32_t kernel, const kernels::Kernel* foreign) const;

  Device kind_;
  const kernels::DeviceLibrary* library_ = nullptr;
  const kernels::DeviceKernel* rows_ = nullptr;
  std::unique_ptr<gpu::Device> device_;
  std::unique_ptr<gpu::Stream> stream_;
  void* scratch_ = nullptr;
  std::unique_ptr<DeviceFast> fast_;
  Staging staging_[2];  // one is filled while what left the other may still be on its way
  int filled_ = 0;
};

// Bytes of a device on their way to the host, on a stream of their own: what is queued goes on meanwhile. Not to outlive
// the accelerator.
class Fetch {
 public:
  Fetch(Accelerator& device, i64 bytes);
  ~Fetch();
  Fetch(const Fetch&) = delete;
  Fetch& operator=(const Fetch&) = delete;

  // Queues the copy, after all that is queued so far; the one before has arrived.
  void start(const void* from);
  // Whether what was started is at data(); waits for nothing.
  bool arrived();
  const void* data() const { return memory_; }

 private:
  Accelerator& device_;
  i64 bytes_;
  std::unique_ptr<gpu::Stream> stream_;
  std::unique_ptr<gpu::Event> written_, copied_;
  void* memory_ = nullptr;
};

}  // namespace lat
