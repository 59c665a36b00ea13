#pragma once
// One row of the case table says how an op is called and on what; check() derives every check from it.
//
// A row runs as the body of a Step whose differentiable inputs live in a Params, so that eager, replay, grad and
// backward all see the same program. Values travel as doubles: every float fits exactly.
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "engine/ops/ops.h"

namespace lat::test {

using Values = std::vector<double>;
using Tensors = std::vector<Tensor>;

// Where an input lives.
enum class Role {
  variable,  // a slot of a Params: gradients are checked
  constant,  // a Buffer, written anew before every call
  label,     // i32 in [from, to)
  bytes      // u8
};

struct Input {
  Shape shape;
  double from = -2, to = 2;     // sampled evenly
  std::vector<double> kinks{};  // no sample comes near
  // Not 0: samples stand near multiples of step, moved by shift. Two inputs with different shifts never meet.
  double step = 0, shift = 0;
  Role role = Role::variable;
  bool special = false;  // zeros of both signs, infinities, NaN, subnormals; only bits are compared
};

struct Case {
  std::string op;    // the name of ops.h
  std::string what;  // the size or attribute that makes this row another one
  std::vector<Input> inputs;
  std::function<Tensors(Rng, const Tensors&)> run;
  i64 terms = 1;            // longest sum in forward or backward, for the bound between f32 and f64
  bool gradient = true;     // has one
  bool second = true;       // has a second one
  double tolerance = 1e-7;  // of gradients against differences, relative to 1 + |gradient|
};

// The whole table: tests/ops/cases.cpp puts it together.
const std::vector<Case>& cases();

struct Verdict {
  std::set<std::string> passed;       // names of checks
  std::vector<std::string> failures;  // sentences
  double worst = 0;                   // largest error of a gradient, in units of 1 + |gradient|
  std::set<std::string> reached;      // ops met on the tape and in programs
};

Verdict check(const Case& row);

// Microseconds of one replayed forward and backward in f32, the fastest of several.
double microseconds(const Case& row);

// The same bits, NaN for NaN.
bool same_bits(const Values& a, const Values& b);

// Numbers in [0, 1) that depend on a seed alone.
class Numbers {
 public:
  explicit Numbers(u64 seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}
  double next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(state_ >> 40) * 0x1p-24;
  }
  double between(double from, double to) { return from + (to - from) * next(); }
  Values values(i64 n, double from, double to);

 private:
  u64 state_;
};

// (f(x + h v) - f(x - h v)) / 2h, of fourth order: x and v are flat, f is a function of x.
double slope(const std::function<double(const Values&)>& f, const Values& x, const Values& v,
             double h = 1e-3);

// The instruction sets of this machine, the specification first.
std::vector<kernels::Isa> all_isas();

}  // namespace lat::test
