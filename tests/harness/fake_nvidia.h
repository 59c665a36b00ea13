#pragma once
// cuBLASLt and cuDNN in plain loops, queued on a stream of any device: they do what the documents of the two say, in
// their column-major or NHWC words, and refuse what these forbid.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "engine/core/accelerator.h"
#include "engine/core/device_fast.h"

namespace lat::test {

struct FakeNvidia {
  static inline gpu::Stream* stream = nullptr;
  static inline bool has_algorithms = true;
  static inline int searches = 0,
                    calls = 0;  // algorithms asked for, products and convolutions queued
  static inline std::vector<std::unique_ptr<std::function<void()>>> jobs;  // graphs run them again

  static constexpr int kOk = 0, kRefused = 7;
  static constexpr size_t kWorkspace = 512;
  using Handle = NvidiaHandle;

  static void queue(void* workspace, std::function<void()> job) {
    ++calls;
    jobs.push_back(std::make_unique<std::function<void()>>([=] {
      std::fill_n(static_cast<float*>(workspace), kWorkspace / 4, NAN);
      job();
    }));
    stream->call([](void* f) { (*static_cast<std::function<void()>*>(f))(); }, jobs.back().get());
  }

  template <class T>
  static int create(Handle* made) {
    *made = new T;
    return kOk;
  }
  template <class T>
  static int destroy(Handle made) {
    delete static_cast<T*>(made);
    return kOk;
  }
  template <class T>
  static T& at(Handle h) {
    return *static_cast<T*>(h);
  }
  template <class T>
  static int put(T& to, const void* value, size_t bytes) {
    if (bytes != sizeof(T)) return kRefused;
    to = *static_cast<const T*>(value);
    return kOk;
  }
  static const char* explain(int) { return "refused by the fake"; }
  static size_t version() { return 10203; }

  // ---- cuBLASLt: matrices lie column by column ----------------------------------------------------------------------

  struct Library {};
  struct Matrix {
    i64 rows = 0, columns = 0, leading = 0, stride = 0;
    int32_t batch = 1;
  };
  struct Multiplication {
    int32_t trans_a = 0, trans_b = 0;
    uint32_t epilogue = 1;
    const void* bias = nullptr;
    int64_t bias_stride = 0;
  };
  struct Wish {
    uint64_t workspace = 0, implementations = 0;
    uint32_t align[4] = {256, 256, 256, 256};
  };

