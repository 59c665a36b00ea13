// The data sets by name, and the drawn shapes.
// Real files are read from the folder named by the environment variable LATENT_DATA.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <set>

#include "engine/data/idx.h"
#include "engine/data/images.h"
#include "engine/data/permutation.h"
#include "engine/data/shapes.h"
#include "tests/engine/data_files.h"

namespace lat::test {
namespace {

// The folder of the real data sets, or "" after saying aloud what is skipped.
std::string real_data(const std::string& what) {
  const char* folder = std::getenv("LATENT_DATA");
  if (folder) return folder;
  MESSAGE("LATENT_DATA not set: ", what, " skipped");
  return "";
}

double mean(const Bytes& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

TEST_CASE("shapes: the drawings differ from 320 real frames in at most 62 of 1,310,720 pixels") {
  const std::string data = real_data("comparison with the dSprites sample");
  if (data.empty()) return;
  const auto frames = read_idx(data + "/dsprites/dsprites-sample320-idx3-ubyte.gz");
  const auto latents = read_idx(data + "/dsprites/dsprites-sample320-latents-idx2-ubyte.gz");
  REQUIRE(frames.dims == std::vector<int64_t>{320, 64, 64});
  REQUIRE(latents.dims == std::vector<int64_t>{320, 6});
  int64_t wrong = 0;
  Bytes image(64 * 64);
  for (size_t n = 0; n < 320; ++n) {
    const uint8_t* latent = latents.bytes.data() + n * 6 + 1;
    int64_t index = 0;
    for (size_t k = 0; k < 5; ++k) index = index * kShapeFactorSizes[k] + latent[k];
    const auto factors = shape_factors(index);
    CHECK(std::equal(factors.begin(), factors.end(), latent));
    draw_shape(index, 64, image.data());
    for (size_t p = 0; p < 4096; ++p) wrong += image[p] != 255 * frames.bytes[n * 4096 + p];
  }
  MESSAGE("wrong pixels: ", wrong);
  CHECK(wrong <= 62);
}

TEST_CASE("shapes: smaller images are area averages of the large one") {
  Bytes large(64 * 64), small(32 * 32);
  const Permutation choice(kShapeImages, 7, 0);
  for (int64_t i = 0; i < 300; ++i) {
    draw_shape(choice(i), 64, large.data());
    for (const int64_t size : {32, 16}) {
      const int64_t block = 64 / size;
      draw_shape(choice(i), size, small.data());
      int64_t different = 0;
      for (int64_t y = 0; y < size; ++y) {
        for (int64_t x = 0; x < size; ++x) {
          double sum = 0;
          for (int64_t p = 0; p < block * block; ++p) {
            const int64_t row = y * block + p / block, column = x * block + p % block;
            sum += large[static_cast<size_t>(row * 64 + column)];
          }
          const double average = std::floor(sum / static_cast<double>(block * block) + 0.5);
          different += average != small[static_cast<size_t>(y * size + x)];
        }
      }
      CHECK(different == 0);
    }
  }
}

TEST_CASE("shapes: orientations 0 and 39 are one angle, bad requests are refused") {
  Bytes first(4096), last(4096);
  for (int64_t shape = 0; shape < 3; ++shape) {
    const int64_t index = (shape * 6 + 5) * 40 * 1024 + 17 * 32 + 9;
    draw_shape(index, 64, first.data());
    draw_shape(index + 39 * 1024, 64, last.data());
    CHECK(first == last);
    CHECK(mean(first) > 5);
  }
  check_refused([&] { draw_shape(0, 28, first.data()); }, Code::usage,
                {"size 28 cannot be drawn: give 16, 32 or 64"});
  check_refused([&] { draw_shape(737280, 64, first.data()); }, Code::usage,
                {"image 737280 does not exist"});
  check_refused([] { shape_factors(-1); }, Code::usage, {"image -1 does not exist"});
}

TEST_CASE("load_data: shapes are the same everywhere, with factors and without overlap") {
  const DataSet data = load_data("shapes", {});
  CHECK(data.train.n == 16384);
  CHECK(data.test.n == 2048);
  CHECK(data.train.pixels.size() == 16384 * 32 * 32);
  CHECK(data.train.factor_count == 5);
  CHECK(data.files.empty());
  CHECK(data.source.find("reproduction") != std::string::npos);
  std::set<int64_t> seen;
  for (const Images* images : {&data.train, &data.test}) {
    for (size_t i = 0; i < images->factors.size(); i += 5) {
      int64_t index = 0;
      for (size_t k = 0; k < 5; ++k) {
        index = index * kShapeFactorSizes[k] + images->factors[i + k];
      }
      seen.insert(index);
    }
  }
  CHECK(seen.size() == 16384 + 2048);
  uint64_t hash = 14695981039346656037u;  // FNV-1a, 64 bits
  for (const uint8_t v : data.train.pixels) hash = (hash ^ v) * 1099511628211u;
  CHECK(hash == 0x87BF80E6C0D384CCu);

  const DataSet few = load_data("shapes", {.limit = 10, .size = 64});
  CHECK(few.train.n == 10);
  CHECK(few.train.h == 64);
  CHECK(few.test.n == 2048);
  CHECK(std::equal(few.train.factors.begin(), few.train.factors.end(), data.train.factors.begin()));
}

TEST_CASE("load_data: upright shapes are each of the 18,432 that are not turned, once") {
  const DataSet data = load_data("shapes", {.size = 16, .upright = true});
  std::set<std::vector<uint8_t>> seen;
  Bytes drawn(16 * 16);
  for (const Images* images : {&data.train, &data.test}) {
    for (int64_t i = 0; i < images->n; ++i) {
      const uint8_t* const f = images->factors.data() + 5 * i;
      seen.insert({f, f + 5});
      CHECK(f[2] == 0);
      CHECK(images->labels[static_cast<size_t>(i)] == f[0]);
      draw_shape(((f[0] * 6 + f[1]) * 40 * 32 + f[3]) * 32 + f[4], 16, drawn.data());
      CHECK(std::equal(drawn.begin(), drawn.end(), images->pixels.begin() + 256 * i));
    }
  }
  CHECK(seen.size() == 3 * 6 * 32 * 32);
  check_refused([] { load_data("digits", {.upright = true}); }, Code::usage,
                {"data.upright", "only shapes"});
}

TEST_CASE("load_data: the embedded digits equal the file they came from") {
  const DataSet digits = load_data("digits", {});
  CHECK(digits.train.n == 1500);
  CHECK(digits.test.n == 297);
  CHECK(load_data("digits", {.limit = 7}).train.n == 7);
  const std::string data = real_data("comparison of the digits");
  if (data.empty()) return;
  const auto pixels = read_idx(data + "/digits8x8/digits-images-idx3-ubyte.gz");
  const auto labels = read_idx(data + "/digits8x8/digits-labels-idx1-ubyte.gz");
  Bytes expected, found = digits.train.pixels;
  for (const uint8_t v : pixels.bytes)
    expected.push_back(static_cast<uint8_t>(v * 255 / 16.0 + 0.5));
  found.insert(found.end(), digits.test.pixels.begin(), digits.test.pixels.end());
  CHECK(found == expected);
  std::vector<int32_t> all = digits.train.labels;
  all.insert(all.end(), digits.test.labels.begin(), digits.test.labels.end());
  CHECK(all == std::vector<int32_t>(labels.bytes.begin(), labels.bytes.end()));
}

TEST_CASE("load_data: mnist has the means it is known to have") {
  const std::string data = real_data("mnist");
  if (data.empty()) return;
  const DataSet mnist = load_data("mnist", {.path = data});
  CHECK(mnist.train.n == 60000);
  CHECK(mnist.test.n == 10000);
  CHECK(mnist.train.labels.size() == 60000);
  CHECK(mnist.files.size() == 4);
  CHECK(std::abs(mean(mnist.train.pixels) - 33.3184) < 5e-5);
  CHECK(std::abs(mean(mnist.test.pixels) - 33.7912) < 5e-5);
  const auto label_mean = [](const std::vector<int32_t>& labels) {
    return std::accumulate(labels.begin(), labels.end(), 0.0) / static_cast<double>(labels.size());
  };
  CHECK(std::abs(label_mean(mnist.train.labels) - 4.4539) < 5e-5);
  CHECK(std::abs(label_mean(mnist.test.labels) - 4.4434) < 5e-5);
  const DataSet few = load_data("mnist", {.path = data + "/mnist", .limit = 100});
  CHECK(few.train.n == 100);
  CHECK(few.train.labels.size() == 100);
  CHECK(few.test.n == 10000);
}

TEST_CASE("load_data: fashion-mnist is found where Debian puts it, or its package is named") {
  try {
    const DataSet fashion = load_data("fashion-mnist", {.limit = 1000});
    CHECK(fashion.train.n == 1000);
    CHECK(fashion.test.n == 10000);
    CHECK(fashion.train.h == 28);
  } catch (const Error& error) {
    MESSAGE("fashion-mnist is not installed: only the message is checked");
    CHECK(error.code == Code::input);
    CHECK(std::string(error.what()).find("apt-get install dataset-fashion-mnist") !=
          std::string::npos);
  }
}

TEST_CASE("load_data: a folder of IDX files is a data set of its own") {
  const Folder folder;
  const auto load = [&](int64_t limit) {
    return load_data("mine", {.path = folder.path, .limit = limit});
  };
  check_refused([&] { load(0); }, Code::input, {"has no file train-images*", "'mine'"});

  const Bytes pixels = noise(25 * 2 * 3);
  folder.write("train-images.idx3-ubyte.gz", gzip(idx_bytes(0x08, {25, 2, 3}, pixels)));
  folder.write("train-labels.idx1-short", idx_bytes(0x0B, {25}, noise(50)));
  const DataSet held_out = load(0);
  CHECK(held_out.name == "mine");
  CHECK(held_out.train.n == 23);
  CHECK(held_out.test.n == 2);
  CHECK(held_out.test.labels.size() == 2);
  CHECK(std::equal(held_out.test.pixels.begin(), held_out.test.pixels.end(),
                   pixels.begin() + 23 * 6));
  CHECK(load(10).train.n == 9);
  CHECK(load(10).test.n == 1);
  check_refused([&] { load_data("mnist", {.path = folder.path}); }, Code::input,
                {"has train-images* but no t10k-images*"});

  folder.write("test-images-idx4-ubyte", idx_bytes(0x08, {4, 2, 3, 1}, noise(24)));
  CHECK(load(10).train.n == 10);
  CHECK(load(10).test.n == 4);
  CHECK(load(10).files.size() == 3);
  folder.write("test-images-idx4-ubyte", idx_bytes(0x08, {4, 2, 1, 3}, noise(24)));
  check_refused([&] { load(0); }, Code::input, {"2 x 3 x 1, test images 2 x 1 x 3"});
  folder.write("test-images-idx4-ubyte", idx_bytes(0x08, {2, 2, 1, 6}, noise(24)));
  check_refused([&] { load(0); }, Code::input, {"has 4 extents, the last is 6"});
  folder.write("test-images-idx4-ubyte", idx_bytes(0x0D, {2, 2, 3}, noise(48)));
  check_refused([&] { load(0); }, Code::input, {"pixels are not bytes (type 08)"});

  folder.write("train-labels.idx1-short", idx_bytes(0x0B, {24}, noise(48)));
  check_refused([&] { load(0); }, Code::input, {"holds 24 labels, but ", "holds 25 images"});
  check_refused([&] { load(3); }, Code::input, {"holds 24 labels, but ", "holds 25 images"});
  folder.write("train-labels.idx1-short", idx_bytes(0x0B, {25, 1}, noise(50)));
  check_refused([&] { load(0); }, Code::input, {"labels have 2 extents, expected 1"});
  folder.write("train-labels.idx1-short", idx_bytes(0x0D, {25}, noise(100)));
  check_refused([&] { load(0); }, Code::input, {"labels are real numbers"});
}

TEST_CASE("load_data: unknown names, sizes and folders are refused with advice") {
  check_refused([] { load_data("mnits", {}); }, Code::usage,
                {"unknown data set 'mnits'. Did you mean 'mnist'?", "shapes, digits"});
  check_refused([] { load_data("digits", {.path = "no/such"}); }, Code::input,
                {"no/such: there is no such folder. Check --data-path"});
  check_refused([] { load_data("digits", {.limit = -1}); }, Code::usage, {"-1 is negative"});
  check_refused([] { load_data("digits", {.size = 16}); }, Code::usage,
                {"data.size is 16, but these images are 8 x 8"});
  check_refused([] { load_data("shapes", {.size = 28}); }, Code::usage,
                {"data.size is 28, but shapes are drawn at 16, 32 or 64"});
  CHECK(load_data("digits", {.size = 8}).train.h == 8);
  CHECK(data_names().size() == 4);
}

}  // namespace
}  // namespace lat::test
