// Convolutions on a device: tiles of kernels/common/product.h, in which patches are gathered from the
// image as they are needed. With one tap and as many outputs as pixels, patches are the pixels: matrix
// products.
#include "kernels/common/cuda.h"

#include "kernels/common/columns.h"
#include "kernels/common/matrices.h"
#include "kernels/common/product.h"
#include "kernels/conv/conv.h"
#include "kernels/conv/patches.h"
#include "kernels/conv/pixel_class.h"

namespace lat::kernels::LAT_ISA {
namespace {

// The digits of a number (high * middles + middle) * lows + low, which is counted up in steps.
class Digits {
 public:
  u32 high, middle, low;

  __device__ __forceinline__ Digits(i64 n, i64 middles, i64 lows)
      : high(u32(n / max_of(1, lows) / max_of(1, middles))),
        middle(u32(n / max_of(1, lows) % max_of(1, middles))),
        low(u32(n % max_of(1, lows))) {}

  __device__ __forceinline__ void add(const Digits& step, i64 middles, i64 lows) {
    low += step.low;
    const bool carry = low >= lows;
    if (carry) low -= u32(lows);
    middle += step.middle + carry;
    const bool carried = middle >= middles;
    if (carried) middle -= u32(middles);
    high += step.high + carried;
  }
};

// Where a patch begins, and where its elements lie from there: the sum of two places.
template <class T>
__device__ __forceinline__ Place patch(const Patches<T>& x, const Digits& bpq) {
  const i32 h = i32(bpq.middle * x.stride - x.pad_h), w = i32(bpq.low * x.stride - x.pad_w);
  return {((i64(bpq.high) * x.H + h) * x.W + w) * x.C, h, w};
}
template <class T>
__device__ __forceinline__ Place element(const Patches<T>& x, const Digits& rsc) {
  return {(rsc.high * x.W + rsc.middle) * x.C + rsc.low, i32(rsc.high), i32(rsc.middle)};
}

// The matrix of patches as an operand: its lines are patches, or the elements of patches where
// `turned`. Neighbouring threads copy neighbouring elements of a patch.
template <class T, bool turned>
struct PatchMatrix {
  Patches<T> x;

  template <class Slice, i32 threads>
  class Reader {
    using Way = std::conditional_t<turned, Along<Slice, threads, 1>, Across<Slice, threads>>;

   public:
    __device__ __forceinline__ Reader(const PatchMatrix& m, Place* places, i64 line, i64 k)
        : x_(m.x),
          places_(places),
          start_(Way::start()),
          step_(digits_of_k(Way::kKStep)),
          k_(digits_of_k(k + start_.k)) {
      constexpr Place outside{0, -(1 << 30), 0};
      for (i32 l = i32(threadIdx.x); l < Slice::kLines; l += threads) {
        if constexpr (turned)
          places[l] = line + l < x_.cols() ? element(x_, Digits(line + l, x_.S, x_.C)) : outside;
        else
          places[l] = line + l < x_.rows() ? patch(x_, Digits(line + l, x_.P, x_.Q)) : outside;
      }
    }

    // Starts the copies of the next slice; the border is zeros.
    __device__ __forceinline__ void fetch(Slice& to, i32 depth) {
      CU_UNROLL
      for (i32 k = 0; k < Slice::kDepth; k += Way::kKStep) {
        const Place at = turned ? patch(x_, k_) : element(x_, k_);
        CU_UNROLL
        for (i32 l = 0; l < Slice::kLines; l += Way::kXStep) {
          const Place from = places_[start_.x + l];
          const bool inside =
              start_.k + k < depth && u32(from.h + at.h) < x_.H && u32(from.w + at.w) < x_.W;
          cu::copy_async<i32(sizeof(T))>(&to.at[start_.k + k][start_.x + l],
                                         inside ? x_.x + (from.offset + at.offset) : x_.x,
                                         inside ? i32(sizeof(T)) : 0);
        }
        k_.add(step_, turned ? x_.P : x_.S, turned ? x_.Q : x_.C);
      }
    }

