#pragma once
// A kernel call described once, run on any instruction set, in any number of parts, in float or
// double; and the check that all of them agree with the specification.
//
// Values travel as doubles: every float, i32 and u8, and the small u64 of a clock, fit exactly.
// Outputs start as NaN, and every buffer lies between guard bands that must survive; so does the
// workspace, which has exactly the planned size.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/devices.h"
#include "kernels/table.h"

namespace lat::test {

using namespace lat::kernels;
using Values = std::vector<double>;

constexpr int kFloat = 0, kDouble = 1;

inline std::vector<Isa> fast_isas() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::v2, Isa::v3, Isa::v4, Isa::neon})
    if (has_isa(isa)) isas.push_back(isa);
  return isas;
}

// NaN for NaN.
inline bool same_bits(double a, double b) {
  return std::isnan(a) ? std::isnan(b) : std::bit_cast<u64>(a) == std::bit_cast<u64>(b);
}
inline bool same_bits(const Values& a, const Values& b) {
  return std::ranges::equal(a, b, [](double x, double y) { return same_bits(x, y); });
}

// All that tell a double from its neighbours.
inline std::string digits(double x) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.17g", x);
  return text;
}

class Call {
 public:
  explicit Call(std::string name) : name_(std::move(name)) {}

  // Arguments in order. The working type, unless another is named.
  Call& in(Values v) { return add({'T', 'r', std::move(v), {}}); }
  Call& out(i64 n) { return add({'T', 'w', Values(size_t(n), NAN), {}}); }
  Call& inout(Values v) { return add({'T', 'a', std::move(v), {}}); }
  Call& in_i32(Values v) { return add({'i', 'r', std::move(v), {}}); }
  Call& out_i32(i64 n) { return add({'i', 'w', Values(size_t(n), -77), {}}); }
  Call& inout_i32(Values v) { return add({'i', 'a', std::move(v), {}}); }
  Call& in_u8(Values v) { return add({'b', 'r', std::move(v), {}}); }
  Call& in_u64(Values v) { return add({'u', 'r', std::move(v), {}}); }
  Call& inout_u64(Values v) { return add({'u', 'a', std::move(v), {}}); }
  Call& in_double(Values v) { return add({'d', 'r', std::move(v), {}}); }
  Call& inout_double(Values v) { return add({'d', 'a', std::move(v), {}}); }
  Call& null(char role) { return add({'0', role, {}, {}}); }
  Call& integer(i64 i) {
    Arg a{};
    a.i = i;
    return add({'-', 'i', {}, a});
  }
  Call& real(double r) {
    Arg a{};
    a.r = r;
    return add({'-', 'd', {}, a});
  }
  Call& integers(std::vector<i64> list) {
    for (const i64 i : list) integer(i);
    return *this;
  }

  // The written buffers after the call; parts = 0: as planned. Parts run last to first.
  std::vector<Values> run(Isa isa, int dtype, i64 parts = 0) const {
    return run(kernel_of(isa), dtype, parts);
  }
  // The same by a kernel that stands in no table.
  std::vector<Values> run(const Kernel& kernel, int dtype, i64 parts = 0) const {
    auto [memory, args] = laid_out(dtype);
    const Plan plan = kernel.plan[dtype](args.data());
    REQUIRE(plan.parts >= 1);
    REQUIRE(plan.parts <= 64);
    const i64 count = parts > 0 ? parts : plan.parts;
    const Workspace workspace(plan.workspace);
    for (i64 k = count - 1; k >= 0; --k) kernel.run[dtype](args.data(), {k, count, workspace.base});
    REQUIRE_MESSAGE(workspace.guard_intact(), name_);

    std::vector<Values> written;
    for (size_t k = 0; k < parameters_.size(); ++k) {
      const Parameter& p = parameters_[k];
      if (p.type == '-' || p.type == '0') continue;
      const size_t edge = kGuard * size_of(p, dtype), n = memory[k].size();
      const std::vector<unsigned char> before = pack(p, dtype);
      REQUIRE_MESSAGE(std::memcmp(memory[k].data(), before.data(), edge) == 0, name_);
      REQUIRE_MESSAGE(std::memcmp(memory[k].data() + n - edge, &before[n - edge], edge) == 0,
                      name_);
      if (p.role == 'r')
        REQUIRE_MESSAGE(memory[k] == before, name_);
      else
        written.push_back(unpack(p, dtype, memory[k]));
    }
    return written;
  }

