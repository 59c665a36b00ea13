// .npy files as NumPy writes them, broken ones, and .npz files that any zip program opens.
#include "engine/data/numpy.h"

#include <doctest/doctest.h>

#include <cstring>

#include "engine/data/file.h"
#include "tests/engine/data_files.h"

namespace lat::test {
namespace {

std::string npy(const std::string& descr, const std::string& shape, const std::string& data,
                const std::string& order = "False") {
  std::string header =
      "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
  header.resize(118 - 1, ' ');
  header += '\n';
  return std::string("\x93NUMPY\1\0", 8) + static_cast<char>(header.size()) + '\0' + header + data;
}

template <class T>
std::string bytes_of(std::initializer_list<T> values) {
  std::string out;
  for (const T v : values) out.append(reinterpret_cast<const char*>(&v), sizeof(v));
  return out;
}

// The number of `bytes` bytes at `at`.
size_t number_at(const std::string& s, size_t at, size_t bytes) {
  size_t x = 0;
  for (size_t k = bytes; k-- > 0;) x = x << 8 | static_cast<unsigned char>(s[at + k]);
  return x;
}

}  // namespace

TEST_CASE("npy: every kind of number") {
  const Folder in;
  const auto read = [&](const std::string& bytes) { return read_npy(in.write("a.npy", bytes)); };
  const NumpyArray ints = read(npy("<i8", "(2, 3)", bytes_of<int64_t>({1, -2, 3, 4, 5, 6})));
  CHECK(ints.shape == std::vector<i64>{2, 3});
  CHECK(ints.values == std::vector<double>{1, -2, 3, 4, 5, 6});
  CHECK(read(npy("<f4", "(2,)", bytes_of<float>({0.5f, -1}))).values ==
        std::vector<double>{0.5, -1});
  CHECK(read(npy("<f8", "()", bytes_of<double>({0.1}))).values == std::vector<double>{0.1});
  CHECK(read(npy("|b1", "(3,)", bytes_of<uint8_t>({1, 0, 1}))).values ==
        std::vector<double>{1, 0, 1});
  CHECK(read(npy("<i4", "(1,)", bytes_of<int32_t>({-7}))).values == std::vector<double>{-7});
  CHECK(read(npy("<f8", "(0, 4)", "")).values.empty());
}

TEST_CASE("npy: what is none, or cannot be read, is refused with the reason") {
  const Folder in;
  const auto refused = [&](const std::string& bytes, const std::string& part) {
    const std::string path = in.write("a.npy", bytes);
    check_refused([&] { read_npy(path); }, Code::input, {path, part});
  };
  refused("hello", "no .npy file");
  refused(std::string("\x93NUMPY\7\0\2\0xxxx", 14), "version 7");
  refused(std::string("\x93NUMPY\1\0\xff\xff{'descr'", 18), "within its header");
  refused(npy("<f8", "(3,)", bytes_of<double>({1, 2})), "needs 24");
  refused(npy("<f8", "(1,)", bytes_of<double>({1, 2})), "needs 8");
  refused(npy("|O", "(1,)", "x"), "'|O'");
  refused(npy(">f8", "(1,)", bytes_of<double>({1})), "little-endian");
  refused(npy("<f8", "(2, 2)", bytes_of<double>({1, 2, 3, 4}), "True"), "ascontiguousarray");
  refused(npy("<f8", "(-1,)", ""), "shape");
  refused(npy("<f8", "(99999999999, 99999999999)", ""), "elements");
  refused(npy("<i8", "(1,)", bytes_of<int64_t>({(int64_t{1} << 60) + 1})), "2^53");
  check_refused([&] { read_npy(in / "none.npy"); }, Code::input, {"none.npy"});
  // Any prefix of a good file is refused.
  const std::string good = npy("<f8", "(2,)", bytes_of<double>({1, 2}));
  for (size_t n = 0; n < good.size(); ++n) {
    const std::string path = in.write("cut.npy", good.substr(0, n));
    CHECK_THROWS_AS(read_npy(path), Error);
  }
}

TEST_CASE("npz: stored entries with their sums, each a .npy that reads back") {
  const Folder in;
  const std::vector<double> x{1, 0.1, -3, 4e300, 5, 6};
  write_npz(in / "t.npz",
            {{"x", NumpyMember::f64, {2, 3}, x}, {"yes", NumpyMember::boolean, {3}, {0, 1, 1}}});
  const std::string all = in.read("t.npz");
  size_t at = 0;
  for (const std::string name : {"x.npy", "yes.npy"}) {
    REQUIRE(number_at(all, at, 4) == 0x04034b50);
    CHECK(number_at(all, at + 8, 2) == 0);  // stored
    const size_t size = number_at(all, at + 18, 4), length = number_at(all, at + 26, 2);
    CHECK(number_at(all, at + 22, 4) == size);
    CHECK(all.substr(at + 30, length) == name);
    const std::string data = all.substr(at + 30 + length, size);
    CHECK(number_at(all, at + 14, 4) ==
          ::crc32(0, reinterpret_cast<const Bytef*>(data.data()), static_cast<uInt>(size)));
    const NumpyArray back = read_npy(in.write(name, data));
    if (name == "x.npy") {
      CHECK(back.shape == std::vector<i64>{2, 3});
      CHECK(back.values == x);
    } else {
      CHECK(back.values == std::vector<double>{0, 1, 1});
    }
    at += 30 + length + size;
  }
  const size_t end = all.size() - 22;  // the end of the directory
  REQUIRE(number_at(all, end, 4) == 0x06054b50);
  CHECK(number_at(all, end + 10, 2) == 2);
  CHECK(number_at(all, end + 16, 4) == at);
  CHECK(number_at(all, at, 4) == 0x02014b50);
  CHECK(at + number_at(all, end + 12, 4) == end);
  check_refused(
      [&] {
        write_npz(in / "t.npz", {{"x", NumpyMember::f64, {2, 2}, x}});
      },
      Code::usage, {"'x'", "6 values", "4"});
}

}  // namespace lat::test
