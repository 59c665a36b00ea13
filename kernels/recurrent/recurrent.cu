// Recurrent cells on a device: a thread has one unit with all its gates, neighbours in neighbouring
// threads. The elements are those of cells.h.
#include "kernels/common/cuda.h"

#include "kernels/common/divide.h"
#include "kernels/recurrent/cells.h"
#include "kernels/recurrent/recurrent.h"

namespace lat::kernels::LAT_ISA {
namespace {

constexpr i64 kUnits = 256;  // of a block

// `rows` cells of `cols` units.
class Cells {
 public:
  Cells(i64 rows, i64 cols) : units_(rows * cols), cols_(max_of(1, cols)) {}
  gpu::Extent blocks() const { return ceil_div(units_, kUnits); }

  // body(i, j, r): unit i of all, of row r, with its first gate at j, of `gates` a `cols()` apart
  template <i64 gates, class Body>
  __device__ __forceinline__ void for_unit(Body&& body) const {
    const i64 i = blockIdx.x * kUnits + threadIdx.x;
    if (i >= units_) return;
    const i64 r = cols_.divide(i).quotient;
    body(i, i + r * (gates - 1) * cols(), r);
  }
  LAT_INLINE i64 cols() const { return cols_.value(); }

 private:
  i64 units_;
  Divisor cols_;
};

template <class T>
__global__ void gru_units(T* y, T* gates, const T* x, const T* p, const T* h, const u8* mask,
                          Cells cells) {
  cells.for_unit<3>([&](i64 i, i64 j, i64 r) {
    const i64 cols = cells.cols();
    const T state = h[i];
    GruGates<T> g = {0, 1, 0};
    const bool held = mask && mask[r] == 0;
    if (!held)
      g = gru_gates<T>({x[j], x[j + cols], x[j + 2 * cols]}, {p[j], p[j + cols], p[j + 2 * cols]});
    y[i] = held ? state : g.next(state);
    gates[j] = g.r;
    gates[j + cols] = g.z;
    gates[j + 2 * cols] = g.n;
  });
}

template <class T>
__global__ void gru_slopes_of_units(T* dx, T* dp, T* dh, const T* dy, const T* more, const T* gates,
                                    const T* p, const T* h, Cells cells) {
  cells.for_unit<3>([&](i64 i, i64 j, i64) {
    const i64 cols = cells.cols();
    const GruGates<T> g = {gates[j], gates[j + cols], gates[j + 2 * cols]};
    const GruSlopes<T> s = gru_slopes(sum_of(dy, more, i), g, p[j + 2 * cols], h[i]);
    dx[j] = dp[j] = s.r;
    dx[j + cols] = dp[j + cols] = s.z;
    dx[j + 2 * cols] = s.x_n;
    dp[j + 2 * cols] = s.p_n;
    dh[i] = s.h;
  });
}

template <class T>
__global__ void lstm_units(T* y, T* c_new, T* gates, const T* x, const T* p, const T* h, const T* c,
                           const u8* mask, Cells cells) {
  cells.for_unit<4>([&](i64 i, i64 j, i64 r) {
    const i64 cols = cells.cols();
    const auto a = [&](i64 k) { return p ? x[j + k * cols] + p[j + k * cols] : x[j + k * cols]; };
    const bool held = mask && mask[r] == 0;
    LstmGates<T> g = {0, 1, 0, 0};
    T state = c[i], output = 0;
    if (held) {
      output = h[i];
    } else {
      g = lstm_gates<T>({a(0), a(1), a(2), a(3)});
      state = g.next(state);
      output = g.output(state);
    }
    c_new[i] = state;
    y[i] = output;
    gates[j] = g.i;
    gates[j + cols] = g.f;
    gates[j + 2 * cols] = g.g;
    gates[j + 3 * cols] = g.o;
  });
}

template <class T>
__global__ void lstm_slopes_of_units(T* da, T* dc, T* dh, const T* dy, const T* more_y,
                                     const T* dc_new, const T* more_c, const T* gates, const T* c,
                                     const T* c_new, const u8* mask, Cells cells) {
  cells.for_unit<4>([&](i64 i, i64 j, i64 r) {
    const i64 cols = cells.cols();
    const T e = sum_of(dy, more_y, i), d = sum_of(dc_new, more_c, i);
    const LstmGates<T> g = {gates[j], gates[j + cols], gates[j + 2 * cols], gates[j + 3 * cols]};
    const LstmSlopes<T> s = lstm_slopes(e, d, g, c[i], c_new[i]);
    da[j] = s.i;
    da[j + cols] = s.f;
    da[j + 2 * cols] = s.g;
    da[j + 3 * cols] = s.o;
    dc[i] = s.c;
    if (dh) dh[i] = mask && mask[r] == 0 ? e : T(0);
  });
}

}  // namespace

template <class T>
void gru_cell(Part stream, T* y, T* gates, const T* x, const T* p, const T* h, const u8* mask,
              i64 rows, i64 cols) {
  const Cells cells(rows, cols);
  stream.launch(gru_units<T>, {cells.blocks(), kUnits}, y, gates, x, p, h, mask, cells);
}

template <class T>
void gru_cell_d1(Part stream, T* dx, T* dp, T* dh, const T* dy, const T* more, const T* gates,
                 const T* p, const T* h, i64 rows, i64 cols) {
  const Cells cells(rows, cols);
  stream.launch(gru_slopes_of_units<T>, {cells.blocks(), kUnits}, dx, dp, dh, dy, more, gates, p, h,
                cells);
}

template <class T>
void lstm_cell(Part stream, T* y, T* c_new, T* gates, const T* x, const T* p, const T* h,
               const T* c, const u8* mask, i64 rows, i64 cols) {
  const Cells cells(rows, cols);
  stream.launch(lstm_units<T>, {cells.blocks(), kUnits}, y, c_new, gates, x, p, h, c, mask, cells);
}

template <class T>
void lstm_cell_d1(Part stream, T* da, T* dc, T* dh, const T* dy, const T* more_y, const T* dc_new,
                  const T* more_c, const T* gates, const T* c, const T* c_new, const u8* mask,
                  i64 rows, i64 cols) {
  const Cells cells(rows, cols);
  stream.launch(lstm_slopes_of_units<T>, {cells.blocks(), kUnits}, da, dc, dh, dy, more_y, dc_new,
                more_c, gates, c, c_new, mask, cells);
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/recurrent/recurrent.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
