#pragma once
// Numerics `fast` of a GPU: of two ways to compute an f32 product or convolution, the kernel in exact order and
// cuBLASLt or cuDNN, the quicker one, found out by a race when a shape is first met. The bound is that of core/fast.h. A
// relu of theirs may make 0 of NaN.
#include <memory>
#include <vector>

#include "engine/core/nvidia.h"

namespace lat {

class Accelerator;

class DeviceFast {
 public:
  enum class Choice {
    quicker,  // by a race
    library   // the library's wherever it has an algorithm
  };
  struct Libraries {
    const CublasLt* products;
    const Cudnn* convolutions;
  };
  // Those of NVIDIA. Code::machine names the package where one is not installed, Code::unsupported on an emulated GPU.
  static Libraries installed(Accelerator& device);

  DeviceFast(Accelerator& device, const Libraries& libraries, Choice choice = Choice::quicker);
  ~DeviceFast();

  // Whether a library computes this f32 call; then `scratch` is what it needs at Stream::scratch. What a shape needs is
  // made when it is first met, and the device waited for; later, and while a stream captures, nothing is.
  bool takes(kernels::K kernel, const kernels::Arg* args, i64* scratch);
  // Queues a call that it takes.
  void call(kernels::K kernel, const kernels::Arg* args);

  // Shapes met so far, and those that a library won.
  i64 shapes() const { return static_cast<i64>(ways_.size()); }
  i64 won() const;

 private:
  struct Way;
  Way make(kernels::K kernel, const kernels::Arg* args);
  bool race(kernels::K kernel, const kernels::Arg* args, const Way& way);
  void run(const Way& way, kernels::K kernel, const kernels::Arg* args);
  void multiply(const Way& way, kernels::K kernel, const kernels::Arg* args);
  void convolve(const Way& way, kernels::K kernel, const kernels::Arg* args);
  void finish(float* y, const float* bias, i64 rows, i64 cols, i64 act);
  void exact(kernels::K kernel, std::initializer_list<kernels::Arg> args);

  Accelerator& device_;
  LtProducts products_;
  DnnConvolutions convolutions_;
  Choice choice_;
  std::vector<std::unique_ptr<Way>> ways_;
};

}  // namespace lat
