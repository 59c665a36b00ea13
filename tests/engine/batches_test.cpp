// The order of images: the permutation of an epoch, the batches.
#include "engine/data/batches.h"

#include <cmath>
#include <numeric>
#include <set>

#include "engine/data/images.h"
#include "engine/data/permutation.h"
#include "tests/engine/data_files.h"

namespace lat::test {
namespace {

Images counting_images(int64_t n) {
  Images images;
  images.n = n, images.h = 1, images.w = 2;
  for (int64_t i = 0; i < n; ++i) {
    images.pixels.push_back(static_cast<uint8_t>(i % 256));
    images.pixels.push_back(static_cast<uint8_t>(i / 256));
    images.labels.push_back(static_cast<int32_t>(i));
  }
  return images;
}

TEST_CASE("permutation: a bijection for every n") {
  const auto is_bijection = [](int64_t n, uint64_t seed, uint64_t epoch) {
    const Permutation permutation(n, seed, epoch);
    std::vector<bool> hit(static_cast<size_t>(n));
    int64_t count = 0;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t to = permutation(i);
      if (to < 0 || to >= n || hit[static_cast<size_t>(to)]) return false;
      hit[static_cast<size_t>(to)] = true;
      ++count;
    }
    return count == n;
  };
  for (int64_t n = 1; n <= 300; ++n) CHECK(is_bijection(n, 1, static_cast<uint64_t>(n) % 3));
  for (const int64_t n : {60000, 65535, 65536, 65537, 737280}) CHECK(is_bijection(n, 2, 5));

  const int64_t huge = (int64_t{1} << 61) + 12345;  // more walks, too many elements to visit
  const Permutation permutation(huge, 3, 0);
  std::set<int64_t> images;
  for (int64_t i = 0; i < 1000; ++i) {
    const int64_t to = permutation(huge - 1 - i);
    CHECK((to >= 0 && to < huge));
    images.insert(to);
  }
  CHECK(images.size() == 1000);
  check_refused([] { Permutation(0, 1, 1); }, Code::usage, {"0 elements cannot be permuted"});
  check_refused([] { Permutation(int64_t{1} << 62, 1, 1); }, Code::usage, {"2^62 - 1"});
}

TEST_CASE("permutation: a function of n, seed and epoch, another one for each") {
  const auto order = [](int64_t n, uint64_t seed, uint64_t epoch) {
    std::vector<int64_t> to;
    for (int64_t i = 0; i < 100; ++i) to.push_back(Permutation(n, seed, epoch)(i));
    return to;
  };
  const auto first = order(100, 1, 0);
  CHECK(order(100, 1, 0) == first);
  std::set<std::vector<int64_t>> different = {first};
  for (uint64_t k = 1; k <= 200; ++k) {
    different.insert(order(100, 1, k));
    different.insert(order(100, 1 + k, 0));
  }
  CHECK(different.size() == 401);
  CHECK(order(101, 1, 0) != first);
}

// Pearson's statistic of counts that should be equal, in standard deviations from its mean.
double chi_square_sigmas(const std::vector<int64_t>& counts, double freedom) {
  const double total =
      static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
  const double expected = total / static_cast<double>(counts.size());
  double sum = 0;
  for (const int64_t count : counts) {
    sum += std::pow(static_cast<double>(count) - expected, 2) / expected;
  }
  return (sum - freedom) / std::sqrt(2 * freedom);
}

TEST_CASE("permutation: uniform over places, over neighbours, and over all orders") {
  for (const int64_t n : {3, 5, 6, 10, 16, 33, 37}) {
    std::vector<int64_t> places(static_cast<size_t>(n * n)), gaps(static_cast<size_t>(n - 1));
    for (uint64_t epoch = 0; epoch < 20000; ++epoch) {
      const Permutation permutation(n, 11, epoch);
      for (int64_t i = 0; i < n; ++i) ++places[static_cast<size_t>(i * n + permutation(i))];
      const int64_t gap = (permutation(1) - permutation(0) + n) % n;
      ++gaps[static_cast<size_t>(gap - 1)];
    }
    const double m = static_cast<double>(n - 1);
    CHECK(std::abs(chi_square_sigmas(places, m * m)) < 4);
    CHECK(std::abs(chi_square_sigmas(gaps, m - 1)) < 4);
  }
  std::vector<int64_t> orders(256);
  for (uint64_t epoch = 0; epoch < 24000; ++epoch) {
    const Permutation p(4, 12, epoch);
    ++orders[static_cast<size_t>(((p(0) * 4 + p(1)) * 4 + p(2)) * 4 + p(3))];
  }
  std::erase(orders, 0);
  CHECK(orders.size() == 24);
  CHECK(std::abs(chi_square_sigmas(orders, 23)) < 4);
}

TEST_CASE("batches: a shuffled epoch holds each image at most once, a whole one exactly once") {
  const Images images = counting_images(600);
  for (const int64_t batch : {1, 7, 100, 600}) {
    const Batches batches(images, batch, 5, true);
    CHECK(batches.per_epoch() == 600 / batch);
    std::vector<float> x(static_cast<size_t>(batch * 2));
    std::vector<int32_t> labels(static_cast<size_t>(batch));
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
      std::set<int32_t> seen;
      for (int64_t step = 0; step < batches.per_epoch(); ++step) {
        const int64_t number = epoch * batches.per_epoch() + step;
        CHECK(batches.rows(number) == batch);
        batches.fill(number, x.data(), labels.data());
        for (size_t i = 0; i < labels.size(); ++i) {
          seen.insert(labels[i]);
          const auto low = static_cast<float>(labels[i] % 256),
                     high = static_cast<float>(labels[i] / 256);
          REQUIRE(x[2 * i] == low / 255.0f);
          REQUIRE(x[2 * i + 1] == high / 255.0f);
        }
      }
      CHECK(static_cast<int64_t>(seen.size()) == batches.per_epoch() * batch);
    }
  }
}

