#include "tools/latent/peers.h"

#include <algorithm>
#include <map>

#include "engine/core/error.h"
#include "engine/core/library.h"

namespace lat::tools {

namespace {

// ---- OpenBLAS -----------------------------------------------------------------------------------

class Blas : public Peer {
 public:
  std::string name() const override { return "OpenBLAS"; }
  std::string about() const override { return library_.about; }
  void set_threads(int threads) override { library_.set_threads(threads); }

  PeerCall prepare(const Family& family, const WorkShape& shape, Problem& problem) override {
    if (!family.name.starts_with("gemm")) return {};
    const int m = int(shape.sizes[0]), n = int(shape.sizes[1]), k = int(shape.sizes[2]);
    const bool a_turned = family.name == "gemm tn", b_turned = family.name == "gemm nt";
    const auto c = std::make_shared<Floats>(i64{m} * n);
    const float *const a = problem.floats(1), *const b = problem.floats(2);
    return {[=, this] {
              library_.gemm(OpenBlas::kRowMajor,
                            a_turned ? OpenBlas::kTransposed : OpenBlas::kPlain,
                            b_turned ? OpenBlas::kTransposed : OpenBlas::kPlain, m, n, k, 1, a,
                            a_turned ? m : k, b, b_turned ? k : n, 0, c->data(), n);
            },
            [c] { return c->data(); }};
  }

 private:
  const OpenBlas& library_ = openblas();
};

// ---- oneDNN 2 -----------------------------------------------------------------------------------
//
// The part of its C interface that these calls need: https://oneapi-src.github.io/oneDNN/v2.6, dnnl.h and
// dnnl_types.h. Its descriptors are plain structures that it fills itself; here they are bytes, more than enough.

using Dims = int64_t[12];
struct alignas(8) MemoryDesc {
  char bytes[2048];
};
struct alignas(16) OpDesc {
  char bytes[16384];
};
struct ExecArg {
  int arg;
  void* memory;
};

constexpr int kOk = 0, kCpu = 1, kFloat32 = 3, kForward = 96, kInOrder = 1, kConvolutionAuto = 3;
constexpr int kAny = 1, kVector = 2, kMatrix = 3, kNhwc = 20, kHwio = 30;  // layouts
constexpr int kWeightsDesc = 131, kDiffWeightsDesc = 132;                  // queries
constexpr int kSrc = 1, kDst = 17, kWeights = 33, kBias = 41, kDiffSrc = 129, kDiffDst = 145,
              kDiffWeights = 161;  // arguments
constexpr int kRelu = 31;
const std::map<std::string, int> kElementwise{
    {"exp", 191}, {"log", 239}, {"tanh", 47}, {"sigmoid", 175}, {"softplus", 159}};

class OneDnn : public Peer {
 public:
  OneDnn() : library_(open_library(kFile, "libdnnl2")) {
    check(get<int(void**, int, size_t)>("dnnl_engine_create")(&engine_, kCpu, 0));
    check(get<int(void**, void*, unsigned)>("dnnl_stream_create")(&stream_, engine_, kInOrder));
  }
  ~OneDnn() override {
    get<int(void*)>("dnnl_stream_destroy")(stream_);
    get<int(void*)>("dnnl_engine_destroy")(engine_);
  }

  std::string name() const override { return "oneDNN"; }
  std::string about() const override {
    struct Version {
      int major, minor, patch;
    };
    const Version* const v = get<const Version*()>("dnnl_version")();
    return cat("oneDNN ", v->major, ".", v->minor, ".", v->patch);
  }
  void set_threads(int threads) override { get<void(int)>("omp_set_num_threads")(threads); }

  PeerCall prepare(const Family& family, const WorkShape& shape, Problem& problem) override {
    const std::vector<i64>& s = shape.sizes;
    if (family.name.starts_with("gemm")) return gemm(family, s, problem);
    if (family.name.starts_with("conv")) return convolution(family.name, s, problem);
    if (const auto f = kElementwise.find(family.name); f != kElementwise.end()) {
      const MemoryDesc x = describe({s[0]}, kVector);
      OpDesc op;
      check(get<int(OpDesc*, int, int, const MemoryDesc*, float, float)>(
          "dnnl_eltwise_forward_desc_init")(&op, kForward, f->second, &x, 1, 0));
      return one_input(op, x, s[0], problem);
    }
    if (family.name == "log_softmax") {
      const MemoryDesc x = describe({s[0], s[1]}, kMatrix);
      OpDesc op;
      check(get<int(OpDesc*, int, const MemoryDesc*, int)>("dnnl_logsoftmax_forward_desc_init")(
          &op, kForward, &x, 1));
      return one_input(op, x, s[0] * s[1], problem);
    }
    return {};
  }

 private:
  static constexpr const char* kFile = "libdnnl.so.2";

  template <class F>
  F* get(const char* name) const {
    return function_of<F>(library_, name, kFile);
  }
  static void check(int status) {
    LAT_CHECK(status == kOk, Code::machine, kFile, "refuses a call with status ", status);
  }