   private:
    __device__ __forceinline__ Digits digits_of_k(i64 k) const {
      return turned ? Digits(k, x_.P, x_.Q) : Digits(k, x_.S, x_.C);
    }

    const Patches<T>& x_;
    const Place* const places_;
    const Start start_;
    const Digits step_;
    Digits k_;
  };
};

template <class T>
Matrix<T> rows_of(const T* p, i64 cols) {
  return {p, cols, 1, cols, aligned_packs(p, cols)};
}

// Patches times filter, or transposed patches times dy.
template <class T, bool turned>
struct PatchProduct {
  PatchMatrix<T, turned> a;
  Matrix<T> b;
  i64 m, n, k;
  __device__ const PatchProduct& member(u32) const { return *this; }
  __device__ i64 row(i64 i) const { return i * n; }
  Extents extents() const { return {1, m, n, k}; }
};

template <class T>
PatchProduct<T, false> forward(const Patches<T>& x, const T* f, i64 K) {
  return {{x}, rows_of(f, K), x.rows(), K, x.cols()};
}
template <class T>
PatchProduct<T, true> filter_gradient(const Patches<T>& x, const T* dy, i64 K) {
  return {{x}, rows_of(dy, K), x.cols(), K, x.rows()};
}

// ---- data gradient ------------------------------------------------------------------------------

// The filter as an operand of the data gradient: line c, and k = (t,u,k) counts the taps of a class
// of pixels.
template <class T>
struct TurnedFilter {
  const T* f;
  i64 S, C, K, h_last, w_last, w_taps, stride;

  template <class Slice, i32 threads>
  class Reader {
    using Way = Across<Slice, threads>;

   public:
    __device__ __forceinline__ Reader(const TurnedFilter& f, Place*, i64 line, i64 k)
        : f_(f),
          start_(Way::start()),
          left_(i32(min_of(f.C - line, Slice::kLines))),
          step_(Way::kKStep, f.w_taps, f.K),
          k_(k + start_.k, f.w_taps, f.K),
          at_(f.f + (line + start_.x) * f.K) {}

    __device__ __forceinline__ void fetch(Slice& to, i32 depth) {
      CU_UNROLL
      for (i32 k = 0; k < Slice::kDepth; k += Way::kKStep) {
        const i64 r = f_.h_last - f_.stride * k_.high, s = f_.w_last - f_.stride * k_.middle;
        const T* const from = at_ + (r * f_.S + s) * f_.C * f_.K + k_.low;
        CU_UNROLL
        for (i32 l = 0; l < Slice::kLines; l += Way::kXStep)
          if (start_.k + k < depth && start_.x + l < left_)
            cu::copy_async<i32(sizeof(T))>(&to.at[start_.k + k][start_.x + l], from + l * f_.K);
        k_.add(step_, f_.w_taps, f_.K);
      }
    }

   private:
    const TurnedFilter& f_;
    const Start start_;
    const i32 left_;
    const Digits step_;
    Digits k_;
    const T* const at_;
  };
};

// The pixels of one class: a product over patches of dy.
template <class T>
struct ClassProduct {
  PatchMatrix<T, false> a;
  TurnedFilter<T> b;
  i64 m, n, k;
  i64 first, H, W, stride;  // of the pixels
  __device__ i64 row(i64 i) const {
    const Digits bji(i, a.x.P, a.x.Q);
    return first + ((i64(bji.high) * H + bji.middle * stride) * W + bji.low * stride) * n;
  }
};

constexpr i64 kParities = 4;

// The classes of `n` parities along an axis, from `first` on, and what the largest of them has.
struct Axis {
  PixelClass classes[kParities] = {};
  i64 parities, count = 0, taps = 0;
  i64 origin = 0, span = 0;  // positions of dy that the pixels number 0 need, of any class

