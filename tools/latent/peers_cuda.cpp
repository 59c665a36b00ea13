// NVIDIA's libraries beside a device's kernels, in f32 without tensor cores.
//
// The parts of their C interfaces that these calls need: https://docs.nvidia.com/cuda/cublas (cublasLt) and
// https://docs.nvidia.com/deeplearning/cudnn (version 9, legacy convolutions).
#include <algorithm>

#include "engine/core/library.h"
#include "tools/latent/peers.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

namespace {

using Handle = void*;
using Owned = std::shared_ptr<void>;

class DevicePeer : public Peer {
 protected:
  DevicePeer(Accelerator& device, const std::vector<std::string>& files, const std::string& package)
      : device_(device), file_(files.front()), library_(open_any_library(files, package)) {
    LAT_CHECK(device_.stream().native(), Code::machine, file_,
              "computes on GPUs alone, and an emulated one is none. Expected  --device cuda");
  }

  template <class F>
  F* get(const char* name) const {
    return function_of<F>(library_, name, file_);
  }
  Owned create(const char* with, const char* destroy) {
    Handle made = nullptr;
    check(with, get<int(Handle*)>(with)(&made));
    return owned(made, destroy);
  }
  Owned owned(Handle handle, const char* destroy) const {
    return Owned(handle, get<int(Handle)>(destroy));
  }
  void check(const char* call, int status) const {
    LAT_CHECK(status == 0, Code::machine, file_, call, ": ",
              get<const char*(int)>(explain_)(status));
  }
  std::shared_ptr<DeviceMemory> memory(i64 bytes) const {
    return std::make_shared<DeviceMemory>(device_, std::max<i64>(bytes, 1));
  }
  std::vector<float> to_host(const DeviceMemory& from, i64 n) const {
    std::vector<float> out(static_cast<size_t>(n));
    move_bytes(device_, out.data(), from.data(), n * 4);
    return out;
  }

  static constexpr float kOne = 1, kZero = 0;

  Accelerator& device_;
  std::string file_;
  void* library_;
  const char* explain_ = "";  // the function that explains a status
};

// ---- cuBLASLt -----------------------------------------------------------------------------------

constexpr int kFloat32 = 0;                                        // cudaDataType
constexpr int kComputeF32 = 68;                                    // TF32 would be another
constexpr int kTransA = 3, kTransB = 4, kEpilogue = 7, kBias = 8;  // of a product
constexpr int kMostWorkspace = 1, kImplementations = 12;           // what a heuristic may choose
constexpr int32_t kPlain = 0, kTransposed = 1;
constexpr uint32_t kReluBias = 6;
constexpr uint64_t kNoTensorCores = ~uint64_t{0xfe};

struct Heuristic {
  uint64_t algorithm[8];
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};

class CublasLt final : public DevicePeer {
 public:
  explicit CublasLt(Accelerator& device)
      : DevicePeer(device, {"libcublasLt.so.13", "libcublasLt.so.12"}, "libcublas-13-0") {
    explain_ = "cublasLtGetStatusString";
    handle_ = create("cublasLtCreate", "cublasLtDestroy");
  }
  std::string name() const override { return "cuBLASLt"; }
  std::string about() const override {
    const size_t v = get<size_t()>("cublasLtGetVersion")();
    return cat("cuBLASLt ", v / 10000, ".", v / 100 % 100, ".", v % 100,
               ", f32 without tensor cores, what its heuristic puts first");
  }