  // The same on a device, where every buffer and the scratch memory are allocations of exactly
  // their size; but parameter `over`, if one is named, lies in the memory of parameter `under`.
  std::vector<Values> run(gpu::Device& device, const DeviceKernel* table, int dtype, i64 over = -1,
                          i64 under = -1) const {
    const DeviceKernel& kernel = table[row()];
    REQUIRE_MESSAGE(std::string(kernel.name) == name_, name_);
    REQUIRE_MESSAGE(bool(kernel.run[dtype]), name_);
    return run(device, kernel, dtype, over, under);
  }
  // The same by a kernel that stands in no table.
  std::vector<Values> run(gpu::Device& device, const DeviceKernel& kernel, int dtype, i64 over = -1,
                          i64 under = -1) const {
    Memory laid = laid_out(dtype);
    auto& memory = laid.bytes;
    auto& args = laid.args;
    const std::unique_ptr<gpu::Stream> stream = device.stream();
    const auto for_buffers = [&, this](auto&& body) {
      for (size_t k = 0; k < parameters_.size(); ++k) {
        const Parameter& p = parameters_[k];
        const size_t size = size_of(p, dtype);
        if (p.type != '-' && p.type != '0')
          body(k, memory[k].data() + kGuard * size, p.values.size() * size);
      }
    };
    std::vector<void*> allocated;
    const auto allocate = [&](size_t bytes) {
      return allocated.emplace_back(device.allocate(bytes));
    };
    for_buffers([&](size_t k, unsigned char* host, size_t bytes) {
      args[k].p = allocate(bytes);
      stream->copy(args[k].p, host, bytes);
    });
    if (over >= 0) args[size_t(over)].p = args[size_t(under)].p;
    if (kernel.scratch[dtype])
      stream->scratch = allocate(size_t(kernel.scratch[dtype](args.data())));
    kernel.run[dtype](args.data(), *stream);
    for_buffers(
        [&](size_t k, unsigned char* host, size_t bytes) { stream->copy(host, args[k].p, bytes); });
    stream->synchronize();
    for (void* const p : allocated) device.release(p);

    std::vector<Values> written;
    for (size_t k = 0; k < parameters_.size(); ++k) {
      const Parameter& p = parameters_[k];
      if (p.type == '-' || p.type == '0' || i64(k) == under) continue;
      if (p.role == 'r')
        REQUIRE_MESSAGE(memory[k] == pack(p, dtype), name_);
      else
        written.push_back(unpack(p, dtype, memory[k]));
    }
    return written;
  }

  // On a device the specification's values too, in place where the plan allows it.
  void check(gpu::Device& device, const DeviceKernel* table, int dtype,
             double tolerance = 0) const {
#ifdef LAT_FLOAT_ONLY
    if (dtype == kDouble) return;
#endif
    const std::vector<Values> want = run(Isa::spec, dtype);
    check_close(want, run(device, table, dtype), "device", dtype, tolerance);
    if (dtype == kFloat)
      for_overlays(kernel_of(Isa::spec), dtype, [&](i64 over, i64 under) {
        check_close(want, run(device, table, dtype, over, under), "device, in place", dtype,
                    tolerance);
      });
  }

  // A kernel that stands in no table gives the values `want`, in float.
  void check(gpu::Device& device, const DeviceKernel& kernel,
             const std::vector<Values>& want) const {
    check_close(want, run(device, kernel, kFloat), kernel.name, kFloat, 0);
  }

