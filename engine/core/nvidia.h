#pragma once
// NVIDIA's libraries for products and convolutions in f32 without tensor cores, opened at run time. Each is a table of
// functions, those of its C interface that are called here, so that a test can put its own in their place; and a class
// that says our products and convolutions in its words. Sums are taken in an order of the library's.
//
// https://docs.nvidia.com/cuda/cublas (cublasLt), https://docs.nvidia.com/deeplearning/cudnn (version 9, legacy
// convolutions).
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/product.h"

namespace lat {

// Descriptors and handles of either library; a status of 0 is success.
using NvidiaHandle = void*;
struct NvidiaDestroy {
  int (*function)(NvidiaHandle) = nullptr;
  void operator()(NvidiaHandle h) const { function(h); }
};
using NvidiaOwned = std::unique_ptr<void, NvidiaDestroy>;

// ---- cuBLASLt --------------------------------------------------------------------------------------------------------

struct CublasLt {
  using Handle = NvidiaHandle;
  static constexpr int kFloat32 = 0, kComputeF32 = 68;
  static constexpr int kTransA = 3, kTransB = 4, kEpilogue = 7, kBias = 8, kBiasStride = 10;
  static constexpr int kBatch = 5, kBatchStride = 6;                            // of a matrix
  static constexpr int kMostWorkspace = 1, kAlignA = 5, kImplementations = 12;  // of a wish
  static constexpr int32_t kPlain = 0, kTransposed = 1;
  static constexpr uint32_t kNothing = 1, kRelu = 2, kAddBias = 4;  // epilogues
  static constexpr uint64_t kNoTensorCores = ~uint64_t{0xfe};

  struct Heuristic {
    uint64_t algorithm[8];
    size_t workspace;
    int state;
    float waves;
    int reserved[4];
  };

  int (*create)(Handle*);
  int (*destroy)(Handle);
  int (*product_create)(Handle*, int compute, int scale);
  int (*product_destroy)(Handle);
  int (*product_set)(Handle, int attribute, const void* value, size_t bytes);
  int (*matrix_create)(Handle*, int type, uint64_t rows, uint64_t columns, int64_t leading);
  int (*matrix_destroy)(Handle);
  int (*matrix_set)(Handle, int attribute, const void* value, size_t bytes);
  int (*wish_create)(Handle*);
  int (*wish_destroy)(Handle);
  int (*wish_set)(Handle, int attribute, const void* value, size_t bytes);
  // library, product, matrices a b c d, wish, how many, results, how many there are
  int (*choose)(Handle, Handle, Handle, Handle, Handle, Handle, Handle, int, Heuristic*, int*);
  // library, product, alpha, a, b, beta, c, d, algorithm, workspace and its bytes, stream
  int (*multiply)(Handle, Handle, const void*, const void*, Handle, const void*, Handle,
                  const void*, const void*, Handle, void*, Handle, const void*, void*, size_t,
                  void*);
  const char* (*explain)(int status);
  size_t (*version)();
};
// Opened once. Code::machine names the package where it is not installed.
const CublasLt& cublaslt();

// Products in cuBLASLt's words.
class LtProducts {
 public:
  explicit LtProducts(const CublasLt& library);

  // What a product needs of a shape, made once: descriptors, algorithm, workspace.
  struct Plan {
    NvidiaOwned product, a, b, c;  // its a is our b
    CublasLt::Heuristic best;
    i64 workspace() const { return static_cast<i64>(best.workspace); }
  };
  // Without activation but relu. Null where the library has no algorithm. Valid as long as this object.
  const Plan* plan(const Product& x);
  // Queues it on a cudaStream_t; the workspace holds plan.workspace() bytes, aligned to 256.
  void run(const Plan& plan, const Product& x, void* workspace, void* stream);

 private:
  void check(const char* call, int status) const;
  std::optional<Plan> made(const Product& x, i64 align) const;
  NvidiaOwned matrix(i64 rows, i64 columns, i64 batch, bool one) const;
  template <class T>
  void set(const NvidiaOwned& product, int attribute, T value) const;