  PeerCall prepare(const Family& family, const WorkShape& shape, Problem& problem) override {
    const bool relu = family.name == "linear relu";
    if (!relu && !family.name.starts_with("gemm")) return {};
    const i64 m = shape.sizes[0], n = shape.sizes[1], k = shape.sizes[2];
    const bool a_turned = family.name == "gemm tn", b_turned = family.name == "gemm nt";
    // It counts along columns: our c is its c transposed, the product of b and a transposed.
    Handle made = nullptr;
    check("cublasLtMatmulDescCreate",
          get<int(Handle*, int, int)>("cublasLtMatmulDescCreate")(&made, kComputeF32, kFloat32));
    const Owned product = owned(made, "cublasLtMatmulDescDestroy");
    set(product, kTransA, b_turned ? kTransposed : kPlain);
    set(product, kTransB, a_turned ? kTransposed : kPlain);
    if (relu) {
      set(product, kEpilogue, kReluBias);
      set(product, kBias, static_cast<const void*>(problem.floats(3)));
    }
    const Owned b = b_turned ? matrix(k, n) : matrix(n, k);
    const Owned a = a_turned ? matrix(m, k) : matrix(k, m), c = matrix(n, m);

    constexpr uint64_t kMost = 32 << 20;
    const Owned wish = create("cublasLtMatmulPreferenceCreate", "cublasLtMatmulPreferenceDestroy");
    wish_for(wish, kMostWorkspace, kMost);
    wish_for(wish, kImplementations, kNoTensorCores);
    Heuristic best{};
    int found = 0;
    const int status =
        get<int(Handle, Handle, Handle, Handle, Handle, Handle, Handle, int, Heuristic*, int*)>(
            "cublasLtMatmulAlgoGetHeuristic")(handle_.get(), product.get(), b.get(), a.get(),
                                              c.get(), c.get(), wish.get(), 1, &best, &found);
    if (status != 0 || found == 0 || best.state != 0) {
      say("cuBLASLt has no algorithm in f32 without tensor cores for ", family.name, " ",
          shape.json());
      return {};
    }
    const auto out = memory(m * n * 4), workspace = memory(static_cast<i64>(best.workspace));
    const float *const pa = problem.floats(1), *const pb = problem.floats(2);
    auto* const run =
        get<int(Handle, Handle, const void*, const void*, Handle, const void*, Handle, const void*,
                const void*, Handle, void*, Handle, const void*, void*, size_t, void*)>(
            "cublasLtMatmul");
    return {[=, this] {
              check("cublasLtMatmul",
                    run(handle_.get(), product.get(), &kOne, pb, b.get(), pa, a.get(), &kZero,
                        out->data(), c.get(), out->data(), c.get(), best.algorithm,
                        workspace->data(), best.workspace, device_.stream().native()));
            },
            output(out, m * n)};
  }

 private:
  std::function<const float*()> output(const std::shared_ptr<DeviceMemory>& from, i64 n) {
    const auto host = std::make_shared<std::vector<float>>();
    return [=, this] {
      *host = to_host(*from, n);
      return static_cast<const float*>(host->data());
    };
  }
  template <class T>
  void set(const Owned& product, int attribute, T value) {
    check("cublasLtMatmulDescSetAttribute",
          get<int(Handle, int, const void*, size_t)>("cublasLtMatmulDescSetAttribute")(
              product.get(), attribute, &value, sizeof value));
  }
  void wish_for(const Owned& wish, int attribute, uint64_t value) {
    check("cublasLtMatmulPreferenceSetAttribute",
          get<int(Handle, int, const void*, size_t)>("cublasLtMatmulPreferenceSetAttribute")(
              wish.get(), attribute, &value, sizeof value));
  }
  // Columns follow each other without gaps.
  Owned matrix(i64 rows, i64 columns) {
    Handle made = nullptr;
    check("cublasLtMatrixLayoutCreate",
          get<int(Handle*, int, uint64_t, uint64_t, int64_t)>("cublasLtMatrixLayoutCreate")(
              &made, kFloat32, static_cast<uint64_t>(rows), static_cast<uint64_t>(columns), rows));
    return owned(made, "cublasLtMatrixLayoutDestroy");
  }