  // Every instruction set and part count gives the specification's values: bit for bit, NaN for NaN,
  // or to within a relative tolerance.
  void check(int dtype, double tolerance = 0) const {
    const std::vector<Values> want = run(Isa::spec, dtype);
    for (const Isa isa : fast_isas()) check(kernel_of(isa), want, isa_name(isa), dtype, tolerance);
  }
  // `kernel`, called `who` in messages, gives the values `want` in any number of parts.
  void check(const Kernel& kernel, const std::vector<Values>& want, const std::string& who,
             int dtype, double tolerance = 0) const {
    for (const i64 parts : {0, 1, 2, 3, 7})
      check_close(want, run(kernel, dtype, parts), who + ", " + std::to_string(parts) + " parts",
                  dtype, tolerance);
  }

  // In float bit for bit, in double nearly.
  void check_everywhere() const {
    check(kFloat);
    check(kDouble, 1e-12);
    for (const int dtype : {kFloat, kDouble})
      for (const Isa isa : fast_isas()) check_elements(isa, dtype);
  }

  // What share_elements promises of a call, if it is one: a part reads and writes its own elements alone, and a result
  // may be written over an input.
  void check_elements(Isa isa, int dtype) const {
    const Kernel& kernel = kernel_of(isa);
    const i64 n = kernel.plan[dtype](laid_out(dtype).args.data()).elements;
    if (n == 0) return;
    CAPTURE(name_);
    const auto by_element = [&](const Parameter& p) { return is_by_element(p, n); };
    Memory whole = laid_out(dtype);
    kernel.run[dtype](whole.args.data(), {0, 1, nullptr});

    constexpr i64 kParts = 3, kUnit = 64;
    const i64 units = ceil_div(n, kUnit);
    for (i64 part = 0; part < kParts; ++part) {
      const i64 begin = min_of(n, units * part / kParts * kUnit);
      const i64 end = min_of(n, units * (part + 1) / kParts * kUnit);
      Memory one = laid_out(dtype);
      std::vector<Values> before;
      for (size_t k = 0; k < parameters_.size(); ++k) {
        const Parameter& p = parameters_[k];
        const size_t size = size_of(p, dtype);
        if (by_element(p)) {
          unsigned char* const from = one.bytes[k].data() + kGuard * size;
          std::memset(from, 0xff, size_t(begin) * size);
          std::memset(from + size_t(end) * size, 0xff, size_t(n - end) * size);
        }
        before.push_back(unpack(p, dtype, one.bytes[k]));
      }
      kernel.run[dtype](one.args.data(), {part, kParts, nullptr});
      for (size_t k = 0; k < parameters_.size(); ++k) {
        if (!by_element(parameters_[k])) continue;
        const Values got = unpack(parameters_[k], dtype, one.bytes[k]);
        Values want = unpack(parameters_[k], dtype, whole.bytes[k]);
        for (i64 i = 0; i < n; ++i)
          if (i < begin || i >= end) want[size_t(i)] = before[k][size_t(i)];
        check_same(want, got);
      }
    }

    for_overlays(kernel, dtype, [&](i64 w, i64 r) {
      Memory over = laid_out(dtype);
      over.args[size_t(w)] = over.args[size_t(r)];
      kernel.run[dtype](over.args.data(), {0, 1, nullptr});
      check_same(unpack(parameters_[size_t(w)], dtype, whole.bytes[size_t(w)]),
                 unpack(parameters_[size_t(r)], dtype, over.bytes[size_t(r)]));
    });
  }

 private:
  struct Parameter {
    char type;  // T working type, i i32, b u8, u u64, d double, 0 null pointer, - a number
    char role;
    Values values;
    Arg scalar;
  };
  static constexpr size_t kGuard = 67;  // elements; odd, so that vectors are not aligned

  // NaN wherever nothing was written yet, aligned to 64 bytes, with a guard behind.
  struct Workspace {
    static constexpr size_t kAlign = 64;
    size_t size;
    std::vector<unsigned char> memory;
    unsigned char* base;

