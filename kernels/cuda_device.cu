// A GPU through the CUDA runtime, which is linked statically: without a driver its calls fail and
// nothing else does.
#include "kernels/common/cuda.h"

#include <cuda.h>

#include <map>
#include <vector>

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
  explicit Event(unsigned flags) {
    check("cudaEventCreate", cudaEventCreateWithFlags(&event, flags));
  }
  ~Event() override { cudaEventDestroy(event); }
  void synchronize() override { check("cudaEventSynchronize", cudaEventSynchronize(event)); }
  bool passed() override {
    const cudaError_t error = cudaEventQuery(event);
    if (error == cudaErrorNotReady) {
      static_cast<void>(cudaGetLastError());
      return false;
    }
    check("cudaEventQuery", error);
    return true;
  }
  double milliseconds_since(gpu::Event& earlier) override {
    float milliseconds = 0;
    check("cudaEventElapsedTime",
          cudaEventElapsedTime(&milliseconds, static_cast<Event&>(earlier).event, event));
    return double(milliseconds);
  }
};

struct Graph final : gpu::Graph {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  ~Graph() override {
    if (exec) cudaGraphExecDestroy(exec);
    if (graph) cudaGraphDestroy(graph);
  }
};

// Functions of the driver, which is not linked; without one nothing gets as far as this.
template <class F>
F* driver(const char* name, F*) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
#if CUDART_VERSION >= 12050
  const cudaError_t error =
      cudaGetDriverEntryPointByVersion(name, &function, 12000, cudaEnableDefault, &found);
#else
  const cudaError_t error = cudaGetDriverEntryPoint(name, &function, cudaEnableDefault, &found);
