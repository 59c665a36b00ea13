// The tables of the ladders that have rungs for devices.
#include "kernels/common/cuda.h"

#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {
namespace {

template <Latent* f>
void run(const Arg* a, gpu::Stream& stream) {
  f(static_cast<Stream&>(stream), latent_call(a));
}
i64 one_temporary(const Arg* a) { return a[6].i * a[7].i * i64(sizeof(float)); }

constexpr DeviceRung kLatent[] = {
    {"01_chain", "one operation a kernel: eight of them", run<latent_chain>, one_temporary},
    {"02_product", "two kernels without temporaries", run<latent_product>, nullptr},
    {"03_one_pass", "one kernel: each input is loaded once", run<latent_one_pass>, nullptr},
    {"04_noise_once", "four numbers of a counter, by way of shared memory", run<latent_noise_once>,
     nullptr},
    {"05_no_conflicts", "stores to all banks at once", run<latent_no_conflicts>, nullptr},
};

constexpr DeviceLadder kAll[kDeviceLadders] = {
    {"reparameterise_kl", kLatent, sizeof(kLatent) / sizeof(kLatent[0]), 1},
};

}  // namespace

const DeviceLadder* device_ladders() { return kAll; }

}  // namespace lat::kernels::LAT_ISA

#ifdef __CUDACC__
const lat::kernels::DeviceLadder* lat::kernels::cuda_ladders() { return cuda::device_ladders(); }
#else
const lat::kernels::DeviceLadder* lat::kernels::emulated_ladders() {
  return emulated::device_ladders();
}
#endif
