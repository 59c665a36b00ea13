// NVIDIA's libraries (engine/core/nvidia.h) beside a device's kernels.
#include <algorithm>

#include "engine/core/nvidia.h"
#include "tools/latent/peers.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

namespace {

class DevicePeer : public Peer {
 public:
  explicit DevicePeer(Accelerator& device) : device_(device) {
    LAT_CHECK(device_.stream().native(), Code::machine, "--against",
              "cuBLASLt and cuDNN compute on GPUs alone, and an emulated one is none. Expected  "
              "--device cuda");
  }

 protected:
  std::shared_ptr<DeviceMemory> memory(i64 bytes) const {
    return std::make_shared<DeviceMemory>(device_, std::max<i64>(bytes, 1));
  }
  std::vector<float> to_host(const DeviceMemory& from, i64 n) const {
    std::vector<float> out(static_cast<size_t>(n));
    move_bytes(device_, out.data(), from.data(), n * 4);
    return out;
  }
  static std::string version(size_t v) { return cat(v / 10000, ".", v / 100 % 100, ".", v % 100); }

  Accelerator& device_;
};

class CublasLtPeer final : public DevicePeer {
 public:
  using DevicePeer::DevicePeer;
  std::string name() const override { return "cuBLASLt"; }
  std::string about() const override {
    return cat("cuBLASLt ", version(cublaslt().version()),
               ", f32 without tensor cores, what its heuristic puts first");
  }

  PeerCall prepare(const Family& family, const WorkShape& shape, Problem& problem) override {
    const bool relu = family.name == "linear relu";
    if (!relu && !family.name.starts_with("gemm")) return {};
    const i64 m = shape.sizes[0], n = shape.sizes[1], k = shape.sizes[2];
    const i64 flags = (family.name == "gemm tn" ? 1 : 0) | (family.name == "gemm nt" ? 2 : 0);
    const auto out = memory(m * n * 4);
    const Product x{static_cast<float*>(out->data()),
                    problem.floats(1),
                    problem.floats(2),
                    relu ? problem.floats(3) : nullptr,
                    1,
                    m,
                    n,
                    k,
                    flags,
                    relu ? 1 : 0,
                    false};
    const LtProducts::Plan* const plan = products_.plan(x);
    if (!plan) {
      say("cuBLASLt has no algorithm in f32 without tensor cores for ", family.name, " ",
          shape.json());
      return {};
    }
    const auto workspace = memory(plan->workspace());
    const auto host = std::make_shared<std::vector<float>>();
    return {[=, this] { products_.run(*plan, x, workspace->data(), device_.stream().native()); },
            [=, this] {
              *host = to_host(*out, m * n);
              return static_cast<const float*>(host->data());
            }};
  }

 private:
  LtProducts products_{cublaslt()};
};

class CudnnPeer final : public DevicePeer {
 public:
  using DevicePeer::DevicePeer;
  std::string name() const override { return "cuDNN"; }
  std::string about() const override {
    return cat("cuDNN ", version(cudnn().version()),
               ", NHWC, f32 without tensor cores, the quickest algorithm of its own search");
  }

  PeerCall prepare(const Family& family, const WorkShape& shape, Problem& problem) override {
    if (!family.name.starts_with("conv")) return {};
    const std::vector<i64>& s = shape.sizes;
    ConvSizes sizes{s[0], s[1], s[2], s[3], s[4], s[5], s[5], 0, 0, s[6], s[7]};
    sizes.P = (sizes.H + 2 * sizes.pad - sizes.R) / sizes.stride + 1;
    sizes.Q = (sizes.W + 2 * sizes.pad - sizes.S) / sizes.stride + 1;
    const auto direction = family.name == "conv data"     ? DnnConvolutions::data
                           : family.name == "conv filter" ? DnnConvolutions::filter
                                                          : DnnConvolutions::forward;
    const bool data = direction == DnnConvolutions::data;
    const bool filter = direction == DnnConvolutions::filter;
    const i64 taps = sizes.R * sizes.S * sizes.C;
    const i64 n = data ? sizes.x() : filter ? sizes.f() : sizes.y();
    const auto out = memory(n * 4);
    device_.zero(out->data(), n * 4);
    // Its filters are (K, R, S, C); they are turned outside of the clock.
    const auto turned = filter ? nullptr : memory(sizes.f() * 4);
    if (turned) {
      const std::vector<float> ours = transposed(problem.values(2), taps, sizes.K);
      move_bytes(device_, turned->data(), ours.data(), sizes.f() * 4);
    }
    const void* const first = data ? turned->data() : problem.floats(1);
    const void* const second = data     ? static_cast<const void*>(problem.floats(1))
                               : filter ? problem.floats(2)
                                        : turned->data();
    std::shared_ptr<DnnConvolutions::Plan> plan;
    {
      constexpr size_t kMost = size_t{1} << 30;
      const auto workspace = memory(kMost);
      if (auto found = convolutions_.plan(direction, sizes, first, second, out->data(),
                                          workspace->data(), kMost, false))
        plan = std::make_shared<DnnConvolutions::Plan>(std::move(*found));
    }
    if (!plan) {
      say("cuDNN has no algorithm in NHWC, f32 and without tensor cores for ", family.name, " ",
          shape.json());
      return {};
    }
    const auto workspace = memory(plan->workspace());
    const void* const bias = family.name == "conv relu" ? problem.floats(3) : nullptr;
    const auto host = std::make_shared<std::vector<float>>();
    return {[=, this, turned = turned] {
              convolutions_.run(*plan, first, second, out->data(), workspace->data(), bias);
            },
            [=, this] {
              *host = to_host(*out, n);
              if (filter) *host = transposed(*host, sizes.K, taps);
              return static_cast<const float*>(host->data());
            }};
  }

 private:
  static std::vector<float> transposed(const std::vector<float>& from, i64 rows, i64 columns) {
    std::vector<float> to(from.size());
    for (i64 i = 0; i < rows; ++i)
      for (i64 j = 0; j < columns; ++j)
        to[static_cast<size_t>(j * rows + i)] = from[static_cast<size_t>(i * columns + j)];
    return to;
  }

  DnnConvolutions convolutions_{cudnn(), device_.stream().native()};
};

}  // namespace

std::unique_ptr<Peer> open_cublaslt(Accelerator& device) {
  return std::make_unique<CublasLtPeer>(device);
}
std::unique_ptr<Peer> open_cudnn(Accelerator& device) {
  return std::make_unique<CudnnPeer>(device);
}

}  // namespace lat::tools
