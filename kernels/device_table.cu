// The rows of kernels on devices: compiled by nvcc for CUDA and by the host compiler for the emulator.
#include "kernels/common/cuda.h"

#include "kernels/conv/conv.h"
#include "kernels/devices.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/gather/gather.h"
#include "kernels/likelihood/likelihood.h"
#include "kernels/matmul/matmul.h"
#include "kernels/norm/norm.h"
#include "kernels/optim/optim.h"
#include "kernels/random/random.h"
#include "kernels/recurrent/recurrent.h"
#include "kernels/reduce/reduce.h"
#include "kernels/row.h"
#include "kernels/scan/scan.h"
#include "kernels/softmax/softmax.h"

namespace lat::kernels::LAT_ISA {
namespace {

template <class... A>
Row<A...> row_of(void (*)(Part, A...));
template <auto f>
void run(const Arg* a, gpu::Stream& stream) {
  decltype(row_of(f))::template call<f>(a, static_cast<Stream&>(stream));
}
template <auto f, auto bytes>
i64 scratch(const Arg* a) {
  return decltype(row_of(f))::template call<bytes>(a);
}

struct Rows {
  DeviceKernel row[kKernelCount];
};

#ifdef LAT_FLOAT_ONLY
#define OF_DOUBLE(...) nullptr
#else
#define OF_DOUBLE(...) __VA_ARGS__
#endif

constexpr Rows written_rows() {
  Rows rows{};
#define KERNEL(name, plan) \
  rows.row[i32(K::name)] = {#name, {&run<&name<float>>, OF_DOUBLE(&run<&name<double>>)}, {}};
#include "kernels/kernels.def"
#undef KERNEL
#define SCRATCH(name)                                                                 \
  rows.row[i32(K::name)].scratch[0] = &scratch<&name<float>, &name##_scratch<float>>; \
  rows.row[i32(K::name)].scratch[1] = OF_DOUBLE(&scratch<&name<double>, &name##_scratch<double>>);
#include "kernels/scratch.def"
#undef SCRATCH
  return rows;
}

constexpr Rows kTable = written_rows();

}  // namespace

const DeviceKernel* device_rows() { return kTable.row; }

}  // namespace lat::kernels::LAT_ISA

#ifdef __CUDACC__
const lat::kernels::DeviceKernel* lat::kernels::cuda_table() { return cuda::device_rows(); }
#else
const lat::kernels::DeviceKernel* lat::kernels::emulated_table() { return emulated::device_rows(); }
#endif