  const CublasLt& library_;
  NvidiaOwned handle_;
  std::map<std::vector<i64>, std::optional<Plan>> plans_;
};

// ---- cuDNN -----------------------------------------------------------------------------------------------------------

struct Cudnn {
  using Handle = NvidiaHandle;
  static constexpr int kFloat32 = 0, kNhwc = 1, kCrossCorrelation = 1, kReluActivation = 1;
  static constexpr int kTensorCores = 1, kTensorCoresConverting = 2, kFmaMath = 3;  // arithmetic

  // One shape of the results of all three searches.
  struct Found {
    int algorithm, status;
    float milliseconds;
    size_t workspace;
    int determinism, math, reserved[3];
  };
  using Search = int(Handle, Handle, const void*, Handle, const void*, Handle, Handle, void*, int,
                     int*, Found*, void*, size_t);
  using Convolve = int(Handle, const void*, Handle, const void*, Handle, const void*, Handle, int,
                       void*, size_t, const void*, Handle, void*);

  int (*create)(Handle*);
  int (*destroy)(Handle);
  int (*set_stream)(Handle, void*);
  int (*images_create)(Handle*);
  int (*images_destroy)(Handle);
  int (*images_set)(Handle, int layout, int type, int n, int c, int h, int w);
  int (*filters_create)(Handle*);
  int (*filters_destroy)(Handle);
  int (*filters_set)(Handle, int type, int layout, int k, int c, int r, int s);
  int (*layer_create)(Handle*);
  int (*layer_destroy)(Handle);
  // pad, pad, stride, stride, dilation, dilation, mode, type
  int (*layer_set)(Handle, int, int, int, int, int, int, int, int);
  int (*layer_set_math)(Handle, int);
  int (*activation_create)(Handle*);
  int (*activation_destroy)(Handle);
  int (*activation_set)(Handle, int mode, int nan, double);
  // By direction: forward (x, f, y), data (f, dy, dx), filter (x, dy, df).
  Search* search[3];
  Convolve* convolve[3];
  int (*forward_bias_act)(Handle, const void*, Handle, const void*, Handle, const void*, Handle,
                          int, void*, size_t, const void*, Handle, const void*, Handle, const void*,
                          Handle, Handle, void*);
  const char* (*explain)(int status);
  size_t (*version)();
};
// Opened once. Code::machine names the package where it is not installed.
const Cudnn& cudnn();

// Convolutions in cuDNN's words. Its filters are (K,R,S,C): ours with their last axis first.
class DnnConvolutions {
 public:
  enum Direction { forward, data, filter };

  // Calls are queued on `stream`, a cudaStream_t.
  DnnConvolutions(const Cudnn& library, void* stream);

  struct Plan {
    NvidiaOwned first, second, third, layer, bias, relu;
    Direction direction;
    Cudnn::Found best;
    i64 workspace() const { return static_cast<i64>(best.workspace); }
  };
  // The quickest algorithm of the library's own search, which runs them all on operands and result of the caller's;
  // `sums`: of those that are sums of products in f32 in an order that does not change from run to run, neither by FFT nor
  // after Winograd, so that fast_bound (core/fast.h) holds. Nothing where it has none. Waits for the device.
  std::optional<Plan> plan(Direction direction, const ConvSizes& sizes, const void* first,
                           const void* second, void* third, void* workspace, size_t bytes,
                           bool sums) const;
  // third = the convolution; forward with a bias: relu of it and the bias.
  void run(const Plan& plan, const void* first, const void* second, void* third, void* workspace,
           const void* bias = nullptr) const;

 private:
  void check(const char* call, int status) const;
  NvidiaOwned images(i64 n, i64 c, i64 h, i64 w) const;
  NvidiaOwned filters(i64 k, i64 c, i64 r, i64 s) const;
  NvidiaOwned layer(i64 stride, i64 pad) const;

  const Cudnn& library_;
  NvidiaOwned handle_;
};

}  // namespace lat
