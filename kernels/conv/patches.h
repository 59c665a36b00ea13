#pragma once
// The matrix of patches of a convolution, never stored as a whole: blocks of it are gathered on demand.
//
// Row (b P + p) Q + q holds the patch under output (p,q) of image b, column (r S + s) C + c one element of it:
// x[b, p * stride + r - pad_h, q * stride + s - pad_w, c], +0 outside the image. For one r, the columns (s,c) of a patch
// lie one after the other in x, so a patch is R contiguous runs.
#include "kernels/common/vec.h"

namespace lat::kernels::LAT_ISA {

template <class T>
struct Patches {
  const T* x;
  i64 B, H, W, C;  // of x
  i64 R, S, P, Q;  // taps and outputs
  i64 stride, pad_h, pad_w;

  LAT_INLINE i64 rows() const { return B * P * Q; }
  LAT_INLINE i64 cols() const { return R * S * C; }
};

#if LAT_VECTOR_BYTES > 0
// n runs of `length` elements, in pieces of `piece` elements (piece <= length; the last two pieces may overlap).
template <i64 piece, class T>
LAT_INLINE void copy_pieces(T* dst, i64 dst_step, const T* src, i64 src_step, i64 n, i64 length) {
  const auto copy = [](T* to, const T* from) {
    if constexpr (piece == kWidth<Vec<T>>)
      store(to, load<Vec<T>>(from));
    else
      memcpy(to, from, size_t(piece) * sizeof(T));
  };
  const i64 whole = length / piece * piece;
  if (whole == piece) {
    for (i64 i = 0; i < n; ++i) copy(dst + i * dst_step, src + i * src_step);
  } else {
    for (i64 i = 0; i < n; ++i)
      for (i64 j = 0; j < whole; j += piece) copy(dst + i * dst_step + j, src + i * src_step + j);
  }
  if (whole < length) {
    const i64 j = length - piece;
    for (i64 i = 0; i < n; ++i) copy(dst + i * dst_step + j, src + i * src_step + j);
  }
}

// n runs of `length` elements.
template <class T>
inline void copy_runs(T* dst, i64 dst_step, const T* src, i64 src_step, i64 n, i64 length) {
  constexpr i64 w = kWidth<Vec<T>>;
  if (length >= w)
    copy_pieces<w>(dst, dst_step, src, src_step, n, length);
  else if (w > 8 && length >= 8)
    copy_pieces<8>(dst, dst_step, src, src_step, n, length);
  else if (w > 4 && length >= 4)
    copy_pieces<4>(dst, dst_step, src, src_step, n, length);
  else if (w > 2 && length >= 2)
    copy_pieces<2>(dst, dst_step, src, src_step, n, length);
  else
    copy_pieces<1>(dst, dst_step, src, src_step, n, length);
}

// The same where src is read from element `first` of a line of `line` elements, +0 outside the line.
template <class T>
inline void copy_runs_padded(T* dst, i64 dst_step, const T* src, i64 first, i64 line, i64 src_step,
                             i64 n, i64 length) {
  i64 i = 0;
  const auto clipped = [&] {
    const i64 at = first + i * src_step;
    T* const d = dst + i * dst_step;
    const i64 begin = min_of(max_of(-at, 0), length);
    const i64 end = max_of(min_of(line - at, length), begin);
    for (i64 j = 0; j < begin; ++j) d[j] = 0;
    for (i64 j = begin; j < end; ++j) d[j] = src[at + j];
    for (i64 j = end; j < length; ++j) d[j] = 0;
  };
  for (; i < n && first + i * src_step < 0; ++i) clipped();
  const i64 room = line - length - first;  // runs that start at or before it end inside the line
  const i64 inside = room < 0 ? 0 : min_of(n, room / src_step + 1);
  if (inside > i) {
    copy_runs(dst + i * dst_step, dst_step, src + first + i * src_step, src_step, inside - i,
              length);
    i = inside;
  }
  for (; i < n; ++i) clipped();
}

// dst (rows, cols), lines `ld` apart = the block of the patch matrix that starts at (row, col).
template <class T>
void gather(T* dst, i64 ld, const Patches<T>& x, i64 row, i64 rows, i64 col, i64 cols) {
  if (cols == 0) return;
  const i64 line = x.W * x.C, run = x.S * x.C;
  const i64 first_r = col / run, first_at = col % run, end = row + rows;
  if (row >= end) return;
  i64 q = row % x.Q, p = row / x.Q % x.P, b = row / (x.Q * x.P);
  while (row < end) {
    const i64 n = min_of(x.Q - q, end - row);
    i64 r = first_r, at = first_at;
    for (i64 done = 0; done < cols; ++r, at = 0) {
      const i64 length = min_of(run - at, cols - done);
      const i64 h = p * x.stride + r - x.pad_h;
      if (0 <= h && h < x.H) {
        copy_runs_padded(dst + done, ld, x.x + (b * x.H + h) * line,
                         (q * x.stride - x.pad_w) * x.C + at, line, x.stride * x.C, n, length);
      } else {
        for (i64 i = 0; i < n; ++i)
          for (i64 j = 0; j < length; ++j) dst[i * ld + done + j] = 0;
      }
      done += length;
    }
    row += n;
    dst += n * ld;
    q = 0;
    if (++p == x.P) p = 0, ++b;
  }
}
#endif

}  // namespace lat::kernels::LAT_ISA