  static int product_create(Handle* made, int compute, int scale) {
    return compute == 68 && scale == 0 ? create<Multiplication>(made) : kRefused;
  }
  static int product_set(Handle h, int attribute, const void* value, size_t bytes) {
    Multiplication& p = at<Multiplication>(h);
    switch (attribute) {
      case 3:
        return put(p.trans_a, value, bytes);
      case 4:
        return put(p.trans_b, value, bytes);
      case 7:
        return put(p.epilogue, value, bytes);
      case 8:
        return put(p.bias, value, bytes);
      case 10:
        return put(p.bias_stride, value, bytes);
      default:
        return kRefused;
    }
  }
  static int matrix_create(Handle* made, int type, uint64_t rows, uint64_t columns,
                           int64_t leading) {
    if (type != 0 || leading < static_cast<int64_t>(rows)) return kRefused;
    create<Matrix>(made);
    Matrix& m = at<Matrix>(*made);
    m.rows = static_cast<i64>(rows);
    m.columns = static_cast<i64>(columns);
    m.leading = leading;
    return kOk;
  }
  static int matrix_set(Handle h, int attribute, const void* value, size_t bytes) {
    Matrix& m = at<Matrix>(h);
    return attribute == 5   ? put(m.batch, value, bytes)
           : attribute == 6 ? put(m.stride, value, bytes)
                            : kRefused;
  }
  static int wish_set(Handle h, int attribute, const void* value, size_t bytes) {
    Wish& w = at<Wish>(h);
    if (attribute == 1) return put(w.workspace, value, bytes);
    if (attribute == 12) return put(w.implementations, value, bytes);
    return attribute >= 5 && attribute <= 8 ? put(w.align[attribute - 5], value, bytes) : kRefused;
  }
  static uint64_t alignment_of(const void* p) {
    const uintptr_t a = reinterpret_cast<uintptr_t>(p) | 256;
    return a & (~a + 1);
  }
  static int choose(Handle, Handle product, Handle, Handle, Handle, Handle, Handle wish, int wanted,
                    CublasLt::Heuristic* best, int* found) {
    ++searches;
    const Wish& w = at<Wish>(wish);
    *found = has_algorithms ? wanted : 0;
    best->state = 0;
    best->workspace = kWorkspace;
    for (int i = 0; i < 4; ++i) best->algorithm[i] = w.align[i];
    best->algorithm[4] = alignment_of(at<Multiplication>(product).bias);
    return w.workspace >= kWorkspace && (w.implementations & 0xfe) == 0 ? kOk : kRefused;
  }
  static int multiply(Handle, Handle product, const void* alpha, const void* a, Handle a_matrix,
                      const void* b, Handle b_matrix, const void* beta, const void* c,
                      Handle c_matrix, void* d, Handle, const void* algorithm, void* workspace,
                      size_t bytes, void*) {
    const Multiplication p = at<Multiplication>(product);
    const Matrix ma = at<Matrix>(a_matrix), mb = at<Matrix>(b_matrix), mc = at<Matrix>(c_matrix);
    const i64 rows = p.trans_a ? ma.columns : ma.rows, terms = p.trans_a ? ma.rows : ma.columns;
    const i64 columns = p.trans_b ? mb.rows : mb.columns;
    const auto* const align = static_cast<const uint64_t*>(algorithm);
    const void* const operands[] = {a, b, c, d};
    for (int i = 0; i < 4; ++i)
      if (reinterpret_cast<uintptr_t>(operands[i]) % align[i] != 0) return kRefused;
    if (alignment_of(p.bias) < align[4]) return kRefused;
    if (terms != (p.trans_b ? mb.columns : mb.rows) || mc.rows != rows || mc.columns != columns ||
        ma.batch != mc.batch || mb.batch != mc.batch || bytes != kWorkspace || c != d)
      return kRefused;
    const float scale = *static_cast<const float*>(alpha), keep = *static_cast<const float*>(beta);
    queue(workspace, [=] {
      const auto value = [](const Matrix& m, const void* base, i64 g, i64 i, i64 j, bool turned) {
        return static_cast<const float*>(
            base)[g * m.stride + (turned ? i * m.leading + j : j * m.leading + i)];
      };
      for (i64 g = 0; g < mc.batch; ++g)
        for (i64 j = 0; j < columns; ++j)
          for (i64 i = 0; i < rows; ++i) {
            float sum = 0;
            for (i64 t = terms; t-- > 0;)  // another order than ours
              sum += value(ma, a, g, i, t, p.trans_a) * value(mb, b, g, t, j, p.trans_b);
            float* const to = static_cast<float*>(d) + g * mc.stride + j * mc.leading + i;
            sum = scale * sum + (keep != 0 ? keep * *to : 0);
            if (p.epilogue & 4) sum += static_cast<const float*>(p.bias)[g * p.bias_stride + i];
            if (p.epilogue & 2) sum = std::max(sum, 0.0f);
            *to = sum;
          }
    });
    return kOk;
  }

  static const CublasLt* cublaslt() {
    static const CublasLt table{
        create<Library>, destroy<Library>, product_create,  destroy<Multiplication>,
        product_set,     matrix_create,    destroy<Matrix>, matrix_set,
        create<Wish>,    destroy<Wish>,    wish_set,        choose,
        multiply,        explain,          version};
    return &table;
  }

