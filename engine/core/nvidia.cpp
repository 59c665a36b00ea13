#include "engine/core/nvidia.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/core/error.h"
#include "engine/core/library.h"

namespace lat {

namespace {

constexpr float kOne = 1, kZero = 0;

// A function of a library into its place of the table.
template <class F>
void find(F*& to, void* library, const char* name, const char* file) {
  to = function_of<F>(library, name, file);
}

bool fits_int(std::initializer_list<i64> sizes) {
  return std::min(sizes) >= 1 && std::max(sizes) <= std::numeric_limits<int>::max();
}

}  // namespace

// ---- cuBLASLt --------------------------------------------------------------------------------------------------------

const CublasLt& cublaslt() {
  static const CublasLt opened = [] {
    const char* const file = "libcublasLt.so.13";
    void* const l = open_any_library({file, "libcublasLt.so.12"}, "libcublas-13-0");
    CublasLt t;
    find(t.create, l, "cublasLtCreate", file);
    find(t.destroy, l, "cublasLtDestroy", file);
    find(t.product_create, l, "cublasLtMatmulDescCreate", file);
    find(t.product_destroy, l, "cublasLtMatmulDescDestroy", file);
    find(t.product_set, l, "cublasLtMatmulDescSetAttribute", file);
    find(t.matrix_create, l, "cublasLtMatrixLayoutCreate", file);
    find(t.matrix_destroy, l, "cublasLtMatrixLayoutDestroy", file);
    find(t.matrix_set, l, "cublasLtMatrixLayoutSetAttribute", file);
    find(t.wish_create, l, "cublasLtMatmulPreferenceCreate", file);
    find(t.wish_destroy, l, "cublasLtMatmulPreferenceDestroy", file);
    find(t.wish_set, l, "cublasLtMatmulPreferenceSetAttribute", file);
    find(t.choose, l, "cublasLtMatmulAlgoGetHeuristic", file);
    find(t.multiply, l, "cublasLtMatmul", file);
    find(t.explain, l, "cublasLtGetStatusString", file);
    find(t.version, l, "cublasLtGetVersion", file);
    return t;
  }();
  return opened;
}

void LtProducts::check(const char* call, int status) const {
  LAT_CHECK(status == 0, Code::machine, "cuBLASLt", call, ": ", library_.explain(status));
}

LtProducts::LtProducts(const CublasLt& library) : library_(library) {
  NvidiaHandle made = nullptr;
  check("cublasLtCreate", library_.create(&made));
  handle_ = NvidiaOwned(made, {library_.destroy});
}

template <class T>
void LtProducts::set(const NvidiaOwned& product, int attribute, T value) const {
  check("cublasLtMatmulDescSetAttribute",
        library_.product_set(product.get(), attribute, &value, sizeof value));
}

// Columns follow each other without gaps, and so do the matrices of a batch.
NvidiaOwned LtProducts::matrix(i64 rows, i64 columns, i64 batch, bool one) const {
  NvidiaHandle made = nullptr;
  check("cublasLtMatrixLayoutCreate",
        library_.matrix_create(&made, CublasLt::kFloat32, static_cast<uint64_t>(rows),
                               static_cast<uint64_t>(columns), rows));
  NvidiaOwned owned(made, {library_.matrix_destroy});
  const int32_t count = static_cast<int32_t>(batch);
  const int64_t stride = one ? 0 : rows * columns;
  check("cublasLtMatrixLayoutSetAttribute",
        library_.matrix_set(made, CublasLt::kBatch, &count, sizeof count));
  check("cublasLtMatrixLayoutSetAttribute",
        library_.matrix_set(made, CublasLt::kBatchStride, &stride, sizeof stride));
  return owned;
}

// It counts along columns: our row-major c is its c transposed, the product of b and a transposed. Our b (k,n) is its
// (n,k) matrix as it lies, our a (m,k) its (k,m).
std::optional<LtProducts::Plan> LtProducts::made(const Product& x, i64 align) const {
  if (!fits_int({x.batch, x.m, x.n, x.k})) return {};
  NvidiaHandle created = nullptr;
  check("cublasLtMatmulDescCreate",
        library_.product_create(&created, CublasLt::kComputeF32, CublasLt::kFloat32));
  Plan plan;
  plan.product = NvidiaOwned(created, {library_.product_destroy});
  set(plan.product, CublasLt::kTransA, x.turned_b() ? CublasLt::kTransposed : CublasLt::kPlain);
  set(plan.product, CublasLt::kTransB, x.turned_a() ? CublasLt::kTransposed : CublasLt::kPlain);
  uint32_t epilogue = (x.bias ? CublasLt::kAddBias : 0) | (x.act == 1 ? CublasLt::kRelu : 0);
  if (epilogue == 0) epilogue = CublasLt::kNothing;
  set(plan.product, CublasLt::kEpilogue, epilogue);
  if (x.bias) {
    set(plan.product, CublasLt::kBias, static_cast<const void*>(x.bias));
    set(plan.product, CublasLt::kBiasStride, int64_t{x.one_b() ? 0 : x.n});
  }
  plan.a =
      x.turned_b() ? matrix(x.k, x.n, x.batch, x.one_b()) : matrix(x.n, x.k, x.batch, x.one_b());
  plan.b =
      x.turned_a() ? matrix(x.m, x.k, x.batch, x.one_a()) : matrix(x.k, x.m, x.batch, x.one_a());
  plan.c = matrix(x.n, x.m, x.batch, false);

  check("cublasLtMatmulPreferenceCreate", library_.wish_create(&created));
  const NvidiaOwned wish(created, {library_.wish_destroy});
  const auto wish_for = [&](int attribute, auto value) {
    check("cublasLtMatmulPreferenceSetAttribute",
          library_.wish_set(wish.get(), attribute, &value, sizeof value));
  };
  wish_for(CublasLt::kMostWorkspace, uint64_t{32 << 20});
  wish_for(CublasLt::kImplementations, CublasLt::kNoTensorCores);
  for (int i = 0; i < 4; ++i) wish_for(CublasLt::kAlignA + i, static_cast<uint32_t>(align));
  int found = 0;
  const int status = library_.choose(handle_.get(), plan.product.get(), plan.a.get(), plan.b.get(),
                                     plan.c.get(), plan.c.get(), wish.get(), 1, &plan.best, &found);
  if (status != 0 || found == 0 || plan.best.state != 0) return {};
  return plan;
}

// The heuristic looks at the alignment of the bias that stands in the descriptor.
const LtProducts::Plan* LtProducts::plan(const Product& x) {
  const i64 align = alignment({x.a, x.b, x.c}), bias = x.bias ? alignment({x.bias}) : 0;
  const std::vector<i64> shape{x.batch, x.m, x.n, x.k, x.flags, x.act, x.into, align, bias};
  const auto [at, fresh] = plans_.try_emplace(shape);
  if (fresh) at->second = made(x, align);
  return at->second ? &*at->second : nullptr;
}

void LtProducts::run(const Plan& plan, const Product& x, void* workspace, void* stream) {
  if (x.bias) set(plan.product, CublasLt::kBias, static_cast<const void*>(x.bias));
  check(
      "cublasLtMatmul",
      library_.multiply(handle_.get(), plan.product.get(), &kOne, x.b, plan.a.get(), x.a,
                        plan.b.get(), x.into ? &kOne : &kZero, x.c, plan.c.get(), x.c, plan.c.get(),
                        plan.best.algorithm, workspace, plan.best.workspace, stream));
}

// ---- cuDNN -----------------------------------------------------------------------------------------------------------

const Cudnn& cudnn() {
  static const Cudnn opened = [] {
    const char* const file = "libcudnn.so.9";
    void* const l = open_library(file, "libcudnn9-cuda-13");
    Cudnn t;
    find(t.create, l, "cudnnCreate", file);
    find(t.destroy, l, "cudnnDestroy", file);
    find(t.set_stream, l, "cudnnSetStream", file);
    find(t.images_create, l, "cudnnCreateTensorDescriptor", file);
    find(t.images_destroy, l, "cudnnDestroyTensorDescriptor", file);
    find(t.images_set, l, "cudnnSetTensor4dDescriptor", file);
    find(t.filters_create, l, "cudnnCreateFilterDescriptor", file);
    find(t.filters_destroy, l, "cudnnDestroyFilterDescriptor", file);
    find(t.filters_set, l, "cudnnSetFilter4dDescriptor", file);
    find(t.layer_create, l, "cudnnCreateConvolutionDescriptor", file);
    find(t.layer_destroy, l, "cudnnDestroyConvolutionDescriptor", file);
    find(t.layer_set, l, "cudnnSetConvolution2dDescriptor", file);
    find(t.layer_set_math, l, "cudnnSetConvolutionMathType", file);
    find(t.activation_create, l, "cudnnCreateActivationDescriptor", file);
    find(t.activation_destroy, l, "cudnnDestroyActivationDescriptor", file);
    find(t.activation_set, l, "cudnnSetActivationDescriptor", file);
    find(t.search[0], l, "cudnnFindConvolutionForwardAlgorithmEx", file);
    find(t.search[1], l, "cudnnFindConvolutionBackwardDataAlgorithmEx", file);
    find(t.search[2], l, "cudnnFindConvolutionBackwardFilterAlgorithmEx", file);
    find(t.convolve[0], l, "cudnnConvolutionForward", file);
    find(t.convolve[1], l, "cudnnConvolutionBackwardData", file);
    find(t.convolve[2], l, "cudnnConvolutionBackwardFilter", file);
    find(t.forward_bias_act, l, "cudnnConvolutionBiasActivationForward", file);
    find(t.explain, l, "cudnnGetErrorString", file);
    find(t.version, l, "cudnnGetVersion", file);
    return t;
  }();
  return opened;
}

void DnnConvolutions::check(const char* call, int status) const {
  LAT_CHECK(status == 0, Code::machine, "cuDNN", call, ": ", library_.explain(status));
}

DnnConvolutions::DnnConvolutions(const Cudnn& library, void* stream) : library_(library) {
  NvidiaHandle made = nullptr;
  check("cudnnCreate", library_.create(&made));
  handle_ = NvidiaOwned(made, {library_.destroy});
  check("cudnnSetStream", library_.set_stream(made, stream));
}

NvidiaOwned DnnConvolutions::images(i64 n, i64 c, i64 h, i64 w) const {
  NvidiaHandle made = nullptr;
  check("cudnnCreateTensorDescriptor", library_.images_create(&made));
  NvidiaOwned owned(made, {library_.images_destroy});
  check("cudnnSetTensor4dDescriptor",
        library_.images_set(made, Cudnn::kNhwc, Cudnn::kFloat32, int(n), int(c), int(h), int(w)));
  return owned;
}

NvidiaOwned DnnConvolutions::filters(i64 k, i64 c, i64 r, i64 s) const {
  NvidiaHandle made = nullptr;
  check("cudnnCreateFilterDescriptor", library_.filters_create(&made));
  NvidiaOwned owned(made, {library_.filters_destroy});
  check("cudnnSetFilter4dDescriptor",
        library_.filters_set(made, Cudnn::kFloat32, Cudnn::kNhwc, int(k), int(c), int(r), int(s)));
  return owned;
}

NvidiaOwned DnnConvolutions::layer(i64 stride, i64 pad) const {
  NvidiaHandle made = nullptr;
  check("cudnnCreateConvolutionDescriptor", library_.layer_create(&made));
  NvidiaOwned owned(made, {library_.layer_destroy});
  const int t = int(stride), z = int(pad);
  check("cudnnSetConvolution2dDescriptor",
        library_.layer_set(made, z, z, t, t, 1, 1, Cudnn::kCrossCorrelation, Cudnn::kFloat32));
  check("cudnnSetConvolutionMathType", library_.layer_set_math(made, Cudnn::kFmaMath));
  return owned;
}

std::optional<DnnConvolutions::Plan> DnnConvolutions::plan(Direction direction, const ConvSizes& s,
                                                           const void* first, const void* second,
                                                           void* third, void* workspace,
                                                           size_t bytes, bool sums) const {
  // What its descriptors cannot say: they take the most outputs that fit.
  const auto most = [&](i64 in, i64 taps) { return (in + 2 * s.pad - taps) / s.stride + 1; };
  if (!fits_int({s.x(), s.f(), s.y(), s.stride}) || s.pad < 0 || s.P != most(s.H, s.R) ||
      s.Q != most(s.W, s.S))
    return {};
  NvidiaOwned x = images(s.B, s.C, s.H, s.W), y = images(s.B, s.K, s.P, s.Q),
              f = filters(s.K, s.C, s.R, s.S);
  Plan plan;
  plan.direction = direction;
  plan.layer = layer(s.stride, s.pad);
  plan.third = std::move(direction == forward ? y : direction == data ? x : f);
  plan.first = std::move(direction == data ? f : x);
  plan.second = std::move(direction == forward ? f : y);
  if (direction == forward) {
    NvidiaHandle made = nullptr;
    check("cudnnCreateActivationDescriptor", library_.activation_create(&made));
    plan.relu = NvidiaOwned(made, {library_.activation_destroy});
    check("cudnnSetActivationDescriptor",
          library_.activation_set(made, Cudnn::kReluActivation, 0, 0.0));
    plan.bias = images(1, s.K, 1, 1);
  }

  constexpr int kAlgorithms = 16;
  // The algorithms 0, 1 and, by direction, 2 and 3 are sums of products.
  const int last_sum = direction == forward ? 3 : 1;
  Cudnn::Found all[kAlgorithms] = {};
  int found = 0;
  const int status = library_.search[direction](
      handle_.get(), plan.first.get(), first, plan.second.get(), second, plan.layer.get(),
      plan.third.get(), third, kAlgorithms, &found, all, workspace, bytes);
  const auto good = [&](const Cudnn::Found& one) {
    return one.status == 0 && one.math != Cudnn::kTensorCores &&
           one.math != Cudnn::kTensorCoresConverting &&
           (!sums || (one.algorithm <= last_sum && one.determinism == 1));
  };
  const auto* const best = std::find_if(all, all + found, good);
  if (status != 0 || best == all + found) return {};
  plan.best = *best;
  return plan;
}

void DnnConvolutions::run(const Plan& p, const void* first, const void* second, void* third,
                          void* workspace, const void* bias) const {
  if (bias)
    check("cudnnConvolutionBiasActivationForward",
          library_.forward_bias_act(handle_.get(), &kOne, p.first.get(), first, p.second.get(),
                                    second, p.layer.get(), p.best.algorithm, workspace,
                                    p.best.workspace, &kZero, p.third.get(), third, p.bias.get(),
                                    bias, p.relu.get(), p.third.get(), third));
  else
    check("cudnnConvolution",
          library_.convolve[p.direction](handle_.get(), &kOne, p.first.get(), first, p.second.get(),
                                         second, p.layer.get(), p.best.algorithm, workspace,
                                         p.best.workspace, &kZero, p.third.get(), third));
}

}  // namespace lat
