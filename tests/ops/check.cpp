// The checks that a row of the case table gives.
#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/tape/step.h"
#include "tests/harness/cases.h"
#include "tests/harness/devices.h"

namespace lat::test {

bool same_bits(const Values& a, const Values& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) {
    return std::bit_cast<u64>(x) == std::bit_cast<u64>(y) || (std::isnan(x) && std::isnan(y));
  });
}

Values Numbers::values(i64 n, double from, double to) {
  Values v(static_cast<size_t>(n));
  for (double& x : v) x = static_cast<float>(between(from, to));
  return v;
}

double slope(const std::function<double(const Values&)>& f, const Values& x, const Values& v,
             double h) {
  const auto at = [&](double t) {
    Values moved = x;
    for (size_t i = 0; i < x.size(); ++i) moved[i] += t * v[i];
    return f(moved);
  };
  return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
}

std::vector<kernels::Isa> all_isas() {
  using kernels::Isa;
  std::vector<Isa> isas{Isa::spec};
  for (const Isa isa : {Isa::v2, Isa::v3, Isa::v4, Isa::neon})
    if (kernels::has_isa(isa)) isas.push_back(isa);
  return isas;
}

namespace {

// What one call of the row computes; the key of its Step.
enum What : i64 { kForward, kGrad, kBackward, kSecondGrad, kSecondBackward };
constexpr const char* kWhat[] = {"forward", "grad", "backward", "second grad", "second backward"};

double sample(const Input& in, Numbers& numbers, size_t i) {
  constexpr double kSpecial[] = {0.0,    -0.0, INFINITY, -INFINITY, NAN,  1e-40,
                                 -1e-40, 3e38, -3e38,    1.0,       -1.0, 87.5};
  if (in.special) return static_cast<float>(kSpecial[(i * 7 + i / 12) % std::size(kSpecial)]);
  while (true) {
    double v = numbers.between(in.from, in.to);
    if (in.role == Role::label || in.role == Role::bytes) return std::floor(v);
    if (in.step > 0)
      v = in.step * (std::round(v / in.step) + numbers.between(-0.1, 0.1)) + in.shift;
    const auto near = [&](double kink) { return std::abs(v - kink) < 0.05; };
    if (std::none_of(in.kinks.begin(), in.kinks.end(), near)) return static_cast<float>(v);
  }
}

double dot(const Values& a, const Values& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// sum_i <a_i, b_i>, recorded: ()
Tensor inner(const Tensors& a, const Tensors& b) {
  Tensor total;
  for (size_t i = 0; i < a.size(); ++i) {
    const Tensor s = sum(a[i] * b[i]);
    total = total ? total + s : s;
  }
  return total;
}

// A row in a context of its own.
class Rig {
 public:
  Rig(const Case& row, const Context::Options& options)
      : row_(row), ctx_(options), step_(ctx_, row.op, [this](Key key) { return body(key); }) {
    Numbers numbers(std::hash<std::string>{}(row.op + row.what) % 1000 + 1);
    for (size_t k = 0; k < row.inputs.size(); ++k) {
      const Input& in = row.inputs[k];
      Values v(static_cast<size_t>(in.shape.size()));
      for (size_t i = 0; i < v.size(); ++i) v[i] = sample(in, numbers, i);
      start_.push_back(std::move(v));
      buffers_.emplace_back();
      slots_.emplace_back();
      if (in.role == Role::variable)
        slots_.back() = params_.add("x" + std::to_string(k), in.shape, {});
      else
        buffers_.back() = Buffer(ctx_, in.shape,
                                 in.role == Role::label   ? DType::i32
                                 : in.role == Role::bytes ? DType::u8
                                                          : ctx_.real());
    }
    params_.materialise(ctx_);
    for (size_t k = 0; k < slots_.size(); ++k)
      if (slots_[k].index >= 0) weights_.push_back(keep(row.inputs[k].shape, 900 + k));
  }

  // The values of the variables, flat.
  Values variables() const {
    Values x;
    for (size_t k = 0; k < slots_.size(); ++k)
      if (slots_[k].index >= 0) x.insert(x.end(), start_[k].begin(), start_[k].end());
    return x;
  }
  void set_variables(const Values& x) {
    auto from = x.begin();
    for (size_t k = 0; k < slots_.size(); ++k)
      if (slots_[k].index >= 0) {
        std::copy(from, from + static_cast<i64>(start_[k].size()), start_[k].begin());
        from += static_cast<i64>(start_[k].size());
      }
  }

  // The outputs, or the gradients with respect to the variables, one after the other.
  Values operator()(What what) {
    Values all;
    for (const Values& v : parts(what)) all.insert(all.end(), v.begin(), v.end());
    return all;
  }
  std::vector<Values> parts(What what) {
    prepare();
    std::vector<Values> out;
    for (const Tensor& t : step_(Key{what})) out.push_back(to_host(t));
    if (what == kBackward || what == kSecondBackward)
      for (const Slot slot : slots_)
        if (slot.index >= 0) out.push_back(to_host(params_.grad(slot)));
    return out;
  }

  // Runs the recording of `what` one kernel call at a time: a call changes only what it declares as written, and all of
  // what it declares as written only.
  std::string stray_write(What what) {
    parts(what);
    prepare();
    const Program& program = step_.recorded();
    const size_t size = static_cast<size_t>(program.work_bytes) + 256;
    char* const memory = program.work;
    std::memset(memory, 0xff, size);
    std::vector<char> before(memory, memory + size), after(size);
    for (size_t i = 0; i < program.calls.size(); ++i) {
      const Call& c = program.calls[i];
      const auto name = [&] {
        return cat(ctx_.rows()[c.kernel].name, " of ", c.op ? c.op->name : "engine");
      };
      const auto each_output = [&](const char* wanted, auto&& f) {
        const char* roles = ctx_.rows()[c.kernel].roles;
        for (int32_t j = 0; j < c.count; ++j) {
          const size_t a = static_cast<size_t>(c.first + j);
          if (std::strchr(wanted, roles[j]) && program.places[a] == Place::work)
            f(static_cast<char*>(program.args[a].p) - memory,
              static_cast<size_t>(program.bytes[a]));
        }
      };
      ctx_.replay(program, i, i + 1);
      each_output("waWA", [&](std::ptrdiff_t at, size_t n) {
        std::memcpy(after.data() + at, memory + at, n);
      });
      each_output("waWA", [&](std::ptrdiff_t at, size_t n) {
        std::memcpy(memory + at, before.data() + at, n);
      });
      if (std::memcmp(before.data(), memory, size) != 0)
        return name() + " wrote outside of its outputs";
      bool written = false;
      each_output("wW", [&](std::ptrdiff_t at, size_t n) {
        std::memset(memory + at, 0x55, n);
        written = true;
      });
      if (written) ctx_.replay(program, i, i + 1);
      std::string kept;
      each_output("wW", [&](std::ptrdiff_t at, size_t n) {
        if (std::memcmp(memory + at, after.data() + at, n) != 0)
          kept = name() + " did not write all of an output";
      });
      if (!kept.empty()) return kept;
      each_output("waWA", [&](std::ptrdiff_t at, size_t n) {
        std::memcpy(memory + at, after.data() + at, n);
        std::memcpy(before.data() + at, after.data() + at, n);
      });
    }
    return "";
  }

  // What a replay finds in its arena is left from other calls.
  void spoil_arena() {
    std::memset(ctx_.work_arena().at(0), 0xff, static_cast<size_t>(step_.program().work_bytes));
  }

  std::vector<Values> cotangents() const {
    std::vector<Values> out;
    for (const Buffer& b : cotangents_) out.push_back(to_host(b));
    return out;
  }
  Values weights() const {
    Values all;
    for (const Buffer& b : weights_) {
      const Values v = to_host(b);
      all.insert(all.end(), v.begin(), v.end());
    }
    return all;
  }
  const std::set<std::string>& reached() const { return reached_; }

 private:
  Buffer keep(const Shape& shape, u64 seed) {
    Buffer b(ctx_, shape);
    set_values(b, Numbers(seed).values(shape.size(), -1, 1));
    return b;
  }

  void prepare() {
    for (size_t k = 0; k < slots_.size(); ++k)
      set_values(slots_[k].index >= 0 ? params_.memory(slots_[k].index) : buffers_[k].tensor(),
                 start_[k]);
    const Tensor& grads = params_.grads();
    ctx_.write(grads, [&](void* to) { std::memset(to, 0, static_cast<size_t>(grads.bytes())); });
    step_.seek(0);
  }

  Tensors body(Key key) {
    Tensors in, variables;
    for (size_t k = 0; k < slots_.size(); ++k) {
      in.push_back(slots_[k].index >= 0 ? params_[slots_[k]] : buffers_[k].tensor());
      if (slots_[k].index >= 0) variables.push_back(in.back());
    }
    Tensors out = differentiate(static_cast<What>(key.value), row_.run(Rng(ctx_), in), variables);
    for (const Node& node : ctx_.tape.nodes) reached_.insert(node.op->name);
    return out;
  }

  Tensors differentiate(What what, Tensors y, const Tensors& x) {
    if (what == kForward) return y;
    Tensors dy;
    for (size_t i = 0; i < y.size(); ++i) {
      if (cotangents_.size() <= i) cotangents_.push_back(keep(y[i].shape(), 70 + i));
      dy.push_back(cotangents_[i]);
    }
    if (what == kBackward) {
      backward(inner(y, dy), params_);
      return {};
    }
    const Tensors dx = y.size() == 1 ? grad(y[0], x, dy[0]) : grad(inner(y, dy), x);
    if (what == kGrad) return dx;
    const Tensor s = inner(dx, {weights_.begin(), weights_.end()});
    if (what == kSecondGrad) return grad(s, x);
    backward(s, params_);
    return {};
  }

  const Case& row_;
  Context ctx_;
  Params params_;
  std::vector<Slot> slots_;  // index < 0: the input is a buffer
  std::vector<Buffer> buffers_;
  std::vector<Values> start_;
  std::vector<Buffer> cotangents_, weights_;
  std::set<std::string> reached_;
  Step<std::function<Tensors(Key)>> step_;

  friend void collect(Rig& rig, Verdict& verdict);
};

void collect(Rig& rig, Verdict& verdict) {
  for (const Call& c : rig.step_.recorded().calls)
    if (c.op) verdict.reached.insert(c.op->name);
  verdict.reached.insert(rig.reached_.begin(), rig.reached_.end());
}

std::vector<What> all_of(const Case& row) {
  bool variable = false;
  for (const Input& in : row.inputs) variable |= in.role == Role::variable && in.shape.size() > 0;
  if (!row.gradient || !variable) return {kForward};
  if (!row.second) return {kForward, kGrad, kBackward};
  return {kForward, kGrad, kBackward, kSecondGrad, kSecondBackward};
}

bool has_special(const Case& row) {
  return std::any_of(row.inputs.begin(), row.inputs.end(),
                     [](const Input& in) { return in.special; });
}

class Checker {
 public:
  explicit Checker(const Case& row) : row_(row), all_(all_of(row)) {}

  Verdict run() {
    if (!has_special(row_) && all_.size() > 1) differences();
    bits();
    return verdict_;
  }

 private:
  static constexpr i64 kFew = 48;  // variables up to which every coordinate is checked
  static constexpr int kDirections = 4;

  void expect(bool ok, const std::string& check, const std::string& failure) {
    if (ok)
      verdict_.passed.insert(check);
    else
      verdict_.failures.push_back(cat(row_.op, " ", row_.what, ": ", check, ": ", failure));
  }

  std::vector<Values> directions(size_t n) const {
    std::vector<Values> out;
    if (n <= kFew) {
      out.assign(n, Values(n, 0));
      for (size_t i = 0; i < n; ++i) out[i][i] = 1;
    } else {
      Numbers numbers(5);
      const double scale = 1 / std::sqrt(static_cast<double>(n));
      for (int d = 0; d < kDirections; ++d) {
        out.push_back(numbers.values(static_cast<i64>(n), -1, 1));
        for (double& v : out.back()) v *= 2 * scale;
      }
    }
    return out;
  }

  // gradient . v against the slope of f along v, for every direction v.
  void compare(Rig& rig, const std::string& check, const Values& gradient,
               const std::function<double()>& f) {
    const Values x = rig.variables();
    double worst = 0;
    std::string at;
    for (const Values& v : directions(x.size())) {
      const double want = slope(
          [&](const Values& moved) {
            rig.set_variables(moved);
            return f();
          },
          x, v);
      const double got = dot(gradient, v), error = std::abs(got - want) / (1 + std::abs(want));
      if (error <= worst) continue;
      worst = std::isnan(error) ? INFINITY : error;
      at = cat("gradient ", got, ", difference ", want);
    }
    rig.set_variables(x);
    verdict_.worst = std::max(verdict_.worst, worst);
    expect(worst <= row_.tolerance, check, cat(at, ", error ", worst));
  }

  void differences() {
    Context::Options options;
    options.real = DType::f64;
    Rig rig(row_, options);
    const Values by_grad = rig(kGrad), by_backward = rig(kBackward);
    const auto value = [&] {
      const std::vector<Values> y = rig.parts(kForward), dy = rig.cotangents();
      double sum = 0;
      for (size_t i = 0; i < y.size(); ++i) sum += dot(y[i], dy[i]);
      return sum;
    };
    compare(rig, "grad", by_grad, value);
    compare(rig, "backward", by_backward, value);
    if (!row_.second) return;
    const Values weights = rig.weights();
    const auto weighted = [&] { return dot(rig(kGrad), weights); };
    compare(rig, "second order", rig(kSecondGrad), weighted);
    compare(rig, "second order by backward", rig(kSecondBackward), weighted);
  }

  void bits() {
    Context::Options options;
    Rig best(row_, options);
    std::vector<Values> want;
    for (const What what : all_) {
      want.push_back(best(what));
      collect(best, verdict_);
      expect(same_bits(best(what), want.back()), "repeats",
             kWhat[what]);  // the second call re-records
      best.spoil_arena();
      expect(same_bits(best(what), want.back()), "replay", kWhat[what]);
      const std::string stray = best.stray_write(what);
      expect(stray.empty(), "guard bands", stray);
    }
    const auto agrees = [&](const std::string& check, const std::string& how,
                            const Context::Options& other) {
      Rig rig(row_, other);
      for (size_t i = 0; i < all_.size(); ++i)
        expect(same_bits(rig(all_[i]), want[i]), check, cat(how, " ", kWhat[all_[i]]));
    };
    options.eager = true;
    agrees("eager", "", options);
    options.poison = true;
    agrees("poison", "", options);
    options = {};
    for (const kernels::Isa isa : all_isas()) {
      options.isa = isa;
      agrees("specification", kernels::isa_name(isa), options);
    }
    options = {};
    for (const int threads : {2, 3}) {
      options.threads = threads;
      agrees("threads", std::to_string(threads), options);
    }
    options = {};
#ifndef __SANITIZE_THREAD__  // takes too long to follow the fibers; kernels' races are for emulated.tsan
    for (const std::string& device : devices()) {
      options.device = device;
      agrees("devices", device, options);
    }
    options.eager = true;
    agrees("devices", "emulated, eager", options);
#endif
    if (!has_special(row_)) against_double(want);
  }

  // f32 against f64: rounding grows with the number of terms; the noise is the same.
  void against_double(const std::vector<Values>& single) {
    Context::Options options;
    options.real = DType::f64;
    Rig rig(row_, options);
    for (size_t i = 0; i < all_.size() && all_[i] <= kBackward; ++i) {
      const Values exact = rig(all_[i]);
      double scale = 1, worst = 0;
      for (const double v : exact) scale = std::max(scale, std::abs(v));
      for (size_t k = 0; k < exact.size(); ++k) {
        const double error = std::abs(single[i][k] - exact[k]);
        worst = std::isnan(error) ? INFINITY : std::max(worst, error);
      }
      const double bound = 0x1p-23 * (8 + static_cast<double>(row_.terms)) * scale;
      expect(worst <= bound, "f32 against f64",
             cat(kWhat[all_[i]], " differs by ", worst, ", bound ", bound));
      expect(
          std::none_of(single[i].begin(), single[i].end(), [](double v) { return std::isnan(v); }),
          "no NaN", kWhat[all_[i]]);
    }
  }

  const Case& row_;
  std::vector<What> all_;
  Verdict verdict_;
};

}  // namespace

Verdict check(const Case& row) { return Checker(row).run(); }

double microseconds(const Case& row) {
  Rig rig(row, {});
  const What what = all_of(row).size() > 1 ? kBackward : kForward;
  double best = INFINITY;
  for (int i = 0; i < 20; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    rig.parts(what);
    const std::chrono::duration<double, std::micro> spent =
        std::chrono::steady_clock::now() - begin;
    best = std::min(best, spent.count());
  }
  return best;
}

}  // namespace lat::test
