// The tables of the ladders that have rungs for devices.
#include "kernels/common/cuda.h"

#include "kernels/conv/conv.h"
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

template <Conv* f>
void run(const Arg* a, gpu::Stream& stream) {
  f(static_cast<Stream&>(stream), conv_call(a));
}
i64 product_scratch(const Arg* a) {
  const ConvCall z = conv_call(a);
  return conv2d_scratch<float>(z.y, z.x, z.f, z.bias, z.B, z.H, z.W, z.C, z.K, z.R, z.S, z.P, z.Q,
                               z.stride, z.pad, z.act);
}

constexpr DeviceRung kConv[] = {
    {"01_naive", "a thread an output, all from global memory", run<conv_naive>, nullptr},
    {"02_tiled", "image tile and filter slice in shared memory", run<conv_tiled>, nullptr},
    {"03_register_tile", "4 pixels x 4 channels a thread", run<conv_register_tile>, nullptr},
    {"04_implicit_gemm", "patches arrive while others are multiplied", run<conv_implicit_gemm>,
     nullptr},
    {"05_product", "8 x 8 a thread, tiles that fit the layer, vector loads", run<conv_product>,
     product_scratch},
};

constexpr DeviceLadder kAll[kDeviceLadders] = {
    {"conv", kConv, sizeof(kConv) / sizeof(kConv[0]), 4},
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