#endif
  check("cudaGetDriverEntryPoint", error);
  if (found != cudaDriverEntryPointSuccess || !function)
    throw gpu::Error(std::string("the driver has no ") + name + ": install a newer one");
  return reinterpret_cast<F*>(function);
}
#define LAT_DRIVER(name, ...)                                                              \
  do {                                                                                     \
    const CUresult result = driver(#name, &name)(__VA_ARGS__);                             \
    if (result != CUDA_SUCCESS)                                                            \
      throw gpu::Error(#name ": error " + std::to_string(int(result)) + " of the driver"); \
  } while (false)

void throw_full(size_t bytes) {
  size_t left = 0, all = 0;
  cudaMemGetInfo(&left, &all);
  throw gpu::Error("the device has no " + std::to_string(bytes) +
                   " bytes: " + std::to_string(left) + " of " + std::to_string(all) +
                   " are free; use a smaller batch");
}

class Device final : public gpu::Device {
 public:
  Device(int index, const char* name) : index_(index), name_(name) {}

  std::string name() const override { return name_; }
  gpu::Facts facts() const override {
    const double units = attribute(cudaDevAttrComputeCapabilityMajor) == 8 &&
                                 attribute(cudaDevAttrComputeCapabilityMinor) == 0
                             ? 64
                             : 128;  // f32 units of a multiprocessor
    gpu::Facts f;
    f.multiprocessors = attribute(cudaDevAttrMultiProcessorCount);
    f.ghz = attribute(cudaDevAttrClockRate) * 1e-6;  // from kHz
    f.gflops = f.multiprocessors * units * 2 * f.ghz;
    f.l2 = size_t(attribute(cudaDevAttrL2CacheSize));
    return f;
  }
  void* allocate(size_t bytes) override {
    void* memory = nullptr;
    const cudaError_t error = cudaMalloc(&memory, bytes > 0 ? bytes : 1);
    if (error == cudaErrorMemoryAllocation) {
      static_cast<void>(cudaGetLastError());
      throw_full(bytes);
    }
    check("cudaMalloc", error);
    return memory;
  }
  void release(void* memory) override { check("cudaFree", cudaFree(memory)); }

  void* reserve(size_t most) override {
    const CUmemAllocationProp properties = properties_of_pieces();
    size_t granularity = 0;
    LAT_DRIVER(cuMemGetAllocationGranularity, &granularity, &properties,
               CU_MEM_ALLOC_GRANULARITY_RECOMMENDED);
    Range range;
    range.granularity = granularity;
    range.reserved = (most + granularity - 1) / granularity * granularity;
    CUdeviceptr base = 0;
    LAT_DRIVER(cuMemAddressReserve, &base, range.reserved, 0, 0, 0);
    void* const address = reinterpret_cast<void*>(base);
    ranges_[address] = range;
    return address;
  }
  // Grows by half at least, so that many small steps are few pieces.
  void commit(void* address, size_t bytes) override {
    Range& range = ranges_.at(address);
    if (bytes <= range.committed) return;
    if (bytes > range.reserved) throw_full(bytes);
    size_t more = bytes - range.committed;
    if (more < range.committed / 2) more = range.committed / 2;
    more = (more + range.granularity - 1) / range.granularity * range.granularity;
    if (more > range.reserved - range.committed) more = range.reserved - range.committed;
    const CUmemAllocationProp properties = properties_of_pieces();
    Piece piece{0, more};
    const CUresult created =
        driver("cuMemCreate", &cuMemCreate)(&piece.handle, more, &properties, 0);
    if (created == CUDA_ERROR_OUT_OF_MEMORY) throw_full(more);
    if (created != CUDA_SUCCESS)
      throw gpu::Error("cuMemCreate: error " + std::to_string(int(created)) + " of the driver");
    const CUdeviceptr at = reinterpret_cast<CUdeviceptr>(address) + range.committed;
    LAT_DRIVER(cuMemMap, at, more, 0, piece.handle, 0);
    CUmemAccessDesc access = {};
    access.location = properties.location;
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    LAT_DRIVER(cuMemSetAccess, at, more, &access, 1);
    range.pieces.push_back(piece);
    range.committed += more;
  }
  void give_back(void* address) override {
    const Range& range = ranges_.at(address);
    const CUdeviceptr base = reinterpret_cast<CUdeviceptr>(address);
    if (range.committed > 0) LAT_DRIVER(cuMemUnmap, base, range.committed);
    for (const Piece& piece : range.pieces) LAT_DRIVER(cuMemRelease, piece.handle);
    LAT_DRIVER(cuMemAddressFree, base, range.reserved);
    ranges_.erase(address);
  }

  void* allocate_host(size_t bytes) override {
    void* memory = nullptr;
    check("cudaMallocHost", cudaMallocHost(&memory, bytes));
    return memory;
  }
  void release_host(void* memory) override { check("cudaFreeHost", cudaFreeHost(memory)); }

  std::unique_ptr<gpu::Stream> stream() override { return std::make_unique<Stream>(); }
  std::unique_ptr<gpu::Event> event() override {
    return std::make_unique<Event>(cudaEventDisableTiming);
  }
  std::unique_ptr<gpu::Event> timed_event() override {
    return std::make_unique<Event>(cudaEventDefault);
  }
  void synchronize() override { check("cudaDeviceSynchronize", cudaDeviceSynchronize()); }

 private:
  struct Piece {
    CUmemGenericAllocationHandle handle;
    size_t bytes;
  };
  struct Range {
    size_t reserved = 0, committed = 0, granularity = 0;
    std::vector<Piece> pieces;
  };
  i32 attribute(cudaDeviceAttr which) const {
    int value = 0;
    check("cudaDeviceGetAttribute", cudaDeviceGetAttribute(&value, which, index_));
    return value;
  }
  CUmemAllocationProp properties_of_pieces() const {
    CUmemAllocationProp properties = {};
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    properties.location.id = index_;
    return properties;
  }

  int index_;
  std::string name_;
  std::map<void*, Range> ranges_;
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
void Stream::call(void (*function)(void*), void* argument) {
  check("cudaLaunchHostFunc", cudaLaunchHostFunc(stream_, function, argument));
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
  return std::make_unique<cuda::Device>(index, properties.name);
}