  // ---- cuDNN: images (n, h, w, c), filters (k, r, s, c) -------------------------------------------------------------

  struct Extents {  // of images n c h w, of filters k c r s
    int n = 0, c = 0, h = 0, w = 0;
    size_t at(int i, int ch, int y, int x) const {
      return ((size_t(i) * size_t(h) + size_t(y)) * size_t(w) + size_t(x)) * size_t(c) + size_t(ch);
    }
    size_t size() const { return size_t(n) * size_t(c) * size_t(h) * size_t(w); }
  };
  struct Layer {
    int pad = 0, stride = 0, math = 0;
  };
  struct Activation {};
  static constexpr int kGood = 1;  // the number of the one algorithm that may be chosen

  static int images_set(Handle h, int layout, int type, int n, int c, int height, int width) {
    at<Extents>(h) = {n, c, height, width};
    return layout == 1 && type == 0 ? kOk : kRefused;
  }
  static int filters_set(Handle h, int type, int layout, int k, int c, int r, int s) {
    at<Extents>(h) = {k, c, r, s};
    return layout == 1 && type == 0 ? kOk : kRefused;
  }
  static int layer_set(Handle h, int pad, int pad_w, int stride, int stride_w, int dilation,
                       int dilation_w, int mode, int type) {
    at<Layer>(h) = {pad, stride, 0};
    return pad == pad_w && stride == stride_w && dilation == 1 && dilation_w == 1 && mode == 1 &&
                   type == 0
               ? kOk
               : kRefused;
  }
  static int layer_set_math(Handle h, int math) {
    at<Layer>(h).math = math;
    return kOk;
  }
  static int activation_set(Handle, int mode, int, double) { return mode == 1 ? kOk : kRefused; }
  static int set_stream(Handle, void*) { return kOk; }

  // f(position in x, in f, in y) for every product of a convolution.
  template <class F>
  static void for_products(const Extents& x, const Extents& f, const Extents& y, const Layer& l,
                           F&& each) {
    for (int i = 0; i < y.n; ++i)
      for (int p = 0; p < y.h; ++p)
        for (int q = 0; q < y.w; ++q)
          for (int k = 0; k < f.n; ++k)
            for (int r = 0; r < f.h; ++r)
              for (int s = 0; s < f.w; ++s) {
                const int h = p * l.stride + r - l.pad, w = q * l.stride + s - l.pad;
                if (h < 0 || h >= x.h || w < 0 || w >= x.w) continue;
                for (int c = 0; c < x.c; ++c)
                  each(x.at(i, c, h, w), f.at(k, c, r, s), y.at(i, k, p, q));
              }
  }
  static bool fits(const Extents& x, const Extents& f, const Extents& y, const Layer& l) {
    return x.n == y.n && x.c == f.c && f.n == y.c && l.math == 3 &&
           y.h == (x.h + 2 * l.pad - f.h) / l.stride + 1 &&
           y.w == (x.w + 2 * l.pad - f.w) / l.stride + 1;
  }

