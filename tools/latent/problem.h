#pragma once
// A kernel call with its operands in memory, and the check that stands before every timing.
#include <functional>
#include <string>
#include <vector>

#include "tools/latent/measure_device.h"
#include "tools/latent/work.h"

namespace lat::tools {

// Code::machine where there is no memory for the operands, and a peer's output beside them.
void require_memory(const Work& work);
// The same for so many bytes of what a message calls `what`.
void require_memory(double bytes, const std::string& what);

// A call with its operands in memory, of a device if one is given.
class Problem {
 public:
  explicit Problem(const Work& work, Accelerator* device = nullptr);
  const std::vector<kernels::Arg>& args() const { return args_; }
  float* floats(size_t operand) const { return static_cast<float*>(args_[operand].p); }
  // An operand's floats, in the host's memory.
  std::vector<float> values(size_t operand) const;
  // Back to what was drawn.
  void reset();
  // Everything the call wrote, byte for byte.
  std::string written() const;

 private:
  void fill(void* to, size_t operand) const;

  Work work_;
  Accelerator* device_;
  std::vector<Floats> memory_;
  std::vector<DeviceMemory> device_memory_;
  std::vector<kernels::Arg> args_;
};

// Whether a kernel, or a ladder's rung, writes the specification's bits, whole and cut in parts.
bool matches_specification(const kernels::Kernel& kernel, const Work& work);
bool matches_specification(const kernels::Rung& rung, kernels::Run specification, const Work& work);
// The same on a device.
bool matches_specification(const kernels::DeviceRung& rung, kernels::Run specification,
                           const Work& work, Accelerator& device);

// Its call, ready to be queued on the device's stream again and again; it owns nothing.
std::function<void()> queued(const kernels::DeviceRung& rung, const Problem& problem,
                             Accelerator& device);

}  // namespace lat::tools