    explicit Workspace(i64 bytes) : size(size_t(bytes)), memory(size + 2 * kAlign, 0xFF) {
      base =
          memory.data() + (kAlign - reinterpret_cast<uintptr_t>(memory.data()) % kAlign) % kAlign;
      std::memset(base + size, 0x5A, kAlign);
    }
    bool guard_intact() const {
      return std::all_of(base + size, base + size + kAlign, [](u8 c) { return c == 0x5A; });
    }
  };
  // Every parameter with its guard bands, and the arguments that point between them.
  struct Memory {
    std::vector<std::vector<unsigned char>> bytes;
    std::vector<Arg> args;
  };
  Memory laid_out(int dtype) const {
    Memory m;
    for (const Parameter& p : parameters_) {
      m.bytes.push_back(pack(p, dtype));
      Arg a = p.scalar;
      if (p.type == '0') a.p = nullptr;
      if (p.type != '-' && p.type != '0') a.p = m.bytes.back().data() + kGuard * size_of(p, dtype);
      m.args.push_back(a);
    }
    return m;
  }
  i32 row() const {
    const i32 row = find_kernel(name_.c_str());
    REQUIRE_MESSAGE(row >= 0, name_);
    REQUIRE_MESSAGE(std::string(table(Isa::spec)[row].roles) == roles(), name_);
    return row;
  }
  const Kernel& kernel_of(Isa isa) const { return table(isa)[row()]; }
  static bool is_by_element(const Parameter& p, i64 n) {
    return p.type == 'T' && i64(p.values.size()) == n;
  }
  // body(over, under): a parameter that is written, and one that is read and may share its memory.
  template <class Body>
  void for_overlays(const Kernel& kernel, int dtype, Body&& body) const {
    const i64 n = kernel.plan[dtype](laid_out(dtype).args.data()).elements;
    for (size_t w = 0; w < parameters_.size() && n > 0; ++w)
      for (size_t r = 0; r < parameters_.size(); ++r) {
        const Parameter &over = parameters_[w], &under = parameters_[r];
        if (over.role == 'w' && under.role == 'r' && is_by_element(over, n) &&
            is_by_element(under, n))
          body(i64(w), i64(r));
      }
  }
  void check_close(const std::vector<Values>& want, const std::vector<Values>& got,
                   const std::string& how, int dtype, double tolerance) const {
    REQUIRE(got.size() == want.size());
    for (size_t b = 0; b < want.size(); ++b) {
      REQUIRE(got[b].size() == want[b].size());
      for (size_t i = 0; i < want[b].size(); ++i)
        if (!agree(want[b][i], got[b][i], tolerance))
          FAIL(text(), ", ", how, ", dtype ", dtype, ": output ", b, "[", i, "] of ",
               want[b].size(), " is ", digits(got[b][i]), ", not ", digits(want[b][i]));
    }
  }
  static void check_same(const Values& want, const Values& got) {
    for (size_t i = 0; i < want.size(); ++i)
      if (!agree(want[i], got[i], 0)) {
        CAPTURE(i);
        REQUIRE(want[i] == got[i]);
      }
  }

