#pragma once
// Gates of recurrent cells, pointwise: `rows` cells side by side, `cols` units each; a matrix of k
// gates has k cols columns, gate after gate. The products that feed them are those of matmul.h and
// conv.h.
//
// x + p are the pre-activations: x from the input, p from the state. mask (rows) or null: where it
// is 0 the cell holds its state, and saves the gates that say so, so that no gradient reaches x and p
// there. Row r reads row r alone: a batch changes no bit.
#include "kernels/common/types.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kRecurrentGrain = 2048;  // units that take about 10 us

// Gated recurrent unit (Cho et al. 2014), the reset gate on the projected state, bias included:
//   r = sigmoid(x_r + p_r)    z = sigmoid(x_z + p_z)    n = tanh(x_n + r p_n)
//   y = (1 - z) n + z h, as n + z (h - n)
// gates (rows, 3 cols) = r z n; held: y = h, gates = 0 1 0
template <class T>
void gru_cell(Part part, T* y, T* gates, const T* x, const T* p, const T* h, const u8* mask,
              i64 rows, i64 cols);
template <class T>
Plan gru_cell_plan(T*, T*, const T*, const T*, const T*, const u8*, i64 rows, i64 cols) {
  return share(rows * cols, kRecurrentGrain, rows);
}

// With d = dy + more (null: 0):
//   dx_n = d (1 - z) (1 - n^2)         dx_r = dx_n p_n r (1 - r)    dx_z = d (h - n) z (1 - z)
//   dp_r, dp_z, dp_n = dx_r, dx_z, r dx_n                           dh = d z
template <class T>
void gru_cell_d1(Part part, T* dx, T* dp, T* dh, const T* dy, const T* more, const T* gates,
                 const T* p, const T* h, i64 rows, i64 cols);
template <class T>
Plan gru_cell_d1_plan(T*, T*, T*, const T*, const T*, const T*, const T*, const T*, i64 rows,
                      i64 cols) {
  return share(rows * cols, 2 * kRecurrentGrain, rows);
}

// Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000), a = x + p (p null: a = x):
//   i = sigmoid(a_i)    f = sigmoid(a_f)    g = tanh(a_g)    o = sigmoid(a_o)
//   c_new = f c + i g                       y = o tanh(c_new)
// gates (rows, 4 cols) = i f g o; held: y = h, c_new = c, gates = 0 1 0 0. h is read under a mask alone.
template <class T>
void lstm_cell(Part part, T* y, T* c_new, T* gates, const T* x, const T* p, const T* h, const T* c,
               const u8* mask, i64 rows, i64 cols);
template <class T>
Plan lstm_cell_plan(T*, T*, T*, const T*, const T*, const T*, const T*, const u8*, i64 rows,
                    i64 cols) {
  return share(rows * cols, kRecurrentGrain, rows);
}

// With t = tanh(c_new), e = dy + more_y, d = dc_new + more_c + e o (1 - t^2) (null: 0):
//   da_i = d g i (1 - i)    da_f = d c f (1 - f)    da_g = d i (1 - g^2)    da_o = e t o (1 - o)
//   dc = d f                dh = e where held, else 0; null without a mask
template <class T>
void lstm_cell_d1(Part part, T* da, T* dc, T* dh, const T* dy, const T* more_y, const T* dc_new,
                  const T* more_c, const T* gates, const T* c, const T* c_new, const u8* mask,
                  i64 rows, i64 cols);
template <class T>
Plan lstm_cell_d1_plan(T*, T*, T*, const T*, const T*, const T*, const T*, const T*, const T*,
                       const T*, const u8*, i64 rows, i64 cols) {
  return share(rows * cols, 2 * kRecurrentGrain, rows);
}

}  // namespace lat::kernels::LAT_ISA
