#pragma once
// The kernel table once more, for devices: rows in the order of kernels.def, and the same arguments,
// but pointers are to device memory and a call is queued on a stream.
#include <memory>
#include <string>

#include "kernels/common/gpu.h"
#include "kernels/table.h"

namespace lat::kernels {

struct DeviceKernel {
  const char* name;
  void (*run[2])(const Arg*, gpu::Stream&);  // [0] float, [1] double
  i64 (*scratch[2])(const Arg*);  // bytes that a call needs at Stream::scratch; null: none
};

// kKernelCount rows, for streams of emu::Device.
const DeviceKernel* emulated_table();

// kKernelCount rows, for streams of a device that open_cuda has opened; null in a build without nvcc.
const DeviceKernel* cuda_table();

// Kernels of the layers above the engine (rl/kernels.cu), for the same streams. The last one has no name.
const DeviceKernel* emulated_foreign();
const DeviceKernel* cuda_foreign();

struct DeviceLadder;  // kernels/study/study.h

// What liblatent_emulated.so and liblatent_cuda.so offer. They lie beside a program and are opened when a device is asked
// for: without them it is half as large, and has the CPU alone.
struct DeviceLibrary {
  const DeviceKernel* table;
  const DeviceKernel* foreign;  // found by name
  const DeviceLadder* ladders;  // kDeviceLadders of them
  // A device by its name, or null, and `why` says what is missing.
  std::unique_ptr<gpu::Device> (*open)(const std::string& name, std::string* why);
};

// GPU number `index`; or null, and `why` says what is missing.
std::unique_ptr<gpu::Device> open_cuda(i32 index, std::string* why);

// The one function that such a library exports. The build names it after the headers that both sides must agree on
// (LAT_DEVICES), so that a library of another build is not called.
using Devices = const DeviceLibrary*();
#ifdef LAT_DEVICES
extern "C" Devices LAT_DEVICES;
#endif

}  // namespace lat::kernels