  Owned handle_;
};

// ---- cuDNN --------------------------------------------------------------------------------------

constexpr int kNhwc = 1, kCrossCorrelation = 1, kReluActivation = 1;
constexpr int kTensorCores = 1, kTensorCoresConverting = 2, kFmaMath = 3;  // kinds of arithmetic

// One shape of the results of all three searches.
struct Found {
  int algorithm, status;
  float milliseconds;
  size_t workspace;
  int determinism, math, reserved[3];
};

class Cudnn final : public DevicePeer {
 public:
  explicit Cudnn(Accelerator& device) : DevicePeer(device, {"libcudnn.so.9"}, "libcudnn9-cuda-13") {
    explain_ = "cudnnGetErrorString";
    handle_ = create("cudnnCreate", "cudnnDestroy");
    check("cudnnSetStream",
          get<int(Handle, void*)>("cudnnSetStream")(handle_.get(), device.stream().native()));
  }
  std::string name() const override { return "cuDNN"; }
  std::string about() const override {
    const size_t v = get<size_t()>("cudnnGetVersion")();
    return cat("cuDNN ", v / 10000, ".", v / 100 % 100, ".", v % 100,
               ", NHWC, f32 without tensor cores, the quickest algorithm of its own search");
  }

  PeerCall prepare(const Family& family, const WorkShape& shape, Problem& problem) override {
    if (!family.name.starts_with("conv")) return {};
    const std::vector<i64>& s = shape.sizes;
    const i64 b = s[0], h = s[1], w = s[2], c = s[3], k = s[4], r = s[5], stride = s[6], pad = s[7];
    const i64 p = (h + 2 * pad - r) / stride + 1, q = (w + 2 * pad - r) / stride + 1;
    const Owned x = images(b, c, h, w), y = images(b, k, p, q), f = filters(k, c, r);
    const Owned layer = convolution(stride, pad);

    const bool data = family.name == "conv data", filter = family.name == "conv filter";
    const i64 taps = r * r * c;
    const i64 n = data ? b * h * w * c : filter ? taps * k : b * p * q * k;
    const auto out = memory(n * 4);
    device_.zero(out->data(), n * 4);
    // Its filters are (K, R, S, C); they are turned outside of the clock.
    const auto turned = filter ? nullptr : memory(taps * k * 4);
    if (turned) {
      const std::vector<float> ours = transposed(problem.values(2), taps, k);
      move_bytes(device_, turned->data(), ours.data(), taps * k * 4);
    }
    Call call;
    if (data)
      call = {"Data", f, y, x, turned->data(), problem.floats(1), out->data()};
    else if (filter)
      call = {"Filter", x, y, f, problem.floats(1), problem.floats(2), out->data()};
    else
      call = {"Forward", x, f, y, problem.floats(1), turned->data(), out->data()};

    const Found best = search(call, layer);
    if (best.status != 0) {
      say("cuDNN has no algorithm in NHWC, f32 and without tensor cores for ", family.name, " ",
          shape.json());
      return {};
    }
    const auto workspace = memory(static_cast<i64>(best.workspace));
    std::function<int()> run;
    if (family.name == "conv relu") {
      const Owned bias = images(1, k, 1, 1), relu = activation();
      auto* const go =
          get<int(Handle, const void*, Handle, const void*, Handle, const void*, Handle, int, void*,
                  size_t, const void*, Handle, const void*, Handle, const void*, Handle, Handle,
                  void*)>("cudnnConvolutionBiasActivationForward");
      const float* const shift = problem.floats(3);
      run = [=, this] {
        return go(handle_.get(), &kOne, call.first.get(), call.a, call.second.get(), call.b,
                  layer.get(), best.algorithm, workspace->data(), best.workspace, &kZero,
                  call.third.get(), call.c, bias.get(), shift, relu.get(), call.third.get(),
                  call.c);
      };
    } else {
      auto* const go =
          get<int(Handle, const void*, Handle, const void*, Handle, const void*, Handle, int, void*,
                  size_t, const void*, Handle, void*)>(data     ? "cudnnConvolutionBackwardData"
                                                       : filter ? "cudnnConvolutionBackwardFilter"
                                                                : "cudnnConvolutionForward");
      run = [=, this] {
        return go(handle_.get(), &kOne, call.first.get(), call.a, call.second.get(), call.b,
                  layer.get(), best.algorithm, workspace->data(), best.workspace, &kZero,
                  call.third.get(), call.c);
      };
    }
    const auto host = std::make_shared<std::vector<float>>();
    return {[this, run, out, turned] { check("cudnnConvolution", run()); },
            [=, this] {
              *host = to_host(*out, n);
              if (filter) *host = transposed(*host, k, taps);
              return static_cast<const float*>(host->data());
            }};
  }

