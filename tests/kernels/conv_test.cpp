// Convolutions of every instruction set against the plain loops, bit for bit.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "kernels/table.h"

namespace {

using namespace lat::kernels;

constexpr i64 kGuard = 64;

std::vector<Isa> fast_isas() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::v2, Isa::v3, Isa::v4, Isa::neon})
    if (has_isa(isa)) isas.push_back(isa);
  return isas;
}

enum class Values { unit, tiny, special };

template <class T>
std::vector<T> values(i64 n, u64 seed, Values kind) {
  std::vector<T> v(static_cast<size_t>(n));
  u64 s = seed * 0x9e3779b97f4a7c15u + 1;
  for (T& x : v) {
    s = s * 6364136223846793005u + 1442695040888963407u;
    const u64 w = s >> 33;
    x = T(double(w & 0xffffff) / 8388608.0 - 1.0);
    if (w % 13 == 0) x = T(-0.0);
    if (kind == Values::tiny) x *= sizeof(T) == 4 ? T(3e-21) : T(3e-160);  // products are subnormal
    if (kind == Values::special && (w >> 8) % 101 == 0)
      x = (w & 1) ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::quiet_NaN();
  }
  return v;
}

// An output between guards, filled with NaN or with given values.
template <class T>
struct Output {
  std::vector<T> all;

  explicit Output(i64 n) : all(size_t(n + 2 * kGuard), std::numeric_limits<T>::quiet_NaN()) {
    for (size_t i = 0; i < size_t(kGuard); ++i) all[i] = all[all.size() - 1 - i] = T(12345);
  }
  explicit Output(const std::vector<T>& v) : Output(i64(v.size())) {
    for (size_t i = 0; i < v.size(); ++i) all[size_t(kGuard) + i] = v[i];
  }
  T* data() { return all.data() + kGuard; }
  bool guards_intact() const {
    for (size_t i = 0; i < size_t(kGuard); ++i)
      if (all[i] != T(12345) || all[all.size() - 1 - i] != T(12345)) return false;
    return true;
  }
};

template <class T>
bool same_bits(const T* a, const T* b, i64 n) {
  for (i64 i = 0; i < n; ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    if (std::memcmp(a + i, b + i, sizeof(T)) != 0) return false;
  }
  return true;
}

// Runs every part of a call, last part first, in a workspace of exactly the planned size.
void run_parts(const Kernel& kernel, int dtype, const Arg* args, i64 count) {
  const i64 bytes = kernel.plan[dtype](args).workspace;
  std::vector<unsigned char> memory(size_t(bytes) + 128, 0xff);
  unsigned char* const base =
      memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64;
  for (i64 i = 0; i < bytes + 64; ++i) base[i] = i < bytes ? 0xff : 0x5a;
  for (i64 i = count; i-- > 0;) kernel.run[dtype](args, Part{i, count, base});
  for (i64 i = bytes; i < bytes + 64; ++i) REQUIRE(base[i] == 0x5a);
}

struct Layer {
  i64 B, H, W, C, K, R, S, stride, pad;
  i64 P_given = -1;  // the height of y where it is not the usual one

  i64 P() const { return P_given >= 0 ? P_given : (H + 2 * pad - R) / stride + 1; }
  i64 Q() const { return (W + 2 * pad - S) / stride + 1; }
  i64 x_size() const { return B * H * W * C; }
  i64 y_size() const { return B * P() * Q() * K; }
  i64 f_size() const { return R * S * C * K; }
};

enum class Pass { forward, data, filter, filter_into };

template <class T>
struct Inputs {
  std::vector<T> x, y, f, bias;
};

template <class T>
Inputs<T> inputs(const Layer& l, Values kind) {
  const u64 seed = u64(l.H * 31 + l.W * 7 + l.C * 3 + l.K);
  return {values<T>(l.x_size(), seed, kind), values<T>(l.y_size(), seed + 1, kind),
          values<T>(l.f_size(), seed + 2, kind), values<T>(l.C + l.K, seed + 3, kind)};
}

template <class T>
std::vector<Arg> arguments(const Layer& l, Pass pass, const Inputs<T>& in, bool bias, i64 act,
                           T* out) {
  std::vector<Arg> args;
  const auto pointer = [&](const T* p) {
    Arg arg;
    arg.p = const_cast<T*>(p);
    args.push_back(arg);
  };
  pointer(out);
  pointer(pass == Pass::data ? in.y.data() : in.x.data());
  const bool filter = pass == Pass::filter || pass == Pass::filter_into;
  pointer(filter ? in.y.data() : in.f.data());
  if (!filter) pointer(bias ? in.bias.data() : nullptr);
  const auto integer = [&](i64 i) {
    Arg arg;
    arg.i = i;
    args.push_back(arg);
  };
  for (const i64 i : {l.B, l.H, l.W, l.C, l.K, l.R, l.S, l.P(), l.Q(), l.stride, l.pad}) integer(i);
  if (!filter) integer(act);
  return args;
}

