#pragma once
// Calls of elementwise kernels, for the CPU and for devices.
#include <span>

#include "tests/kernels/call.h"

namespace lat::test {

// How the operands of a broadcast lie in memory.
struct Layout {
  std::vector<i64> d, a, b;
  i64 a_size, b_size;
};

template <class Body>
void for_binary_calls(std::span<const i64> sizes, Body&& body) {
  std::vector<Layout> layouts = {
      {{2, 3, 5, 7}, {105, 35, 7, 1}, {105, 35, 7, 1}, 210, 210},  // same shape
      {{2, 3, 5, 7}, {105, 35, 7, 1}, {0, 0, 0, 1}, 210, 7},       // a bias
      {{2, 3, 5, 7}, {0, 0, 0, 1}, {105, 35, 7, 1}, 7, 210},
      {{2, 3, 5, 7}, {15, 5, 1, 0}, {105, 35, 7, 1}, 30, 210},  // one number per row
      {{2, 3, 5, 7}, {35, 0, 7, 1}, {0, 5, 1, 0}, 70, 15},      // both are broadcast
      {{2, 7, 33, 20}, {20, 0, 0, 1}, {0, 0, 20, 1}, 40, 660},
      {{1, 1, 40, 50}, {0, 0, 1, 40}, {0, 0, 50, 1}, 2000, 2000},  // a is transposed
      {{1, 0, 3, 2}, {0, 6, 2, 1}, {0, 6, 2, 1}, 0, 0},            // empty
      {{70, 1, 1, 67}, {67, 0, 0, 1}, {1, 0, 0, 0}, 70 * 67, 70},
      {{2, 3, 30, 3}, {90, 30, 1, 0}, {270, 90, 3, 1}, 180, 540},  // short rows
      {{2, 3, 30, 4}, {0, 0, 4, 1}, {0, 0, 0, 1}, 120, 4},
  };
  for (const i64 n : sizes) {
    layouts.push_back({{1, 1, 1, n}, {0, 0, 0, 1}, {0, 0, 0, 1}, n, n});
    layouts.push_back({{1, 1, 1, n}, {0, 0, 0, 1}, {0, 0, 0, 0}, n, 1});
    layouts.push_back({{1, 1, 1, n}, {0, 0, 0, 0}, {0, 0, 0, 1}, 1, n});
    layouts.push_back({{1, 1, 3, n}, {0, 0, n, 1}, {0, 0, 0, 1}, 3 * n, n});
    layouts.push_back({{1, 1, n, 3}, {0, 0, 0, 0}, {0, 0, 0, 0}, 1, 1});
  }
  constexpr const char* names[] = {
#define BINARY(name, ...) #name,
#include "kernels/elementwise/binary.def"
#undef BINARY
  };
  for (const char* name : names)
    for (const Layout& l : layouts)
      body(Call(name)
               .out(l.d[0] * l.d[1] * l.d[2] * l.d[3])
               .in(wild(l.a_size, 1))
               .in(wild(l.b_size, 2))
               .integers(l.d)
               .integers(l.a)
               .integers(l.b));
}

template <class Body>
void for_expand_calls(std::span<const i64> sizes, Body&& body) {
  std::vector<Layout> layouts = {
      {{2, 3, 5, 7}, {105, 35, 7, 1}, {}, 210, 0},
      {{2, 3, 5, 7}, {0, 0, 0, 1}, {}, 7, 0},
      {{2, 3, 5, 7}, {15, 5, 1, 0}, {}, 30, 0},
      {{2, 3, 5, 7}, {0, 0, 0, 0}, {}, 1, 0},
      {{2, 3, 5, 7}, {105, 7, 21, 1}, {}, 210, 0},
      {{2, 3, 5, 7}, {1, 2, 6, 30}, {}, 210, 0},
      {{2, 3, 40, 70}, {8400, 2800, 1, 40}, {}, 16800, 0},
      {{1, 1, 100, 130}, {0, 0, 1, 100}, {}, 13000, 0},
      {{3, 2, 17, 5}, {170, 85, 1, 17}, {}, 510, 0},
      {{3, 2, 17, 5}, {85, 255, 1, 17}, {}, 510, 0},
      {{3, 2, 17, 9}, {153, 459, 1, 17}, {}, 918, 0},
      {{1, 5, 0, 7}, {0, 0, 7, 1}, {}, 0, 0},
      {{1, 1, 9, 0}, {0, 0, 1, 9}, {}, 0, 0},
  };
  for (const i64 n : sizes) {
    layouts.push_back({{1, 1, 1, n}, {0, 0, 0, 1}, {}, n, 0});
    layouts.push_back({{1, 1, 3, n}, {0, 0, 0, 1}, {}, n, 0});
    layouts.push_back({{1, 1, n, 3}, {0, 0, 1, 0}, {}, n, 0});
    layouts.push_back({{1, 1, 3, n}, {0, 0, 1, 3}, {}, 3 * n, 0});
  }
  for (const Layout& l : layouts)
    body(Call("expand")
             .out(l.d[0] * l.d[1] * l.d[2] * l.d[3])
             .in(wild(l.a_size))
             .integers(l.d)
             .integers(l.a));
}

template <class Body>
void for_plain_calls(std::span<const i64> sizes, Body&& body) {
  for (const i64 n : sizes) {
    body(Call("fill").out(n).integer(n).real(0.1));
    body(Call("fill_i32").out_i32(n).integer(n).integer(-5));
    body(Call("copy").out(n).in(wild(n)).integer(n));
    body(Call("add_into").inout(wild(n, 1)).in(wild(n, 2)).integer(n));
    Values bytes(static_cast<size_t>(n));
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = double(i * 37 % 256);
    body(Call("cast_u8").out(n).in_u8(bytes).integer(n).real(1.0 / 255));
    for (const i64 act : {0, 1, 2, 3})
      body(Call("act_d1").out(n).in(wild(n, 1)).in(wild(n, 2)).integer(n).integer(act));
    for (const i64 rows : {0, 1, 3, 70})
      body(Call("copy_rows")
               .inout(numbers(rows * (n + 3)))
               .in(wild(rows * (n + 1)))
               .integers({rows, n, n + 3, n + 1}));
  }
  body(Call("copy_rows").inout(numbers(600)).in(wild(600)).integers({20, 30, 30, 30}));
}

}  // namespace lat::test
