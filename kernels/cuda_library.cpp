// liblatent_cuda.so: the GPUs of this machine.
#include <charconv>

#include "kernels/devices.h"
#include "kernels/study/study.h"

namespace lat::kernels {
namespace {

std::unique_ptr<gpu::Device> open_gpu(const std::string& name, std::string* why) {
  const std::string prefix = "cuda:";
  i32 index = name == "cuda" ? 0 : -1;
  if (name.starts_with(prefix)) {
    const char* const end = name.data() + name.size();
    if (std::from_chars(name.data() + prefix.size(), end, index).ptr != end) index = -1;
  }
  *why = "expected cuda, or cuda:N for GPU number N";
  return index < 0 ? nullptr : open_cuda(index, why);
}

}  // namespace

const DeviceLibrary* LAT_DEVICES() {
  static const DeviceLibrary library{cuda_table(), cuda_foreign(), cuda_ladders(), open_gpu};
  return &library;
}

}  // namespace lat::kernels