template <class T>
void check(const Layer& l, Pass pass, bool bias, i64 act, Values kind) {
  const int dtype = sizeof(T) == 8;
  const i32 row = i32(pass == Pass::forward  ? K::conv2d
                      : pass == Pass::data   ? K::conv2d_data
                      : pass == Pass::filter ? K::conv2d_filter
                                             : K::conv2d_filter_into);
  const Inputs<T> in = inputs<T>(l, kind);
  const i64 size = pass == Pass::forward ? l.y_size()
                   : pass == Pass::data  ? l.x_size()
                                         : l.f_size();
  const auto output = [&] {
    return pass == Pass::filter_into ? Output<T>(values<T>(size, 99, kind)) : Output<T>(size);
  };
  Output<T> truth = output();
  table(Isa::spec)[row].run[dtype](arguments(l, pass, in, bias, act, truth.data()).data(), Part{});
  CHECK(truth.guards_intact());
  for (const Isa isa : fast_isas()) {
    const Kernel& kernel = table(isa)[row];
    Output<T> planned = output();
    const auto planned_args = arguments(l, pass, in, bias, act, planned.data());
    const i64 parts = kernel.plan[dtype](planned_args.data()).parts;
    CHECK(parts >= 1);
    CHECK(parts <= 64);
    for (const i64 count : {parts, i64(1), i64(2), i64(3), i64(7)}) {
      Output<T> fast = output();
      run_parts(kernel, dtype, arguments(l, pass, in, bias, act, fast.data()).data(), count);
      const bool same = same_bits(truth.data(), fast.data(), size) && fast.guards_intact();
      CHECK_MESSAGE(same, "pass ", int(pass), " ", isa_name(isa), " B ", l.B, " H ", l.H, " W ",
                    l.W, " C ", l.C, " K ", l.K, " R ", l.R, " S ", l.S, " P ", l.P(), " Q ", l.Q(),
                    " stride ", l.stride, " pad ", l.pad, " parts ", count, " bias ", bias, " act ",
                    act, " dtype ", dtype);
    }
  }
}

template <class T>
void check_all(const Layer& l, i64 act, Values kind) {
  check<T>(l, Pass::forward, true, act, kind);
  check<T>(l, Pass::forward, false, 0, kind);
  check<T>(l, Pass::data, true, act, kind);
  check<T>(l, Pass::data, false, 0, kind);
  check<T>(l, Pass::filter, false, 0, kind);
  check<T>(l, Pass::filter_into, false, 0, kind);
}

TEST_CASE("conv: the layers of small image models") {
  check_all<float>({2, 16, 16, 1, 32, 4, 4, 2, 1}, 1, Values::unit);
  check_all<float>({2, 8, 8, 32, 32, 4, 4, 2, 1}, 1, Values::unit);
  check_all<float>({1, 8, 8, 3, 64, 3, 3, 1, 1}, 1, Values::unit);
  check_all<float>({2, 4, 4, 64, 48, 3, 3, 1, 1}, 0, Values::unit);
  check_all<float>({1, 6, 6, 16, 40, 1, 1, 1, 0}, 0, Values::unit);
  check_all<float>({3, 28, 28, 1, 8, 4, 4, 2, 1}, 2, Values::unit);
}

TEST_CASE("conv: sums longer than a chunk, cut inside a row of taps") {
  check_all<float>({1, 5, 5, 29, 18, 5, 5, 1, 2}, 3, Values::unit);
  check_all<float>({1, 4, 5, 192, 17, 2, 2, 1, 0}, 0, Values::unit);
  check_all<float>({1, 3, 3, 600, 5, 1, 1, 1, 0}, 0, Values::unit);
  check_all<float>({3, 14, 15, 2, 33, 3, 3, 1, 1}, 1, Values::unit);
  check_all<float>({2, 24, 24, 3, 4, 3, 3, 1, 1}, 1, Values::unit);
  check_all<float>({1, 4, 4, 3, 150, 4, 4, 2, 1}, 1, Values::unit);
}

TEST_CASE("conv: every small geometry") {
  u64 turn = 0;
  for (const i64 stride : {1, 2, 3})
    for (const i64 pad : {0, 1, 2})
      for (const i64 taps : {1, 2, 3, 4, 5})
        for (const i64 size : {1, 4, 7, 12}) {
          if (size + 2 * pad < taps) continue;
          const i64 C = i64(turn % 4) + 1 + (turn % 3 == 0 ? 13 : 0);
          const i64 K = i64(turn % 5) + 1 + (turn % 4 == 0 ? 30 : 0);
          const i64 width = size + i64(turn % 3);
          const Values kind = turn % 5 == 0   ? Values::tiny
                              : turn % 7 == 0 ? Values::special
                                              : Values::unit;
          check_all<float>({1 + i64(turn % 2), size, width, C, K, taps, taps, stride, pad},
                           i64(turn % 4), kind);
          ++turn;
        }
}

