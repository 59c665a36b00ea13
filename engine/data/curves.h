#pragma once
// Functions drawn from a Gaussian process, for models that learn to predict from a few points (M. Garnelo et al.,
// "Conditional Neural Processes", ICML 2018, section 4.1; github.com/google-deepmind/neural-processes), and what knowing
// the process would predict (C. E. Rasmussen & C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006).
//
// Curves have the same bits on every machine; the closed forms below are for reports and tests.
#include <cstdint>
#include <span>
#include <vector>

namespace lat::curves {

// y(x) = f(x) + noise e,  f ~ GP(0, k),  k(a, b) = scale^2 exp( -(a - b)^2 / (2 length^2) ),  e ~ N(0, 1)
struct Process {
  double length = 0.4, scale = 1, noise = 0.02;
};

// An endless set of curves, each with endless points.
struct Curves {
  Process process = {};
  double from = -2, to = 2;  // x is uniform between them
  uint64_t seed = 0;
  bool test = false;  // curves for testing, none of which is drawn for training

  // The first n points of curve number `index` >= 0, in the order in which they were drawn: x (n), y (n). Throws
  // Code::usage for n outside 0 to 4096 and for numbers that make no process.
  void points(int64_t index, int64_t n, float* x, float* y) const;
};

// Of y at each of some places by itself: mean and variance, noise included.
struct Marginals {
  std::vector<double> mean, variance;
  // log N(y; mean, variance) of each, nats.
  std::vector<double> log_prob(std::span<const float> y) const;
};

// p( y(at) | y(x) = y ) of the process: x (n), y (n), any n.      Rasmussen & Williams 2006, eqs. 2.23, 2.24
Marginals posterior(const Process& process, std::span<const float> x, std::span<const float> y,
                    std::span<const float> at);

// log p( y(x) = y ) of all together, nats. That of some given others is a difference of two.  Ibid., eq. 2.30
double log_prob(const Process& process, std::span<const float> x, std::span<const float> y);

}  // namespace lat::curves
