#include "engine/data/curves.h"

#include <cmath>
#include <numbers>

#include "engine/core/error.h"

#define LAT_ISA curves  // the name space of the arithmetic below
#include "kernels/common/math.h"
#include "kernels/common/philox.h"
#include "kernels/random/draws.h"

namespace lat::curves {

namespace {

namespace k = kernels::LAT_ISA;

// e^x for x <= 0, to 2^-52: x = n log 2 + r, and Taylor's polynomial for e^r.
double exp_below(double x) {
  if (x < -700) return 0;
  constexpr double kMagic = 0x1.8p52;  // adding it rounds to an integer
  const double n = k::fma(x, std::numbers::log2e, kMagic) - kMagic;
  const double r = k::fma(n, -0x1.abc9e3b39803fp-56, k::fma(n, -0x1.62e42fefa39efp-1, x));
  double sum = 1;
  for (int i = 14; i > 0; --i) sum = k::fma(sum / i, r, 1);
  const auto exponent = static_cast<uint64_t>(1023 + static_cast<int64_t>(n));
  return sum * kernels::LAT_ISA::bits<double>(exponent << 52);
}

double covariance(const Process& p, float a, float b) {
  const double d = (static_cast<double>(a) - b) / p.length;
  return p.scale * p.scale * exp_below(-0.5 * d * d);
}

void check(const Process& p) {
  LAT_CHECK(p.length > 0 && p.scale > 0 && p.noise > 0 && p.noise >= 1e-6 * p.scale &&
                std::isfinite(p.length + p.scale + p.noise),
            Code::usage, "curves", "length ", p.length, ", scale ", p.scale, ", noise ", p.noise,
            " make no process: give numbers above 0, noise at least a millionth of scale");
}

// The rows of L, lower triangular, L L^T = K + noise^2 I, grown point by point.
class Cholesky {
 public:
  explicit Cholesky(const Process& p) : process_(p) { check(p); }

  size_t size() const { return x_.size(); }
  // L^-1 times the covariances of the points so far with f(at).
  std::vector<double> weights(float at) const {
    std::vector<double> w(size());
    for (size_t i = 0; i < size(); ++i) w[i] = covariance(process_, at, x_[i]);
    solve(w);
    return w;
  }
  // w = L^-1 w
  void solve(std::vector<double>& w) const {
    for (size_t i = 0; i < size(); ++i) {
      const double* const row = &rows_[i * (i + 1) / 2];
      for (size_t j = 0; j < i; ++j) w[i] = k::fma(-row[j], w[j], w[i]);
      w[i] /= row[i];
    }
  }
  // Adds a point and returns its row.
  std::vector<double> add(float x) {
    std::vector<double> row = weights(x);
    double rest = k::fma(process_.noise, process_.noise, process_.scale * process_.scale);
    for (const double w : row) rest = k::fma(-w, w, rest);
    row.push_back(__builtin_sqrt(rest));
    x_.push_back(x);
    rows_.insert(rows_.end(), row.begin(), row.end());
    return row;
  }

 private:
  Process process_;
  std::vector<float> x_;
  std::vector<double> rows_;
};

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum = k::fma(a[i], b[i], sum);
  return sum;
}

// log N(y; mean, variance)
double log_normal(double y, double mean, double variance) {
  const double d = y - mean;
  return -0.5 * (std::log(2 * std::numbers::pi * variance) + d * d / variance);
}

void check_points(std::span<const float> x, std::span<const float> y) {
  LAT_CHECK(x.size() == y.size(), Code::usage, "curves", x.size(), " x and ", y.size(),
            " y are no points");
}

}  // namespace

void Curves::points(int64_t index, int64_t n, float* x, float* y) const {
  LAT_CHECK(n >= 0 && n <= 4096 && index >= 0, Code::usage, "curves", n, " points of curve ", index,
            ": expected 0 to 4096 of a curve numbered from 0");
  LAT_CHECK(from < to && std::isfinite(to - from), Code::usage, "curves", "x from ", from, " to ",
            to, " is no interval");
  Cholesky cholesky(process);
  std::vector<double> noise;
  for (int64_t i = 0; i < n; ++i) {
    const auto word = static_cast<uint64_t>(index);
    const k::Philox bits =
        k::philox({{static_cast<uint32_t>(i), test ? 1u : 0u, static_cast<uint32_t>(word),
                    static_cast<uint32_t>(word >> 32)}},
                  seed);
    x[i] = static_cast<float>(k::fma(to - from, static_cast<double>(bits.word[0]) * 0x1p-32, from));
    noise.push_back(k::normals_of<float>(bits.word[1], bits.word[2]).first);
    y[i] = static_cast<float>(dot(cholesky.add(x[i]), noise));
  }
}

std::vector<double> Marginals::log_prob(std::span<const float> y) const {
  LAT_CHECK(y.size() == mean.size(), Code::usage, "curves", y.size(), " y at ", mean.size(),
            " places");
  std::vector<double> out;
  for (size_t i = 0; i < mean.size(); ++i) out.push_back(log_normal(y[i], mean[i], variance[i]));
  return out;
}

Marginals posterior(const Process& process, std::span<const float> x, std::span<const float> y,
                    std::span<const float> at) {
  check_points(x, y);
  Cholesky cholesky(process);
  for (const float place : x) cholesky.add(place);
  std::vector<double> values(y.begin(), y.end());
  cholesky.solve(values);
  Marginals out;
  for (const float place : at) {
    const std::vector<double> w = cholesky.weights(place);
    out.mean.push_back(dot(w, values));
    out.variance.push_back(process.scale * process.scale + process.noise * process.noise -
                           dot(w, w));
  }
  return out;
}

double log_prob(const Process& process, std::span<const float> x, std::span<const float> y) {
  check_points(x, y);
  Cholesky cholesky(process);
  std::vector<double> values;  // L^-1 y: independent, standard normal
  double nats = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const std::vector<double> row = cholesky.add(x[i]);
    const double known = dot({row.begin(), row.end() - 1}, values);
    values.push_back((y[i] - known) / row.back());
    nats += log_normal(y[i], known, row.back() * row.back());
  }
  return nats;
}

}  // namespace lat::curves
