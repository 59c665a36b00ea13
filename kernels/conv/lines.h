#pragma once
// The lines of images that the patches of a convolution lie in, with their border of +0.
//
// For one filter row r, the elements (s,c) under an output are contiguous in a line, and neighbouring outputs are
// `stride * C` elements apart: no patch is ever gathered. Lines inside the image are read in place when no border is
// wanted, else copied once for all the outputs that share them.
#include "kernels/common/tile.h"
#include "kernels/conv/patches.h"

namespace lat::kernels::LAT_ISA {

// Lines for the images [b0,b0 + images), the outputs [p0,p0 + outputs) and the filter rows [r0,r0 + taps).
struct Cut {
  i64 b0, images, p0, outputs, r0, taps;
};

template <class T>
class Lines {
 public:
  // Elements that copied lines take.
  static i64 size(const Patches<T>& x, const Cut& cut) {
    return in_place(x) ? 0 : cut.images * count(x, cut) * length(x);
  }

  Lines(const Patches<T>& x, const Cut& cut, T* copy) {
    if (in_place(x)) {
      line_ = x.W * x.C;
      row_ = x.stride * line_;
      image_ = x.H * line_;
      at_ = x.x + cut.b0 * image_ + cut.p0 * row_ + cut.r0 * line_;
      return;
    }
    // Up to `stride` filter rows: each output row has lines of its own. More: neighbours share some.
    const i64 step = min_of(x.stride, cut.taps), n = count(x, cut);
    line_ = length(x);
    row_ = step * line_;
    image_ = n * line_;
    at_ = copy;
    const i64 before = x.pad_w * x.C, width = x.W * x.C;
    const i64 begin = min_of(max_of(before, 0), line_);
    const i64 end = max_of(min_of(before + width, line_), begin);
    for (i64 b = cut.b0; b < cut.b0 + cut.images; ++b)
      for (i64 i = 0; i < n; ++i, copy += line_) {
        const i64 p = min_of(i / step, cut.outputs - 1);
        const i64 h = (cut.p0 + p) * x.stride + cut.r0 + i - p * step - x.pad_h;
        if (0 <= h && h < x.H) {
          const T* const from = x.x + (b * x.H + h) * width - before;
          fill_zero(copy, begin);
          copy_runs(copy + begin, 0, from + begin, 0, 1, end - begin);
          fill_zero(copy + end, line_ - end);
        } else {
          fill_zero(copy, line_);
        }
      }
  }

  const T* at() const {
    return at_;
  }  // of the first image, output and filter row, at q = 0, s = 0, c = 0
  i64 line() const { return line_; }    // to the next filter row
  i64 row() const { return row_; }      // to the next p
  i64 image() const { return image_; }  // to the next image

 private:
  static bool in_place(const Patches<T>& x) {
    return x.pad_h == 0 && x.pad_w == 0 && (x.P - 1) * x.stride + x.R <= x.H &&
           (x.Q - 1) * x.stride + x.S <= x.W;
  }
  static i64 length(const Patches<T>& x) { return ((x.Q - 1) * x.stride + x.S) * x.C; }
  static i64 count(const Patches<T>& x, const Cut& cut) {
    return (cut.outputs - 1) * min_of(x.stride, cut.taps) + cut.taps;
  }
  static void fill_zero(T* dst, i64 n) {
    for (i64 i = 0; i < n; ++i) dst[i] = 0;
  }

  const T* at_;
  i64 line_, row_, image_;
};

}  // namespace lat::kernels::LAT_ISA