  // A primitive, what it is made from, and the memory objects of its arguments, all destroyed together.
  struct Call {
    OneDnn* owner;
    void *desc = nullptr, *primitive = nullptr;
    std::vector<ExecArg> args;

    Call(OneDnn* o, const OpDesc& op, void* hint = nullptr, void* attr = nullptr) : owner(o) {
      check(o->get<int(void**, const OpDesc*, void*, void*, void*)>("dnnl_primitive_desc_create")(
          &desc, &op, attr, o->engine_, hint));
      create();
    }
    Call(OneDnn* o, const MemoryDesc& from, const MemoryDesc& to) : owner(o) {
      check(o->get<int(void**, const MemoryDesc*, void*, const MemoryDesc*, void*, void*)>(
          "dnnl_reorder_primitive_desc_create")(&desc, &from, o->engine_, &to, o->engine_,
                                                nullptr));
      create();
    }
    ~Call() {
      for (const ExecArg& a : args) owner->get<int(void*)>("dnnl_memory_destroy")(a.memory);
      owner->get<int(void*)>("dnnl_primitive_destroy")(primitive);
      owner->get<int(void*)>("dnnl_primitive_desc_destroy")(desc);
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    void create() {
      check(owner->get<int(void**, void*)>("dnnl_primitive_create")(&primitive, desc));
    }
    // The layout that the library chose for an argument.
    const MemoryDesc& layout(int query) const {
      return *owner->get<const MemoryDesc*(void*, int, int)>("dnnl_primitive_desc_query_md")(
          desc, query, 0);
    }
    void add(int arg, const MemoryDesc& layout, const float* data) {
      void* memory = nullptr;
      check(owner->get<int(void**, const MemoryDesc*, void*, const void*)>("dnnl_memory_create")(
          &memory, &layout, owner->engine_, data));
      args.push_back({arg, memory});
    }
    void run() const {
      check(owner->execute_(primitive, owner->stream_, int(args.size()), args.data()));
      check(owner->wait_(owner->stream_));
    }
  };

  MemoryDesc describe(const std::vector<i64>& sizes, int layout) const {
    Dims dims{};
    std::copy(sizes.begin(), sizes.end(), dims);
    MemoryDesc out;
    check(get<int(MemoryDesc*, int, const int64_t*, int, int)>("dnnl_memory_desc_init_by_tag")(
        &out, int(sizes.size()), dims, kFloat32, layout));
    return out;
  }

  // Floats of a layout, padding included.
  std::shared_ptr<Floats> room_for(const MemoryDesc& layout) const {
    const size_t bytes = get<size_t(const MemoryDesc*)>("dnnl_memory_desc_get_size")(&layout);
    return std::make_shared<Floats>(static_cast<i64>(bytes / 4 + 1));
  }

  void reorder(const MemoryDesc& from, const float* a, const MemoryDesc& to, float* b) {
    Call call(this, from, to);
    call.add(kSrc, from, a);
    call.add(kDst, to, b);
    call.run();
  }

  // The operation with a relu on what it writes.
  std::shared_ptr<Call> with_relu(const OpDesc& op) {
    void *attr = nullptr, *then = nullptr;
    check(get<int(void**)>("dnnl_primitive_attr_create")(&attr));
    check(get<int(void**)>("dnnl_post_ops_create")(&then));
    check(get<int(void*, float, int, float, float)>("dnnl_post_ops_append_eltwise")(then, 1, kRelu,
                                                                                    0, 0));
    check(get<int(void*, const void*)>("dnnl_primitive_attr_set_post_ops")(attr, then));
    const auto call = std::make_shared<Call>(this, op, nullptr, attr);
    get<int(void*)>("dnnl_post_ops_destroy")(then);
    get<int(void*)>("dnnl_primitive_attr_destroy")(attr);
    return call;
  }

  PeerCall one_input(const OpDesc& op, const MemoryDesc& layout, i64 n, Problem& problem) {
    const auto call = std::make_shared<Call>(this, op);
    const auto y = std::make_shared<Floats>(n);
    call->add(kSrc, layout, problem.floats(1));
    call->add(kDst, layout, y->data());
    return {[call, y] { call->run(); }, [y] { return y->data(); }};
  }

  PeerCall gemm(const Family& family, const std::vector<i64>& s, Problem& problem) {
    using Gemm = int(char, char, int64_t, int64_t, int64_t, float, const float*, int64_t,
                     const float*, int64_t, float, float*, int64_t);
    Gemm* const f = get<Gemm>("dnnl_sgemm");
    const i64 m = s[0], n = s[1], k = s[2];
    const bool a_turned = family.name == "gemm tn", b_turned = family.name == "gemm nt";
    const auto c = std::make_shared<Floats>(m * n);
    const float *const a = problem.floats(1), *const b = problem.floats(2);
    return {[=] {
              check(f(a_turned ? 'T' : 'N', b_turned ? 'T' : 'N', m, n, k, 1, a, a_turned ? m : k,
                      b, b_turned ? k : n, 0, c->data(), n));
            },
            [c] { return c->data(); }};
  }

