#pragma once
// A stream of a GPU. The bodies are in kernels/cuda_device.cu.
#include <cuda_runtime_api.h>

#include <tuple>
#include <utility>

#include "kernels/common/gpu.h"

namespace lat::kernels::LAT_ISA {

class Stream final : public gpu::Stream {
 public:
  Stream();
  ~Stream() override;

  // Queues a kernel; the arguments are copied now.
  template <class... P, class... A>
  void launch(void (*kernel)(P...), const gpu::Launch& how, A... args) {
    static_assert(sizeof...(P) == sizeof...(A), "one argument for each parameter of the kernel");
    std::tuple<P...> values(static_cast<P>(args)...);
    [&]<size_t... I>(std::index_sequence<I...>) {
      void* pointers[] = {static_cast<void*>(&std::get<I>(values))..., nullptr};
      launch_kernel(reinterpret_cast<const void*>(kernel), how, pointers);
    }
    (std::index_sequence_for<P...>{});
  }

  void copy(void* to, const void* from, size_t bytes) override;
  void fill(void* to, u8 byte, size_t bytes) override;
  void call(void (*function)(void*), void* argument) override;
  void record(gpu::Event& event) override;
  void wait(gpu::Event& event) override;
  void run(gpu::Graph& graph) override;
  void synchronize() override;
  void begin_capture() override;
  std::unique_ptr<gpu::Graph> end_capture() override;
  void* native() override { return stream_; }

 private:
  void launch_kernel(const void* kernel, const gpu::Launch& how, void** arguments);

  cudaStream_t stream_ = nullptr;
};

}  // namespace lat::kernels::LAT_ISA
