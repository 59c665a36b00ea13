// Matrix products of every instruction set against the plain loops, bit for bit.
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

// What inputs look like.
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

struct Shape {
  i64 batch, m, n, k, flags;
};

std::string describe(const Shape& s, Isa isa, i64 count, const char* kernel) {
  return std::string(kernel) + " " + isa_name(isa) + " batch " + std::to_string(s.batch) + " m " +
         std::to_string(s.m) + " n " + std::to_string(s.n) + " k " + std::to_string(s.k) +
         " flags " + std::to_string(s.flags) + " parts " + std::to_string(count);
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

enum class Form { plain, into, linear };

template <class T>
struct Inputs {
  std::vector<T> a, b, bias, c;
};

template <class T>
std::vector<Arg> arguments(const Shape& s, Form form, const Inputs<T>& in, bool bias, i64 act,
                           T* c) {
  std::vector<Arg> args;
  const auto pointer = [&](const T* p) {
    Arg arg;
    arg.p = const_cast<T*>(p);
    args.push_back(arg);
  };
  const auto integer = [&](i64 i) {
    Arg arg;
    arg.i = i;
    args.push_back(arg);
  };
  pointer(c);
  pointer(in.a.data());
  pointer(in.b.data());
  if (form == Form::linear) pointer(bias ? in.bias.data() : nullptr);
  for (const i64 i : {s.batch, s.m, s.n, s.k, s.flags}) integer(i);
  if (form == Form::linear) integer(act);
  return args;
}

template <class T>
Inputs<T> inputs(const Shape& s, Values kind) {
  const i64 a = (s.flags & 4 ? 1 : s.batch) * s.m * s.k,
            b = (s.flags & 8 ? 1 : s.batch) * s.k * s.n;
  const u64 seed = u64(s.m * 31 + s.n * 7 + s.k * 3 + s.flags);
  return {values<T>(a, seed, kind), values<T>(b, seed + 1, kind),
          values<T>(s.batch * s.n + s.n, seed + 2, kind),
          values<T>(s.batch * s.m * s.n, seed + 3, kind)};
}

const char* name_of(Form form) {
  return form == Form::plain ? "matmul" : form == Form::into ? "matmul_into" : "linear_act";
}

template <class T>
void check(const Shape& s, Form form, bool bias, i64 act, Values kind) {
  const int dtype = sizeof(T) == 8;
  const i32 row = i32(form == Form::plain  ? K::matmul
                      : form == Form::into ? K::matmul_into
                                           : K::linear_act);
  const Inputs<T> in = inputs<T>(s, kind);
  const i64 size = s.batch * s.m * s.n;
  const auto output = [&] { return form == Form::into ? Output<T>(in.c) : Output<T>(size); };
  Output<T> truth = output();
  table(Isa::spec)[row].run[dtype](arguments(s, form, in, bias, act, truth.data()).data(), Part{});
  CHECK(truth.guards_intact());
  for (const Isa isa : fast_isas()) {
    const Kernel& kernel = table(isa)[row];
    Output<T> planned = output();
    const auto planned_args = arguments(s, form, in, bias, act, planned.data());
    const i64 parts = kernel.plan[dtype](planned_args.data()).parts;
    CHECK(parts >= 1);
    CHECK(parts <= 64);
    for (const i64 count : {parts, i64(1), i64(2), i64(3), i64(7)}) {
      Output<T> fast = output();
      run_parts(kernel, dtype, arguments(s, form, in, bias, act, fast.data()).data(), count);
      const bool same = same_bits(truth.data(), fast.data(), size) && fast.guards_intact();
      CHECK_MESSAGE(same, describe(s, isa, count, name_of(form)), " bias ", bias, " act ", act,
                    " dtype ", dtype);
    }
  }
}

TEST_CASE("matmul: every instruction set has the bits of the plain loops") {
  const i64 sizes[] = {0, 1, 2, 3, 5, 7, 13, 31, 32, 33, 65};
  const i64 depths[] = {0, 1, 2, 3, 17, 64, 127};
  u64 turn = 0;
  for (const i64 m : sizes)
    for (const i64 n : sizes)
      for (const i64 k : depths) {
        if (m * n * k > 65 * 33 * 64) continue;
        const i64 flags = i64(turn % 4);
        const Values kind = turn % 5 == 0   ? Values::tiny
                            : turn % 7 == 0 ? Values::special
                                            : Values::unit;
        const Form form = Form(turn / 4 % 3);
        check<float>({1, m, n, k, flags}, form, turn % 2 == 0, i64(turn / 12 % 4), kind);
        ++turn;
      }
}

TEST_CASE("matmul: long sums, at and around the chunk") {
  for (const i64 k : {511, 512, 513, 1024, 1025, 1537})
    for (const i64 flags : {0, 1, 2, 3}) {
      check<float>({1, 15, 34, k, flags}, Form::plain, false, 0, Values::unit);
      check<float>({1, 15, 18, k, flags}, Form::into, false, 0, Values::unit);
      check<float>({1, 3, 33, k, flags}, Form::linear, true, 2, Values::unit);
      check<float>({1, 17, 3, k, flags}, Form::linear, true, 3, Values::unit);
      check<float>({1, 1, 19, k, flags}, Form::linear, true, 1, Values::tiny);
      check<float>({1, 19, 1, k, flags}, Form::into, false, 0, Values::tiny);
    }
}

TEST_CASE("matmul: shapes with one, ten and twenty columns, and calls worth several parts") {
  for (const i64 n : {1, 2, 4, 10, 20})
    for (const i64 flags : {0, 1, 2, 3}) {
      check<float>({1, 130, n, 256, flags}, Form::linear, true, 1, Values::unit);
      check<float>({1, n, 130, 256, flags}, Form::linear, true, 1, Values::unit);
    }
  for (const i64 flags : {0, 1, 2, 3}) {
    check<float>({1, 61, 300, 200, flags}, Form::plain, false, 0, Values::unit);
    check<float>({1, 300, 61, 200, flags}, Form::into, false, 0, Values::unit);
  }
}

TEST_CASE("matmul: batches, with either operand shared") {
  for (i64 flags = 0; flags < 16; ++flags)
    for (const i64 batch : {0, 1, 3, 9}) {
      check<float>({batch, 5, 7, 11, flags}, Form::plain, false, 0, Values::unit);
      check<float>({batch, 7, 3, 33, flags}, Form::into, false, 0, Values::unit);
      check<float>({batch, 1, 20, 17, flags}, Form::linear, true, i64(flags % 4), Values::unit);
      check<float>({batch, 33, 1, 19, flags}, Form::linear, true, i64(flags % 4), Values::unit);
    }
}

TEST_CASE("matmul: every activation, with and without bias") {
  for (i64 act = 0; act < 4; ++act)
    for (const bool bias : {false, true})
      for (const i64 n : {1, 15, 16, 40})
        check<float>({1, 9, n, 21, 0}, Form::linear, bias, act, Values::unit);
}

TEST_CASE("matmul: a row alone has the bits it has in the batch") {
  const Shape s{1, 29, 37, 700, 0};
  const Inputs<float> in = inputs<float>(s, Values::unit);
  for (const Isa isa : fast_isas()) {
    const Kernel& kernel = table(isa)[i32(K::matmul)];
    Output<float> all(s.m * s.n);
    run_parts(kernel, 0, arguments(s, Form::plain, in, false, 0, all.data()).data(), 1);
    for (i64 i = 0; i < s.m; ++i) {
      Inputs<float> one = in;
      one.a.assign(in.a.begin() + i * s.k, in.a.begin() + (i + 1) * s.k);
      Output<float> alone(s.n);
      const Shape single{1, 1, s.n, s.k, 0};
      run_parts(kernel, 0, arguments(single, Form::plain, one, false, 0, alone.data()).data(), 1);
      CHECK(same_bits(alone.data(), all.data() + i * s.n, s.n));
    }
  }
}

TEST_CASE("matmul: in double, against sums in long double") {
  for (const i64 flags : {0, 1, 2, 3})
    for (const i64 k : {1, 31, 600}) {
      const Shape s{1, 13, 21, k, flags};
      check<double>(s, Form::plain, false, 0, Values::unit);
      check<double>(s, Form::into, false, 0, Values::tiny);
      check<double>(s, Form::linear, true, 1, Values::unit);
      check<double>({1, 21, 1, k, flags}, Form::linear, true, 3, Values::unit);
      const Inputs<double> in = inputs<double>(s, Values::unit);
      for (const Isa isa : fast_isas()) {
        Output<double> c(s.m * s.n);
        run_parts(table(isa)[i32(K::matmul)], 1,
                  arguments(s, Form::plain, in, false, 0, c.data()).data(), 1);
        for (i64 i = 0; i < s.m; ++i)
          for (i64 j = 0; j < s.n; ++j) {
            long double sum = 0, size = 0;
            for (i64 l = 0; l < k; ++l) {
              const long double t =
                  static_cast<long double>(in.a[size_t(flags & 1 ? l * s.m + i : i * k + l)]) *
                  static_cast<long double>(in.b[size_t(flags & 2 ? j * k + l : l * s.n + j)]);
              sum += t;
              size += std::fabs(t);
            }
            // A chain of n correctly rounded steps errs by at most about n u sum|a b|, u = 2^-53.
            const long double bound = static_cast<long double>(k + 8) * 0x1.01p-53L * size;
            CHECK(std::fabs(static_cast<long double>(c.data()[i * s.n + j]) - sum) <= bound);
          }
      }
    }
}

}  // namespace
