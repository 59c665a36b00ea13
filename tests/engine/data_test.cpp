// Data: IDX files good and bad, the sets by name, the permutation, the batches.
// Real files are read from the folder named by the environment variable LATENT_DATA.
#include <doctest/doctest.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <numeric>
#include <set>

#include "engine/core/error.h"
#include "engine/data/batches.h"
#include "engine/data/idx.h"
#include "engine/data/images.h"
#include "engine/data/permutation.h"
#include "engine/data/shapes.h"

namespace {

using lat::Code;
using Bytes = std::vector<uint8_t>;

// A folder for one test case, removed at its end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "latent-data-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  std::string write(const std::string& name, const Bytes& bytes) const {
    std::ofstream file(*this / name, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return *this / name;
  }

 private:
  std::string path_;
};

// The folder of the real data sets, or "" after saying aloud what is skipped.
std::string real_data(const std::string& what) {
  const char* folder = std::getenv("LATENT_DATA");
  if (folder) return folder;
  MESSAGE("LATENT_DATA not set: ", what, " skipped");
  return "";
}

template <class F>
void check_refused(F action, Code code, std::initializer_list<std::string> parts) {
  try {
    action();
    FAIL_CHECK("nothing was refused");
  } catch (const lat::Error& error) {
    const std::string text = error.what();
    CHECK_MESSAGE(error.code == code, text);
    for (const std::string& part : parts) {
      CHECK_MESSAGE(text.find(part) != std::string::npos, "'", text, "' lacks '", part, "'");
    }
  }
}

Bytes gzip(const Bytes& bytes) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes packed(deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<uint8_t*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

Bytes idx_bytes(uint8_t type, std::initializer_list<uint32_t> dims, const Bytes& values) {
  Bytes bytes = {0, 0, type, static_cast<uint8_t>(dims.size())};
  for (const uint32_t extent : dims) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<uint8_t>(extent >> shift));
    }
  }
  bytes.insert(bytes.end(), values.begin(), values.end());
  return bytes;
}

// Values with no repetition that gzip could profit from.
Bytes noise(size_t n) {
  Bytes values(n);
  uint32_t state = 1;
  for (uint8_t& v : values) v = static_cast<uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  return values;
}

double mean(const Bytes& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

lat::Images counting_images(int64_t n) {
  lat::Images images;
  images.n = n, images.h = 1, images.w = 2;
  for (int64_t i = 0; i < n; ++i) {
    images.pixels.push_back(static_cast<uint8_t>(i % 256));
    images.pixels.push_back(static_cast<uint8_t>(i / 256));
    images.labels.push_back(static_cast<int32_t>(i));
  }
  return images;
}

}  // namespace

TEST_CASE("idx: what is written is read back, plain and gzip, for every type and rank") {
  const Folder folder;
  using lat::IdxType;
  for (const IdxType type : {IdxType::u8, IdxType::i16, IdxType::i32, IdxType::f32, IdxType::f64}) {
    std::vector<int64_t> dims;
    for (const int64_t extent : {5, 3, 2, 4}) {
      dims.push_back(extent);
      int64_t size = lat::idx_size(type);
      for (const int64_t e : dims) size *= e;
      const lat::IdxArray array{type, dims, noise(static_cast<size_t>(size)), dims[0]};
      lat::write_idx(folder / "plain", array);
      std::ifstream file(folder / "plain", std::ios::binary);
      const Bytes plain{std::istreambuf_iterator<char>(file), {}};
      folder.write("packed", gzip(plain));
      for (const char* name : {"plain", "packed"}) {
        const lat::IdxArray read = lat::read_idx(folder / name);
        CHECK(read.type == type);
        CHECK(read.dims == dims);
        CHECK(read.bytes == array.bytes);
        const lat::IdxArray two = lat::read_idx(folder / name, 2);
        CHECK(two.dims[0] == 2);
        CHECK(two.promised == 5);
        CHECK(std::equal(two.bytes.begin(), two.bytes.end(), array.bytes.begin()));
      }
    }
  }
}