  // Images as we keep them; filters in the layout that the library likes best, brought there outside of the clock.
  PeerCall convolution(const std::string& name, const std::vector<i64>& s, Problem& problem) {
    const i64 b = s[0], h = s[1], w = s[2], c = s[3], k = s[4], r = s[5], stride = s[6], pad = s[7];
    const i64 p = (h + 2 * pad - r) / stride + 1, q = (w + 2 * pad - r) / stride + 1;
    const MemoryDesc x = describe({b, c, h, w}, kNhwc), y = describe({b, k, p, q}, kNhwc);
    const MemoryDesc any = describe({k, c, r, r}, kAny), ours = describe({k, c, r, r}, kHwio);
    const Dims strides{stride, stride}, before{pad, pad};
    const Dims after{(p - 1) * stride + r - h - pad, (q - 1) * stride + r - w - pad};
    const bool relu = name == "conv relu";
    const MemoryDesc bias = describe({k}, kVector);
    OpDesc op;
    check(get<int(OpDesc*, int, int, const MemoryDesc*, const MemoryDesc*, const MemoryDesc*,
                  const MemoryDesc*, const int64_t*, const int64_t*, const int64_t*)>(
        "dnnl_convolution_forward_desc_init")(&op, kForward, kConvolutionAuto, &x, &any,
                                              relu ? &bias : nullptr, &y, strides, before, after));
    const auto forward = relu ? with_relu(op) : std::make_shared<Call>(this, op);
    if (relu) forward->add(kBias, bias, problem.floats(3));
    if (name == "conv filter") {
      check(get<int(OpDesc*, int, const MemoryDesc*, const MemoryDesc*, const MemoryDesc*,
                    const MemoryDesc*, const int64_t*, const int64_t*, const int64_t*)>(
          "dnnl_convolution_backward_weights_desc_init")(&op, kConvolutionAuto, &x, &any, nullptr,
                                                         &y, strides, before, after));
      const auto call = std::make_shared<Call>(this, op, forward->desc);
      const MemoryDesc& layout = call->layout(kDiffWeightsDesc);
      const auto df = room_for(layout), out = room_for(ours);
      call->add(kSrc, x, problem.floats(1));
      call->add(kDiffDst, y, problem.floats(2));
      call->add(kDiffWeights, layout, df->data());
      return {[call, df] { call->run(); },
              [=, this] {
                reorder(call->layout(kDiffWeightsDesc), df->data(), ours, out->data());
                return out->data();
              }};
    }
    std::shared_ptr<Call> call = forward;
    if (name == "conv data") {
      check(get<int(OpDesc*, int, const MemoryDesc*, const MemoryDesc*, const MemoryDesc*,
                    const int64_t*, const int64_t*, const int64_t*)>(
          "dnnl_convolution_backward_data_desc_init")(&op, kConvolutionAuto, &x, &any, &y, strides,
                                                      before, after));
      call = std::make_shared<Call>(this, op, forward->desc);
    }
    const bool back = name == "conv data";
    const MemoryDesc& layout = call->layout(kWeightsDesc);
    const auto f = room_for(layout);
    reorder(ours, problem.floats(2), layout, f->data());
    const auto out = room_for(back ? x : y);
    call->add(back ? kDiffDst : kSrc, back ? y : x, problem.floats(1));
    call->add(kWeights, layout, f->data());
    call->add(back ? kDiffSrc : kDst, back ? x : y, out->data());
    return {[call, f, out] { call->run(); }, [out] { return out->data(); }};
  }

  void* library_;
  void *engine_ = nullptr, *stream_ = nullptr;
  int (*execute_)(void*, void*, int, const ExecArg*) =
      get<int(void*, void*, int, const ExecArg*)>("dnnl_primitive_execute");
  int (*wait_)(void*) = get<int(void*)>("dnnl_stream_wait");
};

}  // namespace

std::vector<std::string> peer_names() { return {"openblas", "onednn", "cublaslt", "cudnn"}; }

std::unique_ptr<Peer> open_peer(const std::string& name, Accelerator* device) {
  const std::vector<std::string> names = peer_names();
  const auto at = std::find(names.begin(), names.end(), name) - names.begin();
  LAT_CHECK(at < 4, Code::usage, "--against", "'", name, "' is no library it can be held against.",
            suggestion(name, names), " There are openblas, onednn; on a GPU cublaslt, cudnn");
  LAT_CHECK((at >= 2) == (device != nullptr), Code::usage, "--against", name,
            at >= 2 ? " runs on a GPU. Add  --device cuda" : " runs on the CPU, not on a device");
  if (at == 0) return std::make_unique<Blas>();
  if (at == 1) return std::make_unique<OneDnn>();
  return at == 2 ? open_cublaslt(*device) : open_cudnn(*device);
}

}  // namespace lat::tools