  template <DnnConvolutions::Direction direction>
  static int search(Handle, Handle, const void*, Handle, const void*, Handle, Handle third,
                    void* out, int most, int* found, Cudnn::Found* all, void* workspace,
                    size_t bytes) {
    ++searches;
    if (most < 5 || bytes < kWorkspace) return kRefused;
    // A search runs what it tries.
    queue(workspace,
          [out, n = at<Extents>(third).size()] { std::fill_n(static_cast<float*>(out), n, NAN); });
    all[0] = {4, 0, 0.1f, kWorkspace, 1, 3, {}};      // by FFT
    all[1] = {kGood, 0, 0.2f, kWorkspace, 1, 1, {}};  // on tensor cores
    all[2] = {kGood, 0, 0.3f, kWorkspace, 0, 3, {}};  // another result each time
    all[3] = {kGood, 9, 0.4f, kWorkspace, 1, 3, {}};  // cannot be used
    all[4] = {kGood, 0, 0.5f, kWorkspace, 1, 3, {}};
    *found = has_algorithms ? 5 : 3;
    return kOk;
  }
  template <DnnConvolutions::Direction direction>
  static int convolve(Handle, const void* alpha, Handle first, const void* a, Handle second,
                      const void* b, Handle layer, int algorithm, void* workspace, size_t bytes,
                      const void* beta, Handle third, void* out) {
    constexpr bool forward = direction == DnnConvolutions::forward;
    constexpr bool data = direction == DnnConvolutions::data;
    const Extents e[3] = {at<Extents>(first), at<Extents>(second), at<Extents>(third)};
    const Extents x = data ? e[2] : e[0],
                  f = forward ? e[1]
                      : data  ? e[0]
                              : e[2],
                  y = forward ? e[2] : e[1];
    const Layer l = at<Layer>(layer);
    if (!fits(x, f, y, l) || algorithm != kGood || bytes != kWorkspace ||
        *static_cast<const float*>(alpha) != 1 || *static_cast<const float*>(beta) != 0)
      return kRefused;
    queue(workspace, [=] {
      const float *const pa = static_cast<const float*>(a), *const pb =
                                                                static_cast<const float*>(b);
      float* const to = static_cast<float*>(out);
      std::fill_n(to, e[2].size(), 0.0f);
      for_products(x, f, y, l, [&](size_t i, size_t j, size_t k) {
        if (forward)
          to[k] += pa[i] * pb[j];
        else if (data)
          to[i] += pa[j] * pb[k];
        else
          to[j] += pa[i] * pb[k];
      });
    });
    return kOk;
  }
  static int forward_bias_act(Handle library, const void* alpha, Handle x, const void* a, Handle f,
                              const void* b, Handle layer, int algorithm, void* workspace,
                              size_t bytes, const void* alpha2, Handle, const void*, Handle bias,
                              const void* shift, Handle, Handle y, void* out) {
    const float none = 0;
    if (*static_cast<const float*>(alpha2) != 0 || at<Extents>(bias).c != at<Extents>(y).c)
      return kRefused;
    const int status = convolve<DnnConvolutions::forward>(
        library, alpha, x, a, f, b, layer, algorithm, workspace, bytes, &none, y, out);
    if (status == kOk)
      queue(workspace, [out, shift, e = at<Extents>(y)] {
        for (size_t i = 0; i < e.size(); ++i) {
          float& v = static_cast<float*>(out)[i];
          v = std::max(v + static_cast<const float*>(shift)[i % size_t(e.c)], 0.0f);
        }
      });
    return status;
  }

  static const Cudnn* cudnn() {
    static const Cudnn table{create<Library>,
                             destroy<Library>,
                             set_stream,
                             create<Extents>,
                             destroy<Extents>,
                             images_set,
                             create<Extents>,
                             destroy<Extents>,
                             filters_set,
                             create<Layer>,
                             destroy<Layer>,
                             layer_set,
                             layer_set_math,
                             create<Activation>,
                             destroy<Activation>,
                             activation_set,
                             {search<DnnConvolutions::forward>, search<DnnConvolutions::data>,
                              search<DnnConvolutions::filter>},
                             {convolve<DnnConvolutions::forward>, convolve<DnnConvolutions::data>,
                              convolve<DnnConvolutions::filter>},
                             forward_bias_act,
                             explain,
                             version};
    return &table;
  }

  // Gives a device these libraries.
  static void serve(Accelerator& device, DeviceFast::Choice choice = DeviceFast::Choice::library) {
    stream = &device.stream();
    has_algorithms = true;
    searches = calls = 0;
    device.use(
        std::make_unique<DeviceFast>(device, DeviceFast::Libraries{cublaslt(), cudnn()}, choice));
  }
};

}  // namespace lat::test
