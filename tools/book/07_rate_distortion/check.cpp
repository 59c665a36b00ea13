// The check of exercise 7: values worked out by hand, and what must hold for any.
#include <vector>

#include "tools/book/exercise.h"

double rate(const std::vector<double>& eigenvalues, double theta);
double distortion(const std::vector<double>& eigenvalues, double theta);
double beta_for(const std::vector<double>& eigenvalues, double s2, double nats);
char higher_elbo();

using namespace lat::book;

int main() {
  const std::vector<double> two = {4, 1}, many = {5, 3, 2, 0.7, 0.1};
  equal("rate of {4, 1} at theta = 2: ln 2 / 2", rate(two, 2), std::log(2.0) / 2);
  equal("distortion there: 2 + 1", distortion(two, 2), 3);
  equal("rate at theta = 1/2: (ln 8 + ln 2) / 2", rate(two, 0.5), std::log(16.0) / 2);
  equal("distortion there: 1/2 + 1/2", distortion(two, 0.5), 1);
  equal("nothing is said at theta = 9", rate(two, 9), 0);
  equal("and all is lost", distortion(two, 9), 5);
  const double h = 1e-4;
  equal(
      "the curve's slope is -2 theta",
      (distortion(many, 1 + h) - distortion(many, 1 - h)) / (rate(many, 1 + h) - rate(many, 1 - h)),
      -2, 1e-6);
  // {4, 1}: with both in use, (ln 4 - 2 ln theta) / 2 = 1 nat at theta = 2 / e; alone, (ln 4 - ln theta) / 2 = 1/4 at 4 / sqrt e.
  equal("beta for 1 nat with s2 = 0.5", beta_for(two, 0.5, 1), 4 / std::exp(1.0), 1e-6);
  equal("beta for a quarter of a nat with s2 = 1", beta_for(two, 1, 0.25), 4 / std::exp(0.5), 1e-6);
  equal("its rate is the budget", rate(many, 0.3 * beta_for(many, 0.3, 3)), 3, 1e-6);
  answer("which has the higher ELBO", higher_elbo(), 'b',
         "What does training at beta = 1 maximise?");
}