TEST_CASE("idx: values are big-endian in the file") {
  const Folder folder;
  const lat::IdxArray i16 =
      lat::read_idx(folder.write("i16", idx_bytes(0x0B, {2}, {0x01, 0x02, 0xFF, 0xFE})));
  int16_t values[2];
  std::memcpy(values, i16.bytes.data(), sizeof values);
  CHECK(values[0] == 258);
  CHECK(values[1] == -2);
  const lat::IdxArray f32 =
      lat::read_idx(folder.write("f32", idx_bytes(0x0D, {1}, {0x3F, 0xC0, 0, 0})));
  float real = 0;
  std::memcpy(&real, f32.bytes.data(), sizeof real);
  CHECK(real == 1.5f);
}

TEST_CASE("idx: gzip members joined end to end are one file") {
  const Folder folder;
  const Bytes plain = idx_bytes(0x08, {300, 300}, noise(90000));
  Bytes joined = gzip(Bytes(plain.begin(), plain.begin() + 500));
  const Bytes rest = gzip(Bytes(plain.begin() + 500, plain.end()));
  joined.insert(joined.end(), rest.begin(), rest.end());
  CHECK(lat::read_idx(folder.write("joined.gz", joined)).bytes == noise(90000));
}

TEST_CASE("idx: a file cut short says where, and a limit makes it usable") {
  const Folder folder;
  Bytes bytes = idx_bytes(0x08, {60000, 28, 28}, {});
  bytes.resize(7840000, 7);
  const std::string path = folder.write("train-images.idx", bytes);
  const std::string text =
      "train-images.idx: file is 7,840,000 bytes but its header promises 47,040,016 "
      "(60000 x 28 x 28). The file looks cut short at image 9,999. Fetch it again, or use "
      "--set data.limit=9999 to train on what is there.";
  check_refused([&] { lat::read_idx(path); }, Code::input, {text});
  check_refused([&] { lat::read_idx(path, 10000); }, Code::input, {"cut short at image 9,999"});
  CHECK(lat::read_idx(path, 9999).dims == std::vector<int64_t>{9999, 28, 28});

  const Bytes whole = gzip(idx_bytes(0x08, {1000, 10, 10}, noise(100000)));
  const std::string packed = folder.write("p.gz", Bytes(whole.begin(), whole.begin() + 50000));
  check_refused([&] { lat::read_idx(packed); }, Code::input,
                {"p.gz: file unpacks to ",
                 " bytes but its header promises 100,016 "
                 "(1000 x 10 x 10). The file looks cut short at image ",
                 "--set data.limit="});
  CHECK(lat::read_idx(packed, 100).bytes.size() == 10000);
  check_refused(
      [&] {
        lat::read_idx(folder.write("l", idx_bytes(0x0B, {3}, {1, 2, 3})));
      },
      Code::input, {"cut short at entry 1."});
  check_refused([&] { lat::read_idx(folder.write("m", idx_bytes(0x0B, {3}, {1}))); }, Code::input,
                {"cut short at entry 0. Fetch it again."});
}

TEST_CASE("idx: missing, empty, short and foreign files are refused by name") {
  const Folder folder;
  const auto refused = [&](const Bytes& bytes, std::initializer_list<std::string> parts) {
    check_refused([&] { lat::read_idx(folder.write("bad", bytes)); }, Code::input, parts);
    if (!bytes.empty()) {
      check_refused([&] { lat::read_idx(folder.write("bad.gz", gzip(bytes))); }, Code::input,
                    parts);
    }
  };
  check_refused([&] { lat::read_idx(folder / "none"); }, Code::input, {"none: there is no such"});
  check_refused([&] { lat::read_idx(folder.path()); }, Code::input,
                {"there is no such file, or it is a folder"});
  check_refused([&] { lat::read_idx(folder / "none", -1); }, Code::usage, {"limit -1 is negative"});
  refused({}, {"bad: the file is empty (0 bytes), expected at least 8"});
  refused({0, 0, 8}, {"the data ends at byte 3, inside the 4 bytes of an IDX magic"});
  refused({0, 0, 8, 3, 0, 0, 0}, {"the data ends at byte 7, inside its header of 16 bytes"});
  refused({0x89, 'P', 'N', 'G', 13, 10}, {"bytes 0 to 3 are 89 50 4e 47, expected 00 00 TT NN"});
  refused(idx_bytes(0x09, {1}, {1}), {"00 00 09 01", "08, 0b, 0c, 0d or 0e"});
  refused(idx_bytes(0x08, {}, {1}), {"00 00 08 00", "NN of 1 to 4"});
  refused(idx_bytes(0x08, {1, 1, 1, 1, 1}, {1}), {"00 00 08 05"});
}

