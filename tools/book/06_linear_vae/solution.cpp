// Exercise 6: a solution.
#include <algorithm>
#include <cmath>
#include <vector>

// One for each eigenvalue above s2, as far as there are latents.
int active_latents(const std::vector<double>& eigenvalues, double s2, int Z) {
  const auto above =
      std::count_if(eigenvalues.begin(), eigenvalues.end(), [&](double l) { return l > s2; });
  return std::min(int(above), Z);
}

double kl_of(double l, double s2) { return l > s2 ? std::log(l / s2) / 2 : 0; }

double sigma2_of(double l, double s2) { return std::min(s2 / l, 1.0); }

// Latent k leaves when s2 reaches the k-th largest eigenvalue.
double noise_for(const std::vector<double>& eigenvalues, int k) {
  std::vector<double> l = eigenvalues;
  std::sort(l.rbegin(), l.rend());
  return l[size_t(k) - 1];
}

// KL_i = 1/2 ln(l_i / s2) is what a direction costs where it pays; where l_i < s2 silence is the optimum.
char what_follows() { return 'b'; }
