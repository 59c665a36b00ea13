// Recurrent cells, whole vectors at a time; the elements are those of cells.h.
#include "kernels/recurrent/recurrent.h"

#include "kernels/common/map.h"
#include "kernels/common/planted.h"
#include "kernels/recurrent/cells.h"

namespace lat::kernels::LAT_ISA {
namespace {

// A cotangent of which either half may be missing.
template <class T, class In>
LAT_INLINE Vec<T> load_sum(In in, const T* a, const T* b, i64 i) {
  if (!a) return b ? in.load(b + i) : Vec<T>{};
  return b ? in.load(a + i) + in.load(b + i) : in.load(a + i);
}

// to = value, n elements
template <class T>
LAT_INLINE void fill_row(T* to, i64 n, T value) {
  map<T>({0, n}, [&](auto in, i64 i) LAT_FLAT { in.store(to + i, splat<Vec<T>>(value)); });
}

template <class T>
LAT_INLINE void copy_row(T* to, const T* from, i64 n) {
  map<T>({0, n}, [&](auto in, i64 i) LAT_FLAT { in.store(to + i, in.load(from + i)); });
}

}  // namespace

template <class T>
void gru_cell(Part part, T* y, T* gates, const T* x, const T* p, const T* h, const u8* mask,
              i64 rows, i64 cols) {
  using V = Vec<T>;
  for (i64 r = part.begin(rows); r < part.end(rows); ++r) {
    const i64 at = r * cols, wide = 3 * at;
    if (mask && mask[r] == 0) {
      copy_row(y + at, h + at, cols);
      fill_row(gates + wide, 3 * cols, T(0));
      fill_row(gates + wide + cols, cols, T(1));
      continue;
    }
    map<T>({0, cols}, [&](auto in, i64 c) LAT_FLAT {
      const auto gate = [&](const T* from, i64 k)
                            LAT_FLAT { return in.load(from + wide + k * cols + c); };
      const GruGates<V> g =
          gru_gates<V>({gate(x, 0), gate(x, 1), gate(x, 2)}, {gate(p, 0), gate(p, 1), gate(p, 2)});
      in.store(y + at + c, g.next(in.load(h + at + c)));
      in.store(gates + wide + c, g.r);
      in.store(gates + wide + cols + c, g.z);
      in.store(gates + wide + 2 * cols + c, g.n);
    });
  }
}

template <class T>
void gru_cell_d1(Part part, T* dx, T* dp, T* dh, const T* dy, const T* more, const T* gates,
                 const T* p, const T* h, i64 rows, i64 cols) {
  using V = Vec<T>;
  for (i64 r = part.begin(rows); r < part.end(rows); ++r) {
    const i64 at = r * cols, wide = 3 * at;
    map<T>({0, cols}, [&](auto in, i64 c) LAT_FLAT {
      const i64 i = at + c, j = wide + c;
      const GruGates<V> g = {in.load(gates + j), in.load(gates + j + cols),
                             in.load(gates + j + 2 * cols)};
      const GruSlopes<V> s =
          gru_slopes(load_sum(in, dy, more, i), g, in.load(p + j + 2 * cols), in.load(h + i));
      in.store(dx + j, s.r);
      in.store(dp + j, s.r);
      in.store(dx + j + cols, s.z);
      in.store(dp + j + cols, s.z);
      in.store(dx + j + 2 * cols, s.x_n);
      in.store(dp + j + 2 * cols, planted(Bug::gru_forgets_reset) ? s.x_n : s.p_n);
      in.store(dh + i, s.h);
    });
  }
}

template <class T>
void lstm_cell(Part part, T* y, T* c_new, T* gates, const T* x, const T* p, const T* h, const T* c,
               const u8* mask, i64 rows, i64 cols) {
  using V = Vec<T>;
  for (i64 r = part.begin(rows); r < part.end(rows); ++r) {
    const i64 at = r * cols, wide = 4 * at;
    if (mask && mask[r] == 0) {
      copy_row(y + at, h + at, cols);
      copy_row(c_new + at, c + at, cols);
      fill_row(gates + wide, 4 * cols, T(0));
      fill_row(gates + wide + cols, cols, T(1));
      continue;
    }
    map<T>({0, cols}, [&](auto in, i64 u) LAT_FLAT {
      const i64 i = at + u, j = wide + u;
      const auto a = [&](i64 k) LAT_FLAT {
        const V from_x = in.load(x + j + k * cols);
        return p ? from_x + in.load(p + j + k * cols) : from_x;
      };
      const LstmGates<V> g = lstm_gates<V>({a(0), a(1), a(2), a(3)});
      const V next = g.next(in.load(c + i));
      in.store(c_new + i, next);
      in.store(y + i, g.output(next));
      in.store(gates + j, g.i);
      in.store(gates + j + cols, g.f);
      in.store(gates + j + 2 * cols, g.g);
      in.store(gates + j + 3 * cols, g.o);
    });
  }
}

template <class T>
void lstm_cell_d1(Part part, T* da, T* dc, T* dh, const T* dy, const T* more_y, const T* dc_new,
                  const T* more_c, const T* gates, const T* c, const T* c_new, const u8* mask,
                  i64 rows, i64 cols) {
  using V = Vec<T>;
  for (i64 r = part.begin(rows); r < part.end(rows); ++r) {
    const i64 at = r * cols, wide = 4 * at;
    const bool held = mask && mask[r] == 0;
    map<T>({0, cols}, [&](auto in, i64 u) LAT_FLAT {
      const i64 i = at + u, j = wide + u;
      const LstmGates<V> g = {in.load(gates + j), in.load(gates + j + cols),
                              in.load(gates + j + 2 * cols), in.load(gates + j + 3 * cols)};
      const V e = load_sum(in, dy, more_y, i), d = load_sum(in, dc_new, more_c, i);
      const LstmSlopes<V> s = lstm_slopes(e, d, g, in.load(c + i), in.load(c_new + i));
      in.store(da + j, s.i);
      in.store(da + j + cols, s.f);
      in.store(da + j + 2 * cols, s.g);
      in.store(da + j + 3 * cols, s.o);
      in.store(dc + i, s.c);
      if (dh) in.store(dh + i, held ? e : V{});
    });
  }
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/recurrent/recurrent.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