TEST_CASE("idx: impossible headers are refused before memory is taken") {
  const Folder folder;
  const auto refused = [&](const Bytes& bytes, std::initializer_list<std::string> parts) {
    check_refused([&] { lat::read_idx(folder.write("bad", bytes)); }, Code::input, parts);
    check_refused([&] { lat::read_idx(folder.write("bad.gz", gzip(bytes))); }, Code::input, parts);
  };
  constexpr uint32_t kHuge = 0x7FFFFFFF;
  refused(idx_bytes(0x08, {5, 0, 3}, {}), {"extent 1 at byte 8 is 0, expected 1 to 2,147,483,647"});
  refused(idx_bytes(0x08, {0x80000000}, {}), {"extent 0 at byte 4 is 2,147,483,648, expected"});
  refused(idx_bytes(0x08, {kHuge, kHuge, kHuge}, {}), {"more than 2^63 bytes"});
  refused(idx_bytes(0x0E, {kHuge, kHuge, 1, 1}, {}), {"more than 2^63 bytes"});
  refused(idx_bytes(0x08, {kHuge, kHuge}, {1, 2}),
          {"but its header promises 4,611,686,014,132,42"});
  check_refused([&] { lat::read_idx(folder / "bad.gz"); }, Code::input,
                {"gzip file is ", " and can unpack to at most "});
}

TEST_CASE("idx: trailing bytes and damaged gzip data are refused") {
  const Folder folder;
  Bytes bytes = idx_bytes(0x08, {100, 100}, noise(10000));
  const Bytes packed = gzip(bytes);
  bytes.push_back(0);
  check_refused([&] { lat::read_idx(folder.write("b", bytes)); }, Code::input,
                {"file is 10,013 bytes but its header promises 10,012 (100 x 100)",
                 "1 bytes too many, from byte 10,012 on"});
  check_refused([&] { lat::read_idx(folder.write("b.gz", gzip(bytes))); }, Code::input,
                {"more data than the header's 10,012 bytes (100 x 100)"});
  CHECK(lat::read_idx(folder / "b", 99).dims[0] == 99);

  const auto damaged = [&](const Bytes& data, std::initializer_list<std::string> parts) {
    check_refused([&] { lat::read_idx(folder.write("d.gz", data)); }, Code::input, parts);
  };
  Bytes wrong_sum = packed;
  wrong_sum[wrong_sum.size() - 8] ^= 1;
  damaged(wrong_sum, {"the gzip data is damaged at byte ", "incorrect data check", "Fetch it"});
  Bytes wrong_length = packed;
  wrong_length.back() ^= 1;
  damaged(wrong_length, {"incorrect length check"});
  Bytes trailing = packed;
  trailing.insert(trailing.end(), {'t', 'a', 'i', 'l'});
  damaged(trailing, {"incorrect header check"});
  damaged(Bytes(packed.begin(), packed.end() - 8), {"ends before its check sum, at byte "});
  damaged(Bytes(packed.begin(), packed.begin() + 12), {"d.gz: "});
}