 private:
  // Two operands and a result, in the order in which its functions take them.
  struct Call {
    std::string direction;
    Owned first, second, third;
    const void *a, *b;
    void* c;
  };

  static std::vector<float> transposed(const std::vector<float>& from, i64 rows, i64 columns) {
    std::vector<float> to(from.size());
    for (i64 i = 0; i < rows; ++i)
      for (i64 j = 0; j < columns; ++j)
        to[static_cast<size_t>(j * rows + i)] = from[static_cast<size_t>(i * columns + j)];
    return to;
  }

  // The quickest that needs no tensor cores; its status is not 0 where there is none.
  Found search(const Call& call, const Owned& layer) {
    constexpr size_t kMost = size_t{1} << 30;
    constexpr int kAlgorithms = 16;
    const std::string name =
        cat("cudnnFindConvolution", call.direction == "Forward" ? "" : "Backward", call.direction,
            "AlgorithmEx");
    const auto workspace = memory(kMost);
    Found all[kAlgorithms] = {};
    int found = 0;
    const int status = get<int(Handle, Handle, const void*, Handle, const void*, Handle, Handle,
                               void*, int, int*, Found*, void*, size_t)>(name.c_str())(
        handle_.get(), call.first.get(), call.a, call.second.get(), call.b, layer.get(),
        call.third.get(), call.c, kAlgorithms, &found, all, workspace->data(), kMost);
    if (status == 0)
      for (const Found& f : std::vector<Found>(all, all + found))
        if (f.status == 0 && f.math != kTensorCores && f.math != kTensorCoresConverting) return f;
    all[0].status = -1;
    return all[0];
  }

  Owned images(i64 n, i64 c, i64 h, i64 w) {
    const Owned made = create("cudnnCreateTensorDescriptor", "cudnnDestroyTensorDescriptor");
    check("cudnnSetTensor4dDescriptor",
          get<int(Handle, int, int, int, int, int, int)>("cudnnSetTensor4dDescriptor")(
              made.get(), kNhwc, kFloat32, int(n), int(c), int(h), int(w)));
    return made;
  }
  Owned filters(i64 k, i64 c, i64 r) {
    const Owned made = create("cudnnCreateFilterDescriptor", "cudnnDestroyFilterDescriptor");
    check("cudnnSetFilter4dDescriptor",
          get<int(Handle, int, int, int, int, int, int)>("cudnnSetFilter4dDescriptor")(
              made.get(), kFloat32, kNhwc, int(k), int(c), int(r), int(r)));
    return made;
  }
  Owned convolution(i64 stride, i64 pad) {
    const Owned made =
        create("cudnnCreateConvolutionDescriptor", "cudnnDestroyConvolutionDescriptor");
    const int s = int(stride), z = int(pad);
    check(
        "cudnnSetConvolution2dDescriptor",
        get<int(Handle, int, int, int, int, int, int, int, int)>("cudnnSetConvolution2dDescriptor")(
            made.get(), z, z, s, s, 1, 1, kCrossCorrelation, kFloat32));
    check("cudnnSetConvolutionMathType",
          get<int(Handle, int)>("cudnnSetConvolutionMathType")(made.get(), kFmaMath));
    return made;
  }
  Owned activation() {
    const Owned made =
        create("cudnnCreateActivationDescriptor", "cudnnDestroyActivationDescriptor");
    check("cudnnSetActivationDescriptor",
          get<int(Handle, int, int, double)>("cudnnSetActivationDescriptor")(
              made.get(), kReluActivation, 0, 0.0));
    return made;
  }

  Owned handle_;
};

}  // namespace

std::unique_ptr<Peer> open_cublaslt(Accelerator& device) {
  return std::make_unique<CublasLt>(device);
}
std::unique_ptr<Peer> open_cudnn(Accelerator& device) { return std::make_unique<Cudnn>(device); }

}  // namespace lat::tools