  Axis(i64 first, i64 n, i64 size, i64 all_taps, i64 stride, i64 pad) : parities(n) {
    i64 end = 0;
    for (i64 c = 0; c < n; ++c) {
      const PixelClass p = classes[c] = pixel_class(first + c, size, all_taps, stride, pad);
      count = max_of(count, p.count);
      if (p.taps == 0) continue;
      origin = taps == 0 ? p.origin : min_of(origin, p.origin);
      end = taps == 0 ? p.origin + p.taps : max_of(end, p.origin + p.taps);
      taps = max_of(taps, p.taps);
    }
    span = end - origin;
  }
};

// Some classes at once.
template <class T>
struct DataGradient {
  const T* dy;
  const T* f;
  i64 B, H, W, C, K, S, P, Q, stride;
  Axis h, w;

  Extents extents() const {
    return {h.parities * w.parities, B * h.count * w.count, C, h.taps * w.taps * K, B * H * W * C};
  }
  __device__ ClassProduct<T> member(u32 g) const {
    const PixelClass &i = h.classes[g / u32(w.parities)], &j = w.classes[g % u32(w.parities)];
    return {{{dy, B, P, Q, K, i.taps, j.taps, i.count, j.count, 1, -i.origin, -j.origin}},
            {f, S, C, K, i.last, j.last, j.taps, stride},
            B * i.count * j.count,
            C,
            i.taps * j.taps * K,
            (i.first * W + j.first) * C,
            H,
            W,
            stride};
  }
};

// ---- data gradient to few channels --------------------------------------------------------------

// A tile of 32 columns would be idle but for C of them. Here a thread computes the pixels number
// (j,i) of all classes, C channels of each. They need dy near (j,i), which a block holds in shared
// memory with the filter. Positions are visited row by row, so that every pixel meets its taps in
// order.
constexpr i32 kNarrowRows = 8, kNarrowCols = 16;  // of threads
constexpr i64 kMaxNarrow = 4;                     // channels
constexpr i64 kNarrowShared = 96 << 10;           // bytes

template <class T>
struct NarrowData {
  static constexpr i64 kPack = Matrix<T>::kPack;
  T* dx;
  const T *dy, *f, *bias;
  i64 B, H, W, C, K, R, S, P, Q, stride, act;
  Axis h, w;