  Call& add(Parameter p) {
    parameters_.push_back(std::move(p));
    return *this;
  }
  std::string roles() const {
    std::string s;
    for (const Parameter& p : parameters_) {
      const bool other = p.type == 'i' || p.type == 'b' || p.type == 'u' || p.type == 'd';
      s += other ? char(p.role - 'a' + 'A') : p.role;
    }
    return s;
  }
  // The name and the numbers among the arguments.
  std::string text() const {
    std::ostringstream text;
    text << name_;
    for (const Parameter& p : parameters_)
      if (p.type == '-' && p.role == 'i')
        text << ' ' << p.scalar.i;
      else if (p.type == '-')
        text << ' ' << p.scalar.r;
    return text.str();
  }
  static size_t size_of(const Parameter& p, int dtype) {
    switch (p.type) {
      case 'b':
        return 1;
      case 'i':
        return 4;
      case 'T':
        return dtype == kFloat ? 4 : 8;
      default:
        return 8;
    }
  }
  template <class E>
  static void put(unsigned char* at, double value) {
    const E e = E(value);
    std::memcpy(at, &e, sizeof(e));
  }
  template <class E>
  static double get(const unsigned char* at) {
    E e;
    std::memcpy(&e, at, sizeof(e));
    return double(e);
  }
  static std::vector<unsigned char> pack(const Parameter& p, int dtype) {
    const size_t size = size_of(p, dtype);
    std::vector<unsigned char> m((p.values.size() + 2 * kGuard) * size, 0xA5);
    for (size_t i = 0; i < p.values.size(); ++i) {
      unsigned char* at = m.data() + (kGuard + i) * size;
      const double value = p.values[i];
      if (p.type == 'b') put<u8>(at, value);
      if (p.type == 'i') put<i32>(at, value);
      if (p.type == 'u') put<u64>(at, value);
      if (p.type == 'd' || (p.type == 'T' && dtype == kDouble)) put<double>(at, value);
      if (p.type == 'T' && dtype == kFloat) put<float>(at, value);
    }
    return m;
  }
  static Values unpack(const Parameter& p, int dtype, const std::vector<unsigned char>& m) {
    const size_t size = size_of(p, dtype);
    Values v(p.values.size());
    for (size_t i = 0; i < v.size(); ++i) {
      const unsigned char* at = m.data() + (kGuard + i) * size;
      if (p.type == 'i') v[i] = get<i32>(at);
      if (p.type == 'u') v[i] = get<u64>(at);
      if (p.type == 'd' || (p.type == 'T' && dtype == kDouble)) v[i] = get<double>(at);
      if (p.type == 'T' && dtype == kFloat) v[i] = get<float>(at);
    }
    return v;
  }
  static bool agree(double a, double b, double tolerance) {
    if (same_bits(a, b)) return true;
    return tolerance > 0 && std::isfinite(a) && std::fabs(a - b) <= tolerance * std::fabs(a);
  }

  std::string name_;
  std::vector<Parameter> parameters_;
};

// ---- numbers ------------------------------------------------------------------------------------

// SplitMix64 (Steele, Lea, Flood 2014): not the generator under test.
struct Rng {
  u64 state;
  u64 next() {
    u64 z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  double uniform(double lo, double hi) { return lo + (hi - lo) * double(next() >> 11) * 0x1p-53; }
};

// Floats between lo and hi.
inline Values numbers(i64 n, double lo = -3, double hi = 3, u64 seed = 1) {
  Rng rng{seed};
  Values v(static_cast<size_t>(n));
  for (double& x : v) x = double(float(rng.uniform(lo, hi)));
  return v;
}

// The same with a special value in about one place of five.
inline Values wild(i64 n, u64 seed = 1) {
  const double infinity = std::numeric_limits<double>::infinity();
  const double special[] = {
      0.0,      -0.0,        infinity, -infinity,      NAN,      0x1p-149, -0x1p-149,
      0x1p-127, -0x1.8p-130, 0x1p-126, 0x1.fffffep127, -0x1p127, 1,        -1,
      88.8,     -88.8,       -103.5,   16777217,       -0x1p-24, 0x1p-24,  1e-3};
  constexpr u64 count = sizeof(special) / sizeof(special[0]);
  Values v = numbers(n, -6, 6, seed);
  Rng rng{seed ^ 0x5eed};
  for (double& x : v)
    if (rng.next() % 5 == 0) x = double(float(special[rng.next() % count]));
  return v;
}

// Factors of products, between -1 and 1 with some -0: as they are; so small that products are
// subnormal, in float or in double; or with an infinity or a NaN in about one place of a hundred.
enum class Factors { unit, tiny, tiny_in_double, special };

inline Values factors(i64 n, u64 seed, Factors kind) {
  Rng rng{seed};
  Values v(static_cast<size_t>(n));
  for (double& x : v) {
    const u64 w = rng.next();
    x = double(w & 0xFFFFFF) * 0x1p-23 - 1;
    if (w % 13 == 0) x = -0.0;
    if (kind == Factors::tiny) x = double(float(x * 3e-21));
    if (kind == Factors::tiny_in_double) x *= 3e-160;
    if (kind == Factors::special && (w >> 24) % 101 == 0) x = w & 1 ? INFINITY : NAN;
  }
  return v;
}

constexpr i64 kSizes[] = {0, 1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 127, 1000, 4095, 4097, 10007};

}  // namespace lat::test
