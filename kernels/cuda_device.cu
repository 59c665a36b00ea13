// A GPU through the CUDA runtime, which is linked statically: without a driver its calls fail and
// nothing else does.
#include "kernels/common/cuda.h"

#include "kernels/devices.h"

namespace lat::kernels::cuda {
namespace {

std::string text(const char* call, cudaError_t error) {
  return std::string(call) + ": " + cudaGetErrorString(error) + " (" + cudaGetErrorName(error) +
         ")";
}

void check(const char* call, cudaError_t error) {
  if (error == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // forgets it, unless the device is lost
  throw gpu::Error(text(call, error));
}

struct Event final : gpu::Event {
  cudaEvent_t event = nullptr;
  Event() { check("cudaEventCreate", cudaEventCreateWithFlags(&event, cudaEventDisableTiming)); }
  ~Event() override { cudaEventDestroy(event); }
};

struct Graph final : gpu::Graph {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  ~Graph() override {
    if (exec) cudaGraphExecDestroy(exec);
    if (graph) cudaGraphDestroy(graph);
  }
};

class Device final : public gpu::Device {
 public:
  void* allocate(size_t bytes) override {
    void* memory = nullptr;
    const cudaError_t error = cudaMalloc(&memory, bytes > 0 ? bytes : 1);
    if (error == cudaErrorMemoryAllocation) {
      static_cast<void>(cudaGetLastError());
      size_t left = 0, all = 0;
      cudaMemGetInfo(&left, &all);
      throw gpu::Error("the device has no " + std::to_string(bytes) +
                       " bytes: " + std::to_string(left) + " of " + std::to_string(all) +
                       " are free; use a smaller batch");
    }
    check("cudaMalloc", error);
    return memory;
  }
  void release(void* memory) override { check("cudaFree", cudaFree(memory)); }
  std::unique_ptr<gpu::Stream> stream() override { return std::make_unique<Stream>(); }
  std::unique_ptr<gpu::Event> event() override { return std::make_unique<Event>(); }
  void synchronize() override { check("cudaDeviceSynchronize", cudaDeviceSynchronize()); }
};

}  // namespace

Stream::Stream() {
  check("cudaStreamCreate", cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
}
Stream::~Stream() { cudaStreamDestroy(stream_); }

void Stream::launch_kernel(const void* kernel, const gpu::Launch& how, void** arguments) {
  if (how.grid.volume() == 0 || how.block.volume() == 0) return;
  const auto dim = [](const gpu::Extent& e) {
    return dim3(unsigned(e.x), unsigned(e.y), unsigned(e.z));
  };
  constexpr i64 without_asking = 48 * 1024;
  cudaError_t error = cudaSuccess;
  if (how.shared > without_asking)
    error =
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(how.shared));
  if (error == cudaSuccess)
    error = cudaLaunchKernel(kernel, dim(how.grid), dim(how.block), arguments, size_t(how.shared),
                             stream_);
  if (error == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());
  throw gpu::Error(text("cudaLaunchKernel", error) + "\n  in the launch at " + how.file + ":" +
                   std::to_string(how.line));
}

void Stream::copy(void* to, const void* from, size_t bytes) {
  check("cudaMemcpyAsync", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream_));
}
void Stream::fill(void* to, u8 byte, size_t bytes) {
  check("cudaMemsetAsync", cudaMemsetAsync(to, byte, bytes, stream_));
}
void Stream::record(gpu::Event& event) {
  check("cudaEventRecord", cudaEventRecord(static_cast<Event&>(event).event, stream_));
}
void Stream::wait(gpu::Event& event) {
  check("cudaStreamWaitEvent", cudaStreamWaitEvent(stream_, static_cast<Event&>(event).event, 0));
}
void Stream::run(gpu::Graph& graph) {
  check("cudaGraphLaunch", cudaGraphLaunch(static_cast<Graph&>(graph).exec, stream_));
}
void Stream::synchronize() { check("cudaStreamSynchronize", cudaStreamSynchronize(stream_)); }

void Stream::begin_capture() {
  check("cudaStreamBeginCapture",
        cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal));
}
std::unique_ptr<gpu::Graph> Stream::end_capture() {
  auto graph = std::make_unique<Graph>();
  check("cudaStreamEndCapture", cudaStreamEndCapture(stream_, &graph->graph));
  check("cudaGraphInstantiate", cudaGraphInstantiate(&graph->exec, graph->graph, 0));
  return graph;
}

}  // namespace lat::kernels::cuda

std::unique_ptr<lat::gpu::Device> lat::kernels::open_cuda(i32 index, std::string* why) {
  int count = 0;  // stays so when there is no driver
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) *why = cuda::text("no CUDA driver that fits was found", error);
  if (error == cudaSuccess && index >= count)
    *why = "there is no GPU " + std::to_string(index) + ", of " + std::to_string(count);
  if (error != cudaSuccess || index < 0 || index >= count) return nullptr;
  cudaDeviceProp properties;
  if (cudaSetDevice(index) != cudaSuccess ||
      cudaGetDeviceProperties(&properties, index) != cudaSuccess || properties.major < 8) {
    *why = "GPU " + std::to_string(index) + " cannot be used: compute capability 8.0 is needed";
    return nullptr;
  }
  return std::make_unique<cuda::Device>();
}
