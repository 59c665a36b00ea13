// The steps that are timed are steps that learn.
#include "tools/latent/workloads.h"

#include <doctest/doctest.h>

#include <cmath>

namespace lat::tools {

TEST_CASE("every timed step lowers its loss on the data it is given again and again") {
  for (const std::string& name : workload_names()) {
    if (name == "cnn" || name == "gqn") continue;  // seconds a step without a fast machine
    CAPTURE(name);
    const auto w = make_workload(name, {}, 4);
    const auto average = [&] {  // of a few steps, for their noise
      double sum = 0;
      for (int i = 0; i < 5; ++i) sum += item(w->step()) / 5;
      return sum;
    };
    const double before = average();
    CHECK(std::isfinite(before));
    for (int i = 0; i < 20; ++i) w->step();
    CHECK(average() < before);
    CHECK(w->ctx().step_was_finite());
  }
}

// At the start every output of the networks is near 0: what is left of the loss is known.
TEST_CASE("the first loss of rssm is that of predicting nothing") {
  const auto w = make_workload("rssm", {}, 8);
  const double loss =
      item(w->step());  // 1024 embedding entries and one reward of N(0, 1), and a small KL
  CHECK(loss > 1000);
  CHECK(loss < 1150);
}

}  // namespace lat::tools