TEST_CASE("idx: any single flipped or missing byte gives the data or an Error, never more") {
  const Folder folder;
  const Bytes values = noise(60);
  const Bytes plain = idx_bytes(0x08, {5, 3, 4}, values);
  int64_t unusable = 0;
  for (const Bytes& good : {plain, gzip(plain)}) {
    for (size_t at = 0; at < good.size(); ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        Bytes bad = good;
        bad[at] = static_cast<uint8_t>(bad[at] ^ (1 << bit));
        const std::string path = folder.write("f", bad);
        try {
          unusable += lat::read_idx(path).bytes.size() > values.size();
        } catch (const lat::Error& error) {
          unusable += error.code != Code::input;
        }
      }
      const Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(at));
      CHECK_THROWS_AS(lat::read_idx(folder.write("f", cut)), lat::Error);
    }
  }
  CHECK(unusable == 0);
}

TEST_CASE("idx: the writer refuses shapes that do not fit and folders that do not exist") {
  const Folder folder;
  using lat::IdxType;
  const auto refused = [&](std::vector<int64_t> dims, size_t bytes) {
    check_refused(
        [&] {
          lat::write_idx(folder / "w", {IdxType::i16, std::move(dims), Bytes(bytes), 0});
        },
        Code::usage, {"is no shape for"});
  };
  refused({3}, 3);
  refused({}, 0);
  refused({1, 1, 1, 1, 1}, 2);
  refused({0}, 0);
  refused({int64_t{1} << 31}, 2);
  check_refused(
      [&] {
        lat::write_idx(folder / "no/w", {IdxType::u8, {1}, {1}, 1});
      },
      Code::machine, {"cannot be written (1 bytes)"});
}

TEST_CASE("shapes: the drawings differ from 320 real frames in at most 62 of 1,310,720 pixels") {
  const std::string data = real_data("comparison with the dSprites sample");
  if (data.empty()) return;
  const auto frames = lat::read_idx(data + "/dsprites/dsprites-sample320-idx3-ubyte.gz");
  const auto latents = lat::read_idx(data + "/dsprites/dsprites-sample320-latents-idx2-ubyte.gz");
  REQUIRE(frames.dims == std::vector<int64_t>{320, 64, 64});
  REQUIRE(latents.dims == std::vector<int64_t>{320, 6});
  int64_t wrong = 0;
  Bytes image(64 * 64);
  for (size_t n = 0; n < 320; ++n) {
    const uint8_t* latent = latents.bytes.data() + n * 6 + 1;
    int64_t index = 0;
    for (size_t k = 0; k < 5; ++k) index = index * lat::kShapeFactorSizes[k] + latent[k];
    const auto factors = lat::shape_factors(index);
    CHECK(std::equal(factors.begin(), factors.end(), latent));
    lat::draw_shape(index, 64, image.data());
    for (size_t p = 0; p < 4096; ++p) wrong += image[p] != 255 * frames.bytes[n * 4096 + p];
  }
  MESSAGE("wrong pixels: ", wrong);
  CHECK(wrong <= 62);
}

