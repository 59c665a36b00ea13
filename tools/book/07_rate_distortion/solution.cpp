// Exercise 7: a solution.
#include <algorithm>
#include <cmath>
#include <vector>

double rate(const std::vector<double>& eigenvalues, double theta) {
  double nats = 0;
  for (const double l : eigenvalues) nats += std::max(0.0, std::log(l / theta) / 2);
  return nats;
}

double distortion(const std::vector<double>& eigenvalues, double theta) {
  double sum = 0;
  for (const double l : eigenvalues) sum += std::min(l, theta);
  return sum;
}

// In logarithms, as theta may be of any size.
double beta_for(const std::vector<double>& eigenvalues, double s2, double nats) {
  double low = 1e-12, high = 1e12;
  for (int i = 0; i < 200; ++i) {
    const double middle = std::sqrt(low * high);
    (rate(eigenvalues, middle * s2) > nats ? low : high) = middle;
  }
  return high;
}

// beta = 1 maximises the ELBO itself; whoever maximises something else cannot have more of it.
char higher_elbo() { return 'b'; }
