// Images as functions of places: what is drawn of them, what they are judged by, and that a neural process completes them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "models/completion_training.h"

using namespace lat;
using models::CompletionTraining;

namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

std::unique_ptr<models::CurveModel> process(const Settings& settings) {
  auto m = models::make_model<models::CurveModel>("neural_process");
  for (const auto& [key, value] : settings) REQUIRE(m->set("model." + key, value));
  return m;
}

// Images of 4 x 6 pixels, number i grey (i + 7 row + 31 column) mod 256.
DataSet drawn(i64 train, i64 test) {
  const auto images = [](i64 n, i64 first) {
    Images out{n, 4, 6, 1, {}, {}, {}, 0};
    for (i64 i = first; i < first + n; ++i)
      for (i64 row = 0; row < 4; ++row)
        for (i64 column = 0; column < 6; ++column)
          out.pixels.push_back(static_cast<uint8_t>((i + 7 * row + 31 * column) % 256));
    return out;
  };
  return {"drawn", "by a formula", images(train, 0), images(test, 100), {}};
}

const models::TrainConfig kFew{.batch = 2, .test_batch = 2};

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("completion: an image is its pixels in some order, each at its place") {
  const CompletionTraining t({}, process({{"width", "8"}}), drawn(5, 3), 0,
                             {.places = 2, .contexts = 4, .targets = 4}, kFew);
  std::set<std::vector<float>> orders;
  for (i64 k = 0; k < 3; ++k) {
    const models::PointsTraining::Seen all = t.points(k, 24);
    std::vector<int> times(24);
    for (size_t i = 0; i < 24; ++i) {
      const double row = ((all.x[2 * i] + 1) * 4 - 1) / 2,
                   column = ((all.x[2 * i + 1] + 1) * 6 - 1) / 2;
      REQUIRE(std::fabs(row - std::round(row)) < 1e-5);
      REQUIRE(std::fabs(column - std::round(column)) < 1e-5);
      const i64 r = std::lround(row), c = std::lround(column);
      REQUIRE(all.y[i] == static_cast<float>((100 + k + 7 * r + 31 * c) % 256) / 255);
      ++times[static_cast<size_t>(r * 6 + c)];
    }
    CHECK(std::all_of(times.begin(), times.end(), [](int n) { return n == 1; }));
    orders.insert(all.x);
  }
  CHECK(orders.size() == 3);
  const std::vector<float> places = t.places(), first = t.image(0);
  CHECK(places[2 * 8] == doctest::Approx(-0.25));        // row 1 of 4
  CHECK(places[2 * 8 + 1] == doctest::Approx(-1. / 6));  // column 2 of 6
  CHECK(first[8] == static_cast<float>(100 + 7 + 62) / 255);
}

TEST_CASE("completion: smaller images are means of blocks") {
  const CompletionTraining t({}, process({{"width", "8"}}), drawn(5, 2), 2,
                             {.places = 2, .least = 1, .contexts = 2, .targets = 2}, kFew);
  CHECK(t.height() == 2);
  CHECK(t.width() == 3);
  // rows 2, 3 and columns 4, 5 of image 1: 101 + 7 * 2.5 + 31 * 4.5 = 258, the last of them 277 - 256
  const double mean =
      (101 + 14 + 124 + (101 + 14 + 155 - 256) + 101 + 21 + 124 + (101 + 21 + 155 - 256)) / 4.;
  CHECK(std::fabs(t.image(1)[5] * 255 - mean) <= 0.5);
}

TEST_CASE("completion: the squared errors are those of the predictions, and of the mean image") {
  CompletionTraining t({.seed = 3}, process({{"width", "8"}, {"latent", "2"}}), drawn(5, 4), 0,
                       {.places = 2, .contexts = 12, .targets = 5}, kFew);
  const std::vector<double> squares = t.judge_points(7, 4, 3).squares;
  REQUIRE(squares.size() == 4);
  CompletionTraining sure({.seed = 3}, process({{"width", "8"}}), drawn(5, 4), 0,
                          {.places = 2, .contexts = 12, .targets = 5}, kFew);
  for (i64 k = 0; k < 4; ++k) {
    const models::PointsTraining::Seen all = sure.points(k, 17);
    models::PointsTraining::Seen given = sure.points(k, 7);
    const std::vector<float> at(all.x.begin() + 24, all.x.end());
    const std::vector<double> mean = sure.predictions(given, at, 1, 0)[0].mean;
    double sum = 0;
    for (size_t i = 0; i < 5; ++i) sum += std::pow(mean[i] - all.y[12 + i], 2) / 5;
    CHECK(sure.judge_points(7, 4).squares[static_cast<size_t>(k)] ==
          doctest::Approx(sum).epsilon(1e-5));
  }
  double mean_image = 0;
  for (i64 k = 0; k < 4; ++k)
    for (i64 i = 0; i < 24; ++i) {
      double mean = 0;
      for (i64 n = 0; n < 5; ++n)
        mean += static_cast<double>((n + 7 * (i / 6) + 31 * (i % 6)) % 256) / (5 * 255.);
      mean_image += std::pow(t.image(k)[static_cast<size_t>(i)] - mean, 2) / 96;
    }
  const models::Evaluation e = t.evaluate(4);
  REQUIRE(e.more.size() == 3);
  CHECK(e.more[0].first == "mse_0");
  CHECK(e.more[0].second == doctest::Approx(mean_image).epsilon(1e-6));
  CHECK(e.more[1].first == "mse_10");
  CHECK(e.more[2].first == "mse_12");
}

TEST_CASE("completion: a few pixels of clothes tell much, more of them more") {
  DataSet clothes;
  try {
    clothes = load_data("fashion-mnist", {});
  } catch (const Error& e) {
    MESSAGE("SKIPPED: ", e.what());
    return;
  }
  CompletionTraining t({.threads = 2, .seed = 1}, process({{"width", "64"}}), clothes, 7,
                       {.places = 2, .contexts = 24, .targets = 24},
                       {.batch = 16, .lr = 3e-3, .lr_last = 0.05, .test_batch = 64});
  for (i64 step = 0; step < 1500; ++step) t.step(1500);
  const models::Evaluation e = t.evaluate();
  MESSAGE("mse given 0, 10, 24 pixels: ", e.more[0].second, ", ", e.more[1].second, ", ",
          e.more[2].second);
  CHECK(e.more[1].second < 0.6 * e.more[0].second);
  CHECK(e.more[2].second < 0.92 * e.more[1].second);
}

TEST_CASE("completion: what cannot be is refused by name") {
  const auto make = [](const DataSet& data, i64 size, i64 contexts) {
    return [=] {
      CompletionTraining({}, process({{"width", "8"}}), data, size,
                         {.places = 2, .contexts = contexts, .targets = 4}, kFew);
    };
  };
  CHECK(error_of(make(drawn(2, 2), 3, 4)).find("3 pixels a side cannot be made of 4 x 6") !=
        std::string::npos);
  CHECK(error_of(make(drawn(2, 2), 0, 21)).find("21 pixels are given and 4 asked for, of 24") !=
        std::string::npos);
  DataSet coloured = drawn(2, 2);
  coloured.train.c = coloured.test.c = 3;
  CHECK(error_of(make(coloured, 0, 4)).find("has 3 channels") != std::string::npos);
}