TEST_CASE("conv: taps that differ by axis, and outputs that stop early") {
  check_all<float>({2, 7, 9, 3, 5, 2, 4, 2, 1}, 1, Values::unit);
  check_all<float>({2, 7, 9, 3, 5, 4, 1, 2, 1}, 1, Values::unit);
  check_all<float>({1, 12, 20, 2, 6, 3, 5, 1, 2}, 0, Values::unit);
  check_all<float>({1, 9, 9, 2, 6, 3, 3, 2, 0, 2}, 0, Values::unit);
  check_all<float>({1, 3, 40, 1, 1, 3, 3, 1, 1}, 0, Values::unit);
  check_all<float>({1, 3, 70, 1, 2, 4, 4, 2, 1}, 0, Values::unit);
}

TEST_CASE("conv: empty sizes") {
  check_all<float>({0, 4, 4, 2, 3, 3, 3, 1, 1}, 1, Values::unit);
  check_all<float>({1, 4, 4, 0, 3, 3, 3, 1, 1}, 1, Values::unit);
  check_all<float>({1, 4, 4, 2, 0, 3, 3, 1, 1}, 1, Values::unit);
  check_all<float>({1, 4, 4, 2, 3, 3, 3, 1, 1, 0}, 1, Values::unit);
}

TEST_CASE("conv: an image alone has the bits it has in the batch") {
  const Layer l{5, 9, 9, 6, 19, 4, 4, 2, 1};
  const Inputs<float> in = inputs<float>(l, Values::unit);
  Layer single = l;
  single.B = 1;
  for (const Isa isa : fast_isas()) {
    Output<float> y(l.y_size()), dx(l.x_size());
    const Kernel* const rows = table(isa);
    run_parts(rows[i32(K::conv2d)], 0, arguments(l, Pass::forward, in, true, 1, y.data()).data(),
              2);
    run_parts(rows[i32(K::conv2d_data)], 0, arguments(l, Pass::data, in, true, 1, dx.data()).data(),
              2);
    for (i64 b = 0; b < l.B; ++b) {
      Inputs<float> one = in;
      one.x.assign(in.x.begin() + b * single.x_size(), in.x.begin() + (b + 1) * single.x_size());
      one.y.assign(in.y.begin() + b * single.y_size(), in.y.begin() + (b + 1) * single.y_size());
      Output<float> y_one(single.y_size()), dx_one(single.x_size());
      run_parts(rows[i32(K::conv2d)], 0,
                arguments(single, Pass::forward, one, true, 1, y_one.data()).data(), 1);
      run_parts(rows[i32(K::conv2d_data)], 0,
                arguments(single, Pass::data, one, true, 1, dx_one.data()).data(), 1);
      CHECK(same_bits(y_one.data(), y.data() + b * single.y_size(), single.y_size()));
      CHECK(same_bits(dx_one.data(), dx.data() + b * single.x_size(), single.x_size()));
    }
  }
}

TEST_CASE("conv: in double, the bits of the plain loops and the three passes are adjoint") {
  const Layer layers[] = {{2, 8, 8, 1, 9, 4, 4, 2, 1}, {2, 6, 7, 5, 4, 3, 3, 1, 1}};
  for (const Layer& l : layers) {
    check_all<double>(l, 2, Values::unit);
    // <conv(x, f), dy> = <x, data(dy, f)> = <f, filter(x, dy)>
    const Inputs<double> in = inputs<double>(l, Values::unit);
    for (const Isa isa : fast_isas()) {
      const Kernel* const rows = table(isa);
      Output<double> y(l.y_size()), dx(l.x_size()), df(l.f_size());
      run_parts(rows[i32(K::conv2d)], 1, arguments(l, Pass::forward, in, false, 0, y.data()).data(),
                1);
      run_parts(rows[i32(K::conv2d_data)], 1,
                arguments(l, Pass::data, in, false, 0, dx.data()).data(), 1);
      run_parts(rows[i32(K::conv2d_filter)], 1,
                arguments(l, Pass::filter, in, false, 0, df.data()).data(), 1);
      const auto dot = [](const double* a, const std::vector<double>& b) {
        long double sum = 0;
        for (size_t i = 0; i < b.size(); ++i)
          sum += static_cast<long double>(a[i]) * static_cast<long double>(b[i]);
        return sum;
      };
      const long double forward = dot(y.data(), in.y);
      // Every sum has at most 300 terms of size at most 1, and at most 4000 sums are added.
      const long double bound = 300.0L * 300.0L * 4000.0L * 0x1p-53L;
      CHECK(std::fabs(forward - dot(dx.data(), in.x)) <= bound);
      CHECK(std::fabs(forward - dot(df.data(), in.f)) <= bound);
    }
  }
}

}  // namespace