TEST_CASE("batches: the order is a function of seed and epoch alone") {
  const Images images = counting_images(100);
  const auto epoch_order = [&](int64_t batch, uint64_t seed, int64_t epoch) {
    const Batches batches(images, batch, seed, true);
    std::vector<float> x(static_cast<size_t>(batch * 2));
    std::vector<int32_t> order(100);
    for (int64_t k = batches.per_epoch() - 1; k >= 0; --k) {
      batches.fill(epoch * batches.per_epoch() + k, x.data(), order.data() + k * batch);
    }
    return order;
  };
  CHECK(epoch_order(10, 1, 0) == epoch_order(10, 1, 0));
  CHECK(epoch_order(10, 1, 3) == epoch_order(25, 1, 3));
  CHECK(epoch_order(10, 1, 0) != epoch_order(10, 1, 1));
  CHECK(epoch_order(10, 1, 0) != epoch_order(10, 2, 0));
}

TEST_CASE("batches: in order, with a short last batch") {
  const Images images = counting_images(10);
  const Batches batches(images, 4, 0, false);
  CHECK(batches.per_epoch() == 3);
  CHECK(batches.rows(1) == 4);
  CHECK(batches.rows(2) == 2);
  CHECK(batches.rows(5) == 2);
  std::vector<float> x(8, -1.0f);
  std::vector<int32_t> labels(4, -1);
  batches.fill(2, x.data(), labels.data());
  CHECK(labels == std::vector<int32_t>{8, 9, -1, -1});
  CHECK(x[2] == 9 / 255.0f);
  CHECK(x[4] == -1.0f);
}

TEST_CASE("batches: what cannot be drawn is refused") {
  Images images = counting_images(10);
  const Images none;
  check_refused([&] { Batches(none, 1, 0, false); }, Code::usage, {"there are no images"});
  check_refused([&] { Batches(images, 11, 0, true); }, Code::usage,
                {"a batch of 11 cannot be drawn from 10 images: give 1 to 10"});
  check_refused([&] { Batches(images, 0, 0, false); }, Code::usage, {"a batch of 0"});
  images.labels.clear();
  const Batches batches(images, 2, 0, true);
  float x[4];
  int32_t labels[2];
  batches.fill(0, x, nullptr);
  check_refused([&] { batches.fill(0, x, labels); }, Code::usage, {"have no labels"});
  check_refused([&] { batches.fill(-1, x, nullptr); }, Code::usage, {"step -1 is negative"});
}

}  // namespace
}  // namespace lat::test
