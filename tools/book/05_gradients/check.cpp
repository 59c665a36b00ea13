// The check of exercise 5: averages by quadrature, against derivatives known in closed form.
#include "tools/book/exercise.h"

double score_estimate(double x, double f, double b, double mu, double s);
double pathwise_mu(double e, double mu, double s);
double pathwise_s(double e, double mu, double s);
double best_baseline(double mu, double s);
char why_a_baseline();
char not_a_baseline();

using namespace lat::book;

// E[g(e)], e ~ N(0, 1)
template <class G>
double average(G g) {
  constexpr double h = 0.01;
  double sum = 0;
  for (int i = -1200; i <= 1200; ++i) {
    const double e = h * i;
    sum += h * std::exp(-e * e / 2) / std::sqrt(2 * std::acos(-1.0)) * g(e);
  }
  return sum;
}

int main() {
  const double mu = 0.7, s = 0.6;
  const auto score = [&](double b) {
    return
        [=](double e) { return score_estimate(mu + s * e, (mu + s * e) * (mu + s * e), b, mu, s); };
  };
  equal("the score estimate of d/dmu E[x^2] is 2 mu on average", average(score(0)), 2 * mu);
  equal("and a baseline does not change that", average(score(5)), 2 * mu);
  // E[sin(mu + s e)] = e^(-s^2/2) sin mu
  const double shrink = std::exp(-s * s / 2);
  equal("pathwise d/dmu E[sin x]", average([&](double e) { return pathwise_mu(e, mu, s); }),
        shrink * std::cos(mu));
  equal("pathwise d/ds E[sin x]", average([&](double e) { return pathwise_s(e, mu, s); }),
        -s * shrink * std::sin(mu));
  equal("one sample of it", pathwise_s(2, 0, 1), 2 * std::cos(2.0));
  const double b = best_baseline(mu, s);
  const auto second = [&](double at) {
    return average([&](double e) { return score(at)(e) * score(at)(e); });
  };
  equal("with the best baseline the variance is 8 mu^2 + 6 s^2", second(b) - 4 * mu * mu,
        8 * mu * mu + 6 * s * s);
  holds("and larger a little to either side",
        second(b) < second(b + 0.1) && second(b) < second(b - 0.1));
  answer("why a baseline may be subtracted", why_a_baseline(), 'a',
         "E[(f - b) d log q] = E[f d log q] - b E[d log q]: what must the last average be?");
  answer("what may not be subtracted", not_a_baseline(), 'c',
         "A baseline comes out of the average only where it does not depend on x.");
}
