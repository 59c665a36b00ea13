// In place of the .cu files when the build has no nvcc.
#include "kernels/devices.h"

namespace lat::kernels {

const DeviceKernel* cuda_table() { return nullptr; }

std::unique_ptr<gpu::Device> open_cuda(i32, std::string* why) {
  *why = "this build has no CUDA: install the CUDA toolkit and configure again";
  return nullptr;
}

}  // namespace lat::kernels