  LAT_INLINE i64 pitch() const { return K + kPack; }  // neighbours in different banks
  LAT_INLINE i64 rows() const { return kNarrowRows + h.span - 1; }
  LAT_INLINE i64 cols() const { return kNarrowCols + w.span - 1; }
  i64 shared() const { return (rows() * cols() * pitch() + R * S * C * K) * i64(sizeof(T)); }
  // Chunks may end between taps only.
  bool possible() const {
    return C <= kMaxNarrow && stride <= 2 && K > 0 &&
           (kChunk % K == 0 || h.taps * w.taps * K <= kChunk) && aligned_packs(dy, K) &&
           aligned_packs(f, K) && shared() <= kNarrowShared;
  }
};

template <i32 C, i32 stride, class T>
__global__ void __launch_bounds__(kNarrowRows* kNarrowCols, 4)
    multiply_narrow(NarrowData<T> x, u32 tile_rows, u32 tile_cols) {
  using Packed = Pack<T, i32(NarrowData<T>::kPack)>;
  constexpr i32 pack = i32(NarrowData<T>::kPack), threads = kNarrowRows * kNarrowCols;
  CU_DYN_SHARED(T, dy);
  const i32 rows = i32(x.rows()), cols = i32(x.cols()), K = i32(x.K), pitch = i32(x.pitch());
  T* const filter = dy + rows * cols * pitch;

  const i32 thread = i32(threadIdx.x);
  const i64 b = blockIdx.x / tile_cols / tile_rows;
  const i64 j0 = i64(blockIdx.x / tile_cols % tile_rows) * kNarrowRows;
  const i64 i0 = i64(blockIdx.x % tile_cols) * kNarrowCols;
  const i64 p0 = j0 + x.h.origin, q0 = i0 + x.w.origin;
  for (i32 row = 0; row < rows; ++row) {
    const bool inside_h = 0 <= p0 + row && p0 + row < x.P;
    const T* const from = x.dy + ((b * x.P + p0 + row) * x.Q + q0) * K;
    for (i32 e = thread * pack; e < cols * K; e += threads * pack) {
      const i32 col = e / K;
      const bool inside = inside_h && 0 <= q0 + col && q0 + col < x.Q;
      cu::copy_async<16>(dy + (row * cols + col) * pitch + e % K, inside ? from + e : x.dy,
                         inside ? 16 : 0);
    }
  }
  for (i32 e = thread * pack; e < x.R * x.S * C * K; e += threads * pack)
    cu::copy_async<16>(filter + e, x.f + e);
  cu::copy_commit();
  cu::copy_wait<0>();
  __syncthreads();

  const i32 j = thread / kNarrowCols, i = thread % kNarrowCols;
  T sum[stride][stride][C] = {}, total[stride][stride][C] = {};
  for (i32 row = 0; row < x.h.span; ++row)
    for (i32 col = 0; col < x.w.span; ++col) {
      const T* const here = dy + ((j + row) * cols + i + col) * pitch;
      i32 tap[stride][stride];  // where it lies in the filter, -1: none here
      CU_UNROLL
      for (i32 v = 0; v < stride; ++v) CU_UNROLL
      for (i32 u = 0; u < stride; ++u) {
        const PixelClass &h = x.h.classes[v], &w = x.w.classes[u];
        const i64 t_h = x.h.origin + row - h.origin, t_w = x.w.origin + col - w.origin;
        const bool any = 0 <= t_h && t_h < h.taps && 0 <= t_w && t_w < w.taps;
        const i64 r = h.last - stride * t_h, s = w.last - stride * t_w;
        tap[v][u] = any ? i32((r * x.S + s) * C * K) : -1;
        const i64 term = (t_h * w.taps + t_w) * K;
        if (any && term > 0 && term % kChunk == 0) CU_UNROLL
        for (i32 c = 0; c < C; ++c) {
          total[v][u][c] = term == kChunk ? sum[v][u][c] : total[v][u][c] + sum[v][u][c];
          sum[v][u][c] = 0;
        }
      }
      for (i32 k = 0; k < K; k += pack) {
        const auto dy_k = *reinterpret_cast<const Packed*>(here + k);
        CU_UNROLL
        for (i32 v = 0; v < stride; ++v) CU_UNROLL
        for (i32 u = 0; u < stride; ++u) {
          if (tap[v][u] < 0) continue;
          CU_UNROLL
          for (i32 c = 0; c < C; ++c) {
            const auto f_k = *reinterpret_cast<const Packed*>(filter + tap[v][u] + c * K + k);
            CU_UNROLL
            for (i32 l = 0; l < pack; ++l) sum[v][u][c] = fma(dy_k.v[l], f_k.v[l], sum[v][u][c]);
          }
        }
      }
    }

  CU_UNROLL
  for (i32 v = 0; v < stride; ++v) CU_UNROLL
  for (i32 u = 0; u < stride; ++u) {
    const PixelClass &h = x.h.classes[v], &w = x.w.classes[u];
    if (j0 + j >= h.count || i0 + i >= w.count) continue;
    T* const to =
        x.dx + ((b * x.H + h.first + (j0 + j) * stride) * x.W + w.first + (i0 + i) * stride) * C;
    CU_UNROLL
    for (i32 c = 0; c < C; ++c) {
      T value = h.taps * w.taps * K > kChunk ? total[v][u][c] + sum[v][u][c] : sum[v][u][c];
      if (x.bias) value = value + x.bias[c];
      to[c] = activate(value, x.act);
    }
  }
}

template <class T>
NarrowData<T> narrow_data(T* dx, const T* dy, const T* f, const T* bias, i64 B, i64 H, i64 W, i64 C,
                          i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act) {
  const i64 side = min_of(stride, kParities);
  const Axis h(0, side, H, R, stride, pad), w(0, side, W, S, stride, pad);
  return {dx, dy, f, bias, B, H, W, C, K, R, S, P, Q, stride, act, h, w};
}

template <i32 C, i32 stride, class T>
void launch_narrow(Part stream, const NarrowData<T>& x) {
  const i64 rows = ceil_div(x.h.count, kNarrowRows), cols = ceil_div(x.w.count, kNarrowCols);
  stream.launch(multiply_narrow<C, stride, T>,
                {x.B * rows * cols, kNarrowRows * kNarrowCols, x.shared()}, x, u32(rows),
                u32(cols));
}

template <class T>
void run_narrow(Part stream, const NarrowData<T>& x) {
  const bool one = x.stride == 1;
  switch (x.C) {
    case 1:
      return one ? launch_narrow<1, 1>(stream, x) : launch_narrow<1, 2>(stream, x);
    case 2:
      return one ? launch_narrow<2, 1>(stream, x) : launch_narrow<2, 2>(stream, x);
    case 3:
      return one ? launch_narrow<3, 1>(stream, x) : launch_narrow<3, 2>(stream, x);
    case 4:
      return one ? launch_narrow<4, 1>(stream, x) : launch_narrow<4, 2>(stream, x);
  }
}

bool is_matmul(i64 H, i64 W, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad) {
  return R == 1 && S == 1 && P == H && Q == W && stride == 1 && pad == 0;
}
template <class T>
MatrixCall<T> forward_call(T* y, const T* x, const T* f, const T* bias, i64 pixels, i64 C, i64 K,
                           i64 act) {
  return {y, x, f, bias, 1, pixels, K, C, 0, act, false};
}
template <class T>
MatrixCall<T> data_call(T* dx, const T* dy, const T* f, const T* bias, i64 pixels, i64 C, i64 K,
                        i64 act) {
  return {dx, dy, f, bias, 1, pixels, C, K, kTransposedB, act, false};
}
template <class T>
MatrixCall<T> filter_call(T* df, const T* x, const T* dy, i64 pixels, i64 C, i64 K, bool into) {
  return {df, x, dy, nullptr, 1, C, K, pixels, kTransposedA, 0, into};
}

}  // namespace

template <class T>
void conv2d(Part stream, T* y, const T* x, const T* f, const T* bias, i64 B, i64 H, i64 W, i64 C,
            i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act) {
  if (is_matmul(H, W, R, S, P, Q, stride, pad))
    return multiply(stream, forward_call(y, x, f, bias, B * H * W, C, K, act));
  const auto product = forward(Patches<T>{x, B, H, W, C, R, S, P, Q, stride, pad, pad}, f, K);
  multiply<T>(stream, product, product.extents(), {y, bias, 0, act, false, false}, true);
}
template <class T>
i64 conv2d_scratch(T* y, const T* x, const T* f, const T* bias, i64 B, i64 H, i64 W, i64 C, i64 K,
                   i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act) {
  if (is_matmul(H, W, R, S, P, Q, stride, pad))
    return scratch_bytes(forward_call(y, x, f, bias, B * H * W, C, K, act));
  return scratch_bytes<T>({1, B * P * Q, K, R * S * C});
}

template <class T>
void conv2d_data(Part stream, T* dx, const T* dy, const T* f, const T* bias, i64 B, i64 H, i64 W,
                 i64 C, i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act) {
  if (is_matmul(H, W, R, S, P, Q, stride, pad))
    return multiply(stream, data_call(dx, dy, f, bias, B * H * W, C, K, act));
  const auto narrow = narrow_data(dx, dy, f, bias, B, H, W, C, K, R, S, P, Q, stride, pad, act);
  if (narrow.possible()) return run_narrow(stream, narrow);
  const i64 side = min_of(stride, kParities);
  for (i64 i = 0; i < stride; i += side)
    for (i64 j = 0; j < stride; j += side) {
      const Axis h(i, min_of(side, stride - i), H, R, stride, pad);
      const Axis w(j, min_of(side, stride - j), W, S, stride, pad);
      const DataGradient<T> classes{dy, f, B, H, W, C, K, S, P, Q, stride, h, w};
      multiply<T>(stream, classes, classes.extents(), {dx, bias, 0, act, false, false},
                  stride <= kParities);
    }
}
template <class T>
i64 conv2d_data_scratch(T* dx, const T* dy, const T* f, const T* bias, i64 B, i64 H, i64 W, i64 C,
                        i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act) {
  if (is_matmul(H, W, R, S, P, Q, stride, pad))
    return scratch_bytes(data_call(dx, dy, f, bias, B * H * W, C, K, act));
  const auto narrow = narrow_data(dx, dy, f, bias, B, H, W, C, K, R, S, P, Q, stride, pad, act);
  if (narrow.possible() || stride > kParities) return 0;
  return scratch_bytes<T>(
      DataGradient<T>{dy, f, B, H, W, C, K, S, P, Q, stride, narrow.h, narrow.w}.extents());
}

template <class T>
void conv2d_filter(Part stream, T* df, const T* x, const T* dy, i64 B, i64 H, i64 W, i64 C, i64 K,
                   i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad) {
  if (is_matmul(H, W, R, S, P, Q, stride, pad))
    return multiply(stream, filter_call(df, x, dy, B * H * W, C, K, false));
  const auto product =
      filter_gradient(Patches<T>{x, B, H, W, C, R, S, P, Q, stride, pad, pad}, dy, K);
  multiply<T>(stream, product, product.extents(), {df, nullptr, 0, 0, false, false}, true);
}
template <class T>
i64 conv2d_filter_scratch(T* df, const T* x, const T* dy, i64 B, i64 H, i64 W, i64 C, i64 K, i64 R,
                          i64 S, i64 P, i64 Q, i64 stride, i64 pad) {
  if (is_matmul(H, W, R, S, P, Q, stride, pad))
    return scratch_bytes(filter_call(df, x, dy, B * H * W, C, K, false));
  return scratch_bytes<T>({1, R * S * C, K, B * P * Q});
}

template <class T>
void conv2d_filter_into(Part stream, InOut<T> df, InOut<T> dbias, const T* x, const T* dy, i64 B,
                        i64 H, i64 W, i64 C, i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride,
                        i64 pad) {
  if (dbias.p) column_sums<true>(stream, dbias.p, dy, 1, B * P * Q, K);
  if (is_matmul(H, W, R, S, P, Q, stride, pad))
    return multiply(stream, filter_call(df.p, x, dy, B * H * W, C, K, true));
  const auto product =
      filter_gradient(Patches<T>{x, B, H, W, C, R, S, P, Q, stride, pad, pad}, dy, K);
  multiply<T>(stream, product, product.extents(), {df.p, nullptr, 0, 0, true, false}, true);
}
template <class T>
i64 conv2d_filter_into_scratch(InOut<T> df, InOut<T>, const T* x, const T* dy, i64 B, i64 H, i64 W,
                               i64 C, i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad) {
  if (is_matmul(H, W, R, S, P, Q, stride, pad))
    return scratch_bytes(filter_call(df.p, x, dy, B * H * W, C, K, true));
  return scratch_bytes<T>({1, R * S * C, K, B * P * Q});
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name) LAT_INSTANTIATE(name##_scratch)
#include "kernels/conv/conv.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
