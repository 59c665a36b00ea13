#pragma once
// Recurrent cells as plain loops; the equations are in recurrent.h, each element in cells.h.
#include "kernels/recurrent/cells.h"

namespace lat::kernels::spec {

template <class T>
void gru_cell(T* y, T* gates, const T* x, const T* p, const T* h, const u8* mask, i64 rows,
              i64 cols) {
  for (i64 r = 0; r < rows; ++r)
    for (i64 c = 0; c < cols; ++c) {
      const i64 i = r * cols + c, j = r * 3 * cols + c;
      const bool held = mask && mask[r] == 0;
      GruGates<T> g = {0, 1, 0};
      if (!held)
        g = gru_gates<T>({x[j], x[j + cols], x[j + 2 * cols]},
                         {p[j], p[j + cols], p[j + 2 * cols]});
      y[i] = held ? h[i] : g.next(h[i]);
      gates[j] = g.r;
      gates[j + cols] = g.z;
      gates[j + 2 * cols] = g.n;
    }
}

template <class T>
void gru_cell_d1(T* dx, T* dp, T* dh, const T* dy, const T* more, const T* gates, const T* p,
                 const T* h, i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; ++r)
    for (i64 c = 0; c < cols; ++c) {
      const i64 i = r * cols + c, j = r * 3 * cols + c;
      const GruGates<T> g = {gates[j], gates[j + cols], gates[j + 2 * cols]};
      const GruSlopes<T> s = gru_slopes(sum_of(dy, more, i), g, p[j + 2 * cols], h[i]);
      dx[j] = dp[j] = s.r;
      dx[j + cols] = dp[j + cols] = s.z;
      dx[j + 2 * cols] = s.x_n;
      dp[j + 2 * cols] = s.p_n;
      dh[i] = s.h;
    }
}

template <class T>
void lstm_cell(T* y, T* c_new, T* gates, const T* x, const T* p, const T* h, const T* c,
               const u8* mask, i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; ++r)
    for (i64 u = 0; u < cols; ++u) {
      const i64 i = r * cols + u, j = r * 4 * cols + u;
      const bool held = mask && mask[r] == 0;
      const auto a = [&](i64 k) { return p ? x[j + k * cols] + p[j + k * cols] : x[j + k * cols]; };
      LstmGates<T> g = {0, 1, 0, 0};
      if (!held) g = lstm_gates<T>({a(0), a(1), a(2), a(3)});
      c_new[i] = held ? c[i] : g.next(c[i]);
      y[i] = held ? h[i] : g.output(c_new[i]);
      gates[j] = g.i;
      gates[j + cols] = g.f;
      gates[j + 2 * cols] = g.g;
      gates[j + 3 * cols] = g.o;
    }
}

template <class T>
void lstm_cell_d1(T* da, T* dc, T* dh, const T* dy, const T* more_y, const T* dc_new,
                  const T* more_c, const T* gates, const T* c, const T* c_new, const u8* mask,
                  i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; ++r)
    for (i64 u = 0; u < cols; ++u) {
      const i64 i = r * cols + u, j = r * 4 * cols + u;
      const T e = sum_of(dy, more_y, i), d = sum_of(dc_new, more_c, i);
      const LstmGates<T> g = {gates[j], gates[j + cols], gates[j + 2 * cols], gates[j + 3 * cols]};
      const LstmSlopes<T> s = lstm_slopes(e, d, g, c[i], c_new[i]);
      da[j] = s.i;
      da[j + cols] = s.f;
      da[j + 2 * cols] = s.g;
      da[j + 3 * cols] = s.o;
      dc[i] = s.c;
      if (dh) dh[i] = mask && mask[r] == 0 ? e : T(0);
    }
}

}  // namespace lat::kernels::spec