TEST_CASE("shapes: smaller images are area averages of the large one") {
  Bytes large(64 * 64), small(32 * 32);
  const lat::Permutation choice(lat::kShapeImages, 7, 0);
  for (int64_t i = 0; i < 300; ++i) {
    lat::draw_shape(choice(i), 64, large.data());
    for (const int64_t size : {32, 16}) {
      const int64_t block = 64 / size;
      lat::draw_shape(choice(i), size, small.data());
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
    lat::draw_shape(index, 64, first.data());
    lat::draw_shape(index + 39 * 1024, 64, last.data());
    CHECK(first == last);
    CHECK(mean(first) > 5);
  }
  check_refused([&] { lat::draw_shape(0, 28, first.data()); }, Code::usage,
                {"size 28 cannot be drawn: give 16, 32 or 64"});
  check_refused([&] { lat::draw_shape(737280, 64, first.data()); }, Code::usage,
                {"image 737280 does not exist"});
  check_refused([] { lat::shape_factors(-1); }, Code::usage, {"image -1 does not exist"});
}

TEST_CASE("load_data: shapes are the same everywhere, with factors and without overlap") {
  const lat::DataSet data = lat::load_data("shapes", {});
  CHECK(data.train.n == 16384);
  CHECK(data.test.n == 2048);
  CHECK(data.train.pixels.size() == 16384 * 32 * 32);
  CHECK(data.train.factor_count == 5);
  CHECK(data.files.empty());
  CHECK(data.source.find("reproduction") != std::string::npos);
  std::set<int64_t> seen;
  for (const lat::Images* images : {&data.train, &data.test}) {
    for (size_t i = 0; i < images->factors.size(); i += 5) {
      int64_t index = 0;
      for (size_t k = 0; k < 5; ++k) {
        index = index * lat::kShapeFactorSizes[k] + images->factors[i + k];
      }
      seen.insert(index);
    }
  }
  CHECK(seen.size() == 16384 + 2048);
  uint64_t hash = 14695981039346656037u;  // FNV-1a, 64 bits
  for (const uint8_t v : data.train.pixels) hash = (hash ^ v) * 1099511628211u;
  CHECK(hash == 0x87BF80E6C0D384CCu);

  const lat::DataSet few = lat::load_data("shapes", {.limit = 10, .size = 64});
  CHECK(few.train.n == 10);
  CHECK(few.train.h == 64);
  CHECK(few.test.n == 2048);
  CHECK(std::equal(few.train.factors.begin(), few.train.factors.end(), data.train.factors.begin()));
}

TEST_CASE("load_data: the embedded digits equal the file they came from") {
  const lat::DataSet digits = lat::load_data("digits", {});
  CHECK(digits.train.n == 1500);
  CHECK(digits.test.n == 297);
  CHECK(lat::load_data("digits", {.limit = 7}).train.n == 7);
  const std::string data = real_data("comparison of the digits");
  if (data.empty()) return;
  const auto pixels = lat::read_idx(data + "/digits8x8/digits-images-idx3-ubyte.gz");
  const auto labels = lat::read_idx(data + "/digits8x8/digits-labels-idx1-ubyte.gz");
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
  const lat::DataSet mnist = lat::load_data("mnist", {.path = data});
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
  const lat::DataSet few = lat::load_data("mnist", {.path = data + "/mnist", .limit = 100});
  CHECK(few.train.n == 100);
  CHECK(few.train.labels.size() == 100);
  CHECK(few.test.n == 10000);
}

TEST_CASE("load_data: fashion-mnist is found where Debian puts it, or its package is named") {
  try {
    const lat::DataSet fashion = lat::load_data("fashion-mnist", {.limit = 1000});
    CHECK(fashion.train.n == 1000);
    CHECK(fashion.test.n == 10000);
    CHECK(fashion.train.h == 28);
  } catch (const lat::Error& error) {
    MESSAGE("fashion-mnist is not installed: only the message is checked");
    CHECK(error.code == Code::input);
    CHECK(std::string(error.what()).find("apt-get install dataset-fashion-mnist") !=
          std::string::npos);
  }
}

TEST_CASE("load_data: a folder of IDX files is a data set of its own") {
  const Folder folder;
  const auto load = [&](int64_t limit) {
    return lat::load_data("mine", {.path = folder.path(), .limit = limit});
  };
  check_refused([&] { load(0); }, Code::input, {"has no file train-images*", "'mine'"});

  const Bytes pixels = noise(25 * 2 * 3);
  folder.write("train-images.idx3-ubyte.gz", gzip(idx_bytes(0x08, {25, 2, 3}, pixels)));
  folder.write("train-labels.idx1-short", idx_bytes(0x0B, {25}, noise(50)));
  const lat::DataSet held_out = load(0);
  CHECK(held_out.name == "mine");
  CHECK(held_out.train.n == 23);
  CHECK(held_out.test.n == 2);
  CHECK(held_out.test.labels.size() == 2);
  CHECK(std::equal(held_out.test.pixels.begin(), held_out.test.pixels.end(),
                   pixels.begin() + 23 * 6));
  CHECK(load(10).train.n == 9);
  CHECK(load(10).test.n == 1);
  check_refused([&] { lat::load_data("mnist", {.path = folder.path()}); }, Code::input,
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
  check_refused([] { lat::load_data("mnits", {}); }, Code::usage,
                {"unknown data set 'mnits'. Did you mean 'mnist'?", "shapes, digits"});
  check_refused([] { lat::load_data("digits", {.path = "no/such"}); }, Code::input,
                {"no/such: there is no such folder. Check --data-path"});
  check_refused([] { lat::load_data("digits", {.limit = -1}); }, Code::usage, {"-1 is negative"});
  check_refused([] { lat::load_data("digits", {.size = 16}); }, Code::usage,
                {"data.size is 16, but these images are 8 x 8"});
  check_refused([] { lat::load_data("shapes", {.size = 28}); }, Code::usage,
                {"data.size is 28, but shapes are drawn at 16, 32 or 64"});
  CHECK(lat::load_data("digits", {.size = 8}).train.h == 8);
  CHECK(lat::data_names().size() == 4);
}

TEST_CASE("permutation: a bijection for every n") {
  const auto is_bijection = [](int64_t n, uint64_t seed, uint64_t epoch) {
    const lat::Permutation permutation(n, seed, epoch);
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
  const lat::Permutation permutation(huge, 3, 0);
  std::set<int64_t> images;
  for (int64_t i = 0; i < 1000; ++i) {
    const int64_t to = permutation(huge - 1 - i);
    CHECK((to >= 0 && to < huge));
    images.insert(to);
  }
  CHECK(images.size() == 1000);
  check_refused([] { lat::Permutation(0, 1, 1); }, Code::usage, {"0 elements cannot be permuted"});
  check_refused([] { lat::Permutation(int64_t{1} << 62, 1, 1); }, Code::usage, {"2^62 - 1"});
}

TEST_CASE("permutation: a function of n, seed and epoch, another one for each") {
  const auto order = [](int64_t n, uint64_t seed, uint64_t epoch) {
    std::vector<int64_t> to;
    for (int64_t i = 0; i < 100; ++i) to.push_back(lat::Permutation(n, seed, epoch)(i));
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
static double chi_square_sigmas(const std::vector<int64_t>& counts, double freedom) {
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
      const lat::Permutation permutation(n, 11, epoch);
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
    const lat::Permutation p(4, 12, epoch);
    ++orders[static_cast<size_t>(((p(0) * 4 + p(1)) * 4 + p(2)) * 4 + p(3))];
  }
  std::erase(orders, 0);
  CHECK(orders.size() == 24);
  CHECK(std::abs(chi_square_sigmas(orders, 23)) < 4);
}

TEST_CASE("batches: a shuffled epoch holds each image at most once, a whole one exactly once") {
  const lat::Images images = counting_images(600);
  for (const int64_t batch : {1, 7, 100, 600}) {
    const lat::Batches batches(images, batch, 5, true);
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
  const lat::Images images = counting_images(100);
  const auto epoch_order = [&](int64_t batch, uint64_t seed, int64_t epoch) {
    const lat::Batches batches(images, batch, seed, true);
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
  const lat::Images images = counting_images(10);
  const lat::Batches batches(images, 4, 0, false);
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
  lat::Images images = counting_images(10);
  const lat::Images none;
  check_refused([&] { lat::Batches(none, 1, 0, false); }, Code::usage, {"there are no images"});
  check_refused([&] { lat::Batches(images, 11, 0, true); }, Code::usage,
                {"a batch of 11 cannot be drawn from 10 images: give 1 to 10"});
  check_refused([&] { lat::Batches(images, 0, 0, false); }, Code::usage, {"a batch of 0"});
  images.labels.clear();
  const lat::Batches batches(images, 2, 0, true);
  float x[4];
  int32_t labels[2];
  batches.fill(0, x, nullptr);
  check_refused([&] { batches.fill(0, x, labels); }, Code::usage, {"have no labels"});
  check_refused([&] { batches.fill(-1, x, nullptr); }, Code::usage, {"step -1 is negative"});
}
