// The protocol of evaluation, and the statistics of several seeds against closed forms.
#include "rl/core/evaluation.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "engine/lat.h"
#include "tests/engine/data_files.h"
#include "tests/harness/devices.h"

namespace lat::rl {
namespace {

using lat::test::check_refused;

double mean_of(std::span<const double> v) {
  double sum = 0;
  for (const double x : v) sum += x;
  return sum / static_cast<double>(v.size());
}

}  // namespace

TEST_CASE("every episode counts once, to its end, and each run plays the same ones") {
  for (const std::string device : {"cpu", "emulated"}) {
    Context ctx({.device = device});
    const Tensor zeros = ctx.keep({30}, DType::i32);
    Evaluation evaluation(ctx, "cartpole", 30, 7, [&](Tensor) { return zeros; });
    const Episodes once = evaluation.run(), again = evaluation.run();
    CHECK(once.count == 30);
    CHECK(once.mean() > 8);  // always to the left: the pole falls within ten steps or so
    CHECK(once.mean() < 11);
    CHECK(once.mean() == once.mean_length());  // a reward of 1 a step
    CHECK(again.sum == once.sum);
    CHECK(again.count == 30);
  }
}

TEST_CASE("the starts are not those of training, and the limit ends what goes on") {
  Context ctx;
  const Tensor idle = ctx.keep({4, 1}, DType::f32);
  int begun = 0;
  Evaluation evaluation(
      ctx, "pendulum", 4, 7, [&](Tensor) { return idle; }, [&] { ++begun; }, {.limit = 30});
  const Episodes e = evaluation.run();
  CHECK(e.count == 4);
  CHECK(e.steps == 120);
  CHECK(begun == 1);
  CHECK(evaluation.environments().options().stream == Stream::evaluation);
  Environments training = make_environments(ctx, "pendulum", 4, 7),
               held_out = make_environments(ctx, "pendulum", 4, 7, {.stream = Stream::evaluation});
  training.reset();
  held_out.reset();
  CHECK(training.states() != held_out.states());
}

TEST_CASE("the interquartile mean leaves a quarter out at either end") {
  CHECK(interquartile_mean(std::vector<double>{5, 1, 100, 3}) == 4);
  CHECK(interquartile_mean(std::vector<double>{1, 2, 3, 4, 1000}) == 3);
  CHECK(interquartile_mean(std::vector<double>{7}) == 7);
  CHECK(interquartile_mean(std::vector<double>{8, 1, 2, 3, 4, 5, 6, 7}) == 4.5);
}

TEST_CASE("the bootstrap interval of a mean is the normal one for many values") {
  std::mt19937 bits(1);
  std::normal_distribution<double> normal(3, 2);
  std::vector<double> values(400);
  for (double& v : values) v = normal(bits);
  const double m = mean_of(values);
  double squares = 0;
  for (const double v : values) squares += (v - m) * (v - m);
  const double error = std::sqrt(squares / 400) / 20;  // of the mean
  const Interval i = bootstrap(values, mean_of, 0.95, 4000, 5);
  CHECK(i.low == doctest::Approx(m - 1.96 * error).epsilon(0.01));
  CHECK(i.high == doctest::Approx(m + 1.96 * error).epsilon(0.01));
  const Interval same = bootstrap(values, mean_of, 0.95, 4000, 5);
  CHECK(same.low == i.low);
  const Interval one = bootstrap(std::vector<double>{4}, mean_of);
  CHECK(one.low == 4);
  CHECK(one.high == 4);
  // Two values: a mean is 0, 1/2 or 1 with probabilities 1/4, 1/2, 1/4.
  const Interval two = bootstrap(std::vector<double>{0, 1}, mean_of, 0.4, 4000, 1);
  CHECK(two.low == 0.5);
  CHECK(two.high == 0.5);
  check_refused([] { bootstrap({}, mean_of); }, Code::usage, {"0 values"});
}

TEST_CASE("a learning curve over seeds") {
  const Curve curve{.steps = {100, 200}, .returns = {{1, 10}, {2, 20}, {3, 30}, {4, 1000}}};
  const std::vector<Curve::Point> points = curve.points();
  REQUIRE(points.size() == 2);
  CHECK(points[1].steps == 200);
  CHECK(points[1].iqm == 25);
  CHECK(points[1].interval.low >= 10);
  CHECK(points[1].interval.low < 25);
  CHECK(points[1].interval.high > 25);
  CHECK(
      curve.csv().starts_with("steps,seed_0,seed_1,seed_2,seed_3,iqm,low,high\n100,1,2,3,4,2.5,"));
  const Curve ragged{.steps = {1, 2}, .returns = {{1, 2}, {3}}};
  check_refused([&] { ragged.points(); }, Code::usage, {"seed 1", "1 values"});
}

}  // namespace lat::rl
