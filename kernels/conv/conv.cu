// Convolutions on a device: tiles of kernels/common/product.h, in which patches are gathered from the
// image as they are needed.
#include "kernels/common/cuda.h"

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

// Some classes at once.
constexpr i64 kParities = 4;
template <class T>
struct DataGradient {
  const T* dy;
  const T* f;
  i64 B, H, W, C, K, S, P, Q, stride;
  u32 columns;  // of classes
  PixelClass h[kParities], w[kParities];

  __device__ ClassProduct<T> member(u32 g) const {
    const PixelClass &i = h[g / columns], &j = w[g % columns];
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

}  // namespace

template <class T>
void conv2d(Part stream, T* y, const T* x, const T* f, const T* bias, i64 B, i64 H, i64 W, i64 C,
            i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act) {
  const auto product = forward(Patches<T>{x, B, H, W, C, R, S, P, Q, stride, pad, pad}, f, K);
  multiply<T>(stream, product, product.extents(), {y, bias, 0, act, false, false}, true);
}
template <class T>
i64 conv2d_scratch(T*, const T*, const T*, const T*, i64 B, i64, i64, i64 C, i64 K, i64 R, i64 S,
                   i64 P, i64 Q, i64, i64, i64) {
  return scratch_bytes<T>({1, B * P * Q, K, R * S * C});
}

template <class T>
void conv2d_data(Part stream, T* dx, const T* dy, const T* f, const T* bias, i64 B, i64 H, i64 W,
                 i64 C, i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act) {
  const i64 side = min_of(stride, kParities);
  for (i64 i = 0; i < stride; i += side)
    for (i64 j = 0; j < stride; j += side) {
      const i64 rows = min_of(side, stride - i), columns = min_of(side, stride - j);
      DataGradient<T> classes{dy, f, B, H, W, C, K, S, P, Q, stride, u32(columns), {}, {}};
      PixelClass most_h{}, most_w{};
      const auto fill = [&](PixelClass* to, PixelClass& most, i64 first, i64 n, i64 size,
                            i64 taps) {
        for (i64 c = 0; c < n; ++c) {
          to[c] = pixel_class(first + c, size, taps, stride, pad);
          most.count = max_of(most.count, to[c].count);
          most.taps = max_of(most.taps, to[c].taps);
        }
      };
      fill(classes.h, most_h, i, rows, H, R);
      fill(classes.w, most_w, j, columns, W, S);
      multiply<T>(
          stream, classes,
          {rows * columns, B * most_h.count * most_w.count, C, most_h.taps * most_w.taps * K},
          {dx, bias, 0, act, false, false}, false);
    }
}

template <class T>
void conv2d_filter(Part stream, T* df, const T* x, const T* dy, i64 B, i64 H, i64 W, i64 C, i64 K,
                   i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad) {
  const auto product =
      filter_gradient(Patches<T>{x, B, H, W, C, R, S, P, Q, stride, pad, pad}, dy, K);
  multiply<T>(stream, product, product.extents(), {df, nullptr, 0, 0, false, false}, true);
}
template <class T>
i64 conv2d_filter_scratch(T*, const T*, const T*, i64 B, i64, i64, i64 C, i64 K, i64 R, i64 S,
                          i64 P, i64 Q, i64, i64) {
  return scratch_bytes<T>({1, R * S * C, K, B * P * Q});
}

template <class T>
void conv2d_filter_into(Part stream, InOut<T> df, const T* x, const T* dy, i64 B, i64 H, i64 W,
                        i64 C, i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad) {
  const auto product =
      filter_gradient(Patches<T>{x, B, H, W, C, R, S, P, Q, stride, pad, pad}, dy, K);
  multiply<T>(stream, product, product.extents(), {df.p, nullptr, 0, 0, true, false}, true);
}
template <class T>
i64 conv2d_filter_into_scratch(InOut<T>, const T*, const T*, i64 B, i64, i64, i64 C, i64 K, i64 R,
                               i64 S, i64 P, i64 Q, i64, i64) {
  return scratch_bytes<T>({1, R * S * C, K, B * P * Q});
}

#define LAT_INSTANTIATE(T)                                                                         \
  template void conv2d(Part, T*, const T*, const T*, const T*, i64, i64, i64, i64, i64, i64, i64,  \
                       i64, i64, i64, i64, i64);                                                   \
  template i64 conv2d_scratch(T*, const T*, const T*, const T*, i64, i64, i64, i64, i64, i64, i64, \
                              i64, i64, i64, i64, i64);                                            \
  template void conv2d_data(Part, T*, const T*, const T*, const T*, i64, i64, i64, i64, i64, i64,  \
                            i64, i64, i64, i64, i64, i64);                                         \
  template void conv2d_filter(Part, T*, const T*, const T*, i64, i64, i64, i64, i64, i64, i64,     \
                              i64, i64, i64, i64);                                                 \
  template i64 conv2d_filter_scratch(T*, const T*, const T*, i64, i64, i64, i64, i64, i64, i64,    \
                                     i64, i64, i64, i64);                                          \
  template void conv2d_filter_into(Part, InOut<T>, const T*, const T*, i64, i64, i64, i64, i64,    \
                                   i64, i64, i64, i64, i64, i64);                                  \
  template i64 conv2d_filter_into_scratch(InOut<T>, const T*, const T*, i64, i64, i64, i64, i64,   \
                                          i64, i64, i64, i64, i64, i64);
LAT_INSTANTIATE(float)
LAT_INSTANTIATE(double)

}  // namespace lat::kernels::LAT_ISA
