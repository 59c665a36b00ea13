// IDX files good and bad.
#include "engine/data/idx.h"

#include <algorithm>
#include <cstring>

#include "tests/engine/data_files.h"

namespace lat::test {
namespace {

TEST_CASE("idx: what is written is read back, plain and gzip, for every type and rank") {
  const Folder folder;
  for (const IdxType type : {IdxType::u8, IdxType::i16, IdxType::i32, IdxType::f32, IdxType::f64}) {
    std::vector<int64_t> dims;
    for (const int64_t extent : {5, 3, 2, 4}) {
      dims.push_back(extent);
      int64_t size = idx_size(type);
      for (const int64_t e : dims) size *= e;
      const IdxArray array{type, dims, noise(static_cast<size_t>(size)), dims[0]};
      write_idx(folder / "plain", array);
      std::ifstream file(folder / "plain", std::ios::binary);
      const Bytes plain{std::istreambuf_iterator<char>(file), {}};
      folder.write("packed", gzip(plain));
      for (const char* name : {"plain", "packed"}) {
        const IdxArray read = read_idx(folder / name);
        CHECK(read.type == type);
        CHECK(read.dims == dims);
        CHECK(read.bytes == array.bytes);
        const IdxArray two = read_idx(folder / name, 2);
        CHECK(two.dims[0] == 2);
        CHECK(two.promised == 5);
        CHECK(std::equal(two.bytes.begin(), two.bytes.end(), array.bytes.begin()));
      }
    }
  }
}

TEST_CASE("idx: values are big-endian in the file") {
  const Folder folder;
  const IdxArray i16 =
      read_idx(folder.write("i16", idx_bytes(0x0B, {2}, {0x01, 0x02, 0xFF, 0xFE})));
  int16_t values[2];
  std::memcpy(values, i16.bytes.data(), sizeof values);
  CHECK(values[0] == 258);
  CHECK(values[1] == -2);
  const IdxArray f32 = read_idx(folder.write("f32", idx_bytes(0x0D, {1}, {0x3F, 0xC0, 0, 0})));
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
  CHECK(read_idx(folder.write("joined.gz", joined)).bytes == noise(90000));
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
  check_refused([&] { read_idx(path); }, Code::input, {text});
  check_refused([&] { read_idx(path, 10000); }, Code::input, {"cut short at image 9,999"});
  CHECK(read_idx(path, 9999).dims == std::vector<int64_t>{9999, 28, 28});

  const Bytes whole = gzip(idx_bytes(0x08, {1000, 10, 10}, noise(100000)));
  const std::string packed = folder.write("p.gz", Bytes(whole.begin(), whole.begin() + 50000));
  check_refused([&] { read_idx(packed); }, Code::input,
                {"p.gz: file unpacks to ",
                 " bytes but its header promises 100,016 "
                 "(1000 x 10 x 10). The file looks cut short at image ",
                 "--set data.limit="});
  CHECK(read_idx(packed, 100).bytes.size() == 10000);
  check_refused(
      [&] {
        read_idx(folder.write("l", idx_bytes(0x0B, {3}, {1, 2, 3})));
      },
      Code::input, {"cut short at entry 1."});
  check_refused([&] { read_idx(folder.write("m", idx_bytes(0x0B, {3}, {1}))); }, Code::input,
                {"cut short at entry 0. Fetch it again."});
}

TEST_CASE("idx: missing, empty, short and foreign files are refused by name") {
  const Folder folder;
  const auto refused = [&](const Bytes& bytes, std::initializer_list<std::string> parts) {
    check_refused([&] { read_idx(folder.write("bad", bytes)); }, Code::input, parts);
    if (!bytes.empty()) {
      check_refused([&] { read_idx(folder.write("bad.gz", gzip(bytes))); }, Code::input, parts);
    }
  };
  check_refused([&] { read_idx(folder / "none"); }, Code::input, {"none: there is no such"});
  check_refused([&] { read_idx(folder.path); }, Code::input,
                {"there is no such file, or it is a folder"});
  check_refused([&] { read_idx(folder / "none", -1); }, Code::usage, {"limit -1 is negative"});
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
    check_refused([&] { read_idx(folder.write("bad", bytes)); }, Code::input, parts);
    check_refused([&] { read_idx(folder.write("bad.gz", gzip(bytes))); }, Code::input, parts);
  };
  constexpr uint32_t kHuge = 0x7FFFFFFF;
  refused(idx_bytes(0x08, {5, 0, 3}, {}), {"extent 1 at byte 8 is 0, expected 1 to 2,147,483,647"});
  refused(idx_bytes(0x08, {0x80000000}, {}), {"extent 0 at byte 4 is 2,147,483,648, expected"});
  refused(idx_bytes(0x08, {kHuge, kHuge, kHuge}, {}), {"more than 2^63 bytes"});
  refused(idx_bytes(0x0E, {kHuge, kHuge, 1, 1}, {}), {"more than 2^63 bytes"});
  refused(idx_bytes(0x08, {kHuge, kHuge}, {1, 2}),
          {"but its header promises 4,611,686,014,132,42"});
  check_refused([&] { read_idx(folder / "bad.gz"); }, Code::input,
                {"gzip file is ", " and can unpack to at most "});
}

TEST_CASE("idx: trailing bytes and damaged gzip data are refused") {
  const Folder folder;
  Bytes bytes = idx_bytes(0x08, {100, 100}, noise(10000));
  const Bytes packed = gzip(bytes);
  bytes.push_back(0);
  check_refused([&] { read_idx(folder.write("b", bytes)); }, Code::input,
                {"file is 10,013 bytes but its header promises 10,012 (100 x 100)",
                 "1 bytes too many, from byte 10,012 on"});
  check_refused([&] { read_idx(folder.write("b.gz", gzip(bytes))); }, Code::input,
                {"more data than the header's 10,012 bytes (100 x 100)"});
  CHECK(read_idx(folder / "b", 99).dims[0] == 99);

  const auto damaged = [&](const Bytes& data, std::initializer_list<std::string> parts) {
    check_refused([&] { read_idx(folder.write("d.gz", data)); }, Code::input, parts);
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
          unusable += read_idx(path).bytes.size() > values.size();
        } catch (const Error& error) {
          unusable += error.code != Code::input;
        }
      }
      const Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(at));
      CHECK_THROWS_AS(read_idx(folder.write("f", cut)), Error);
    }
  }
  CHECK(unusable == 0);
}

TEST_CASE("idx: the writer refuses shapes that do not fit and folders that do not exist") {
  const Folder folder;
  const auto refused = [&](std::vector<int64_t> dims, size_t bytes) {
    check_refused(
        [&] {
          write_idx(folder / "w", {IdxType::i16, std::move(dims), Bytes(bytes), 0});
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
        write_idx(folder / "no/w", {IdxType::u8, {1}, {1}, 1});
      },
      Code::machine, {"cannot be written (1 bytes)"});
}

}  // namespace
}  // namespace lat::test
