#include "engine/data/numpy.h"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <string_view>

#include "engine/data/file.h"

namespace lat {

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie");

namespace {

constexpr size_t kMostBytes = size_t{1} << 32;
constexpr std::string_view kMagic{"\x93NUMPY", 6};

// What a .npy says of itself: a Python dictionary with three known keys.
class Header {
 public:
  Header(const std::string& path, std::string_view text) : path_(path), text_(text) {}

  std::string_view descr() const {
    const std::string_view v = value("descr");
    const size_t end = v.empty() || (v[0] != '\'' && v[0] != '"') ? v.npos : v.find(v[0], 1);
    LAT_CHECK(end != v.npos, Code::input, path_,
              "holds structured elements; expected an array of plain numbers");
    return v.substr(1, end - 1);
  }

  bool column_major() const { return value("fortran_order").starts_with("True"); }

  std::vector<i64> shape() const {
    std::string_view v = value("shape");
    const size_t end = v.find(')');
    LAT_CHECK(v.starts_with('(') && end != v.npos, Code::input, path_, "has no shape");
    v = v.substr(1, end - 1);
    std::vector<i64> dims;
    while (true) {
      v.remove_prefix(std::min(v.find_first_not_of(" ,"), v.size()));
      if (v.empty()) return dims;
      i64 extent = -1;
      const auto [rest, error] = std::from_chars(v.data(), v.data() + v.size(), extent);
      LAT_CHECK(error == std::errc() && extent >= 0, Code::input, path_,
                "has a shape that is none: ", text_);
      dims.push_back(extent);
      v.remove_prefix(static_cast<size_t>(rest - v.data()));
    }
  }

 private:
  std::string_view value(std::string_view key) const {
    const size_t at = text_.find(key);
    const size_t colon = at == text_.npos ? at : text_.find(':', at);
    LAT_CHECK(colon != text_.npos, Code::input, path_, "has no '", key, "' in its header");
    std::string_view v = text_.substr(colon + 1);
    v.remove_prefix(std::min(v.find_first_not_of(' '), v.size()));
    return v;
  }

  const std::string& path_;
  std::string_view text_;
};

template <class T>
std::vector<double> as_doubles(const std::string& path, const char* from, size_t n) {
  std::vector<double> out(n);
  for (size_t i = 0; i < n; ++i) {
    T x;
    std::memcpy(&x, from + i * sizeof(T), sizeof(T));
    out[i] = static_cast<double>(x);
    if constexpr (sizeof(T) == 8 && std::is_integral_v<T>)
      LAT_CHECK(out[i] <= 0x1p53 && out[i] >= -0x1p53, Code::input, path, "element ", i, " is ", x,
                "; whole numbers beyond 2^53 are not exact");
  }
  return out;
}

using Convert = std::vector<double> (*)(const std::string&, const char*, size_t);
struct Element {
  std::string_view descr;
  size_t bytes;
  Convert convert;
};
constexpr Element kElements[] = {
    {"|b1", 1, as_doubles<uint8_t>},  {"|i1", 1, as_doubles<int8_t>},
    {"|u1", 1, as_doubles<uint8_t>},  {"<i2", 2, as_doubles<int16_t>},
    {"<u2", 2, as_doubles<uint16_t>}, {"<i4", 4, as_doubles<int32_t>},
    {"<u4", 4, as_doubles<uint32_t>}, {"<i8", 8, as_doubles<int64_t>},
    {"<u8", 8, as_doubles<uint64_t>}, {"<f4", 4, as_doubles<float>},
    {"<f8", 8, as_doubles<double>},
};

}  // namespace

NumpyArray read_npy(const std::string& path) {
  const std::string bytes = read_file(path, kMostBytes);
  const std::string_view all = bytes;
  LAT_CHECK(all.starts_with(kMagic) && all.size() >= 12, Code::input, path,
            "is no .npy file; write one with numpy.save(path, array)");
  const auto number = [&](size_t at, size_t n) {
    size_t x = 0;
    for (size_t k = n; k-- > 0;) x = x << 8 | static_cast<unsigned char>(all[at + k]);
    return x;
  };
  const size_t version = number(6, 1);
  LAT_CHECK(version >= 1 && version <= 3, Code::input, path, "is of version ", version,
            " of .npy; expected 1, 2 or 3");
  const size_t width = version == 1 ? 2 : 4, length = number(8, width), begin = 8 + width + length;
  LAT_CHECK(begin <= all.size(), Code::input, path, "ends within its header of ", length, " bytes");
  const Header header(path, all.substr(8 + width, length));
  LAT_CHECK(!header.column_major(), Code::input, path,
            "is column-major; save numpy.ascontiguousarray(array)");
  NumpyArray array{header.shape(), {}};
  size_t n = 1;
  for (const i64 extent : array.shape) {
    LAT_CHECK(extent == 0 || n <= kMostBytes / static_cast<size_t>(extent), Code::input, path,
              "has a shape of more than ", kMostBytes, " elements");
    n *= static_cast<size_t>(extent);
  }
  const std::string_view descr = header.descr();
  for (const Element& e : kElements) {
    if (e.descr != descr) continue;
    LAT_CHECK(all.size() - begin == n * e.bytes, Code::input, path, "has ", all.size() - begin,
              " bytes of elements after byte ", begin, "; its shape needs ", n * e.bytes);
    array.values = e.convert(path, all.data() + begin, n);
    return array;
  }
  fail(Code::input, path, "holds elements '", descr,
       "'; expected bool, integers, float32 or float64, little-endian");
}

namespace {

template <class T>
void put(std::string& out, T x) {
  out.append(reinterpret_cast<const char*>(&x), sizeof(x));
}

std::string npy_bytes(const NumpyMember& m) {
  i64 n = 1;
  std::string shape;
  for (const i64 extent : m.shape) {
    n *= extent;
    shape += cat(extent, ",");
  }
  LAT_CHECK(n == static_cast<i64>(m.values.size()), Code::usage, "npz", "'", m.name, "' has ",
            m.values.size(), " values for a shape of ", n);
  std::string header = cat("{'descr': '", m.kind == NumpyMember::f64 ? "<f8" : "|b1",
                           "', 'fortran_order': False, 'shape': (", shape, "), }");
  constexpr size_t kAlign = 64, kBefore = 10;
  header.resize((kBefore + header.size() + 1 + kAlign - 1) / kAlign * kAlign - kBefore - 1, ' ');
  header += '\n';
  std::string out(kMagic);
  out += std::string("\1\0", 2);
  put(out, static_cast<uint16_t>(header.size()));
  out += header;
  for (const double v : m.values) {
    if (m.kind == NumpyMember::f64)
      put(out, v);
    else
      put(out, static_cast<uint8_t>(v != 0));
  }
  return out;
}

// The fields that a file's entry and its line in the directory share (APPNOTE.TXT 4.3.7, 4.3.12): version 2.0, stored,
// 1980-01-01.
void put_entry(std::string& out, const std::string& name, const std::string& data) {
  constexpr uint16_t kVersion = 20, kFlags = 0, kStored = 0, kTime = 0, kDate = 1 << 5 | 1;
  for (const uint16_t field : {kVersion, kFlags, kStored, kTime, kDate}) put(out, field);
  const auto size = static_cast<uint32_t>(data.size());
  put(out, static_cast<uint32_t>(
               ::crc32(0, reinterpret_cast<const Bytef*>(data.data()), static_cast<uInt>(size))));
  put(out, size);
  put(out, size);
  put(out, static_cast<uint16_t>(name.size()));
  put(out, uint16_t{0});  // no extra field
}

}  // namespace

void write_npz(const std::string& path, const std::vector<NumpyMember>& members) {
  std::string out, directory;
  for (const NumpyMember& m : members) {
    const std::string name = m.name + ".npy", data = npy_bytes(m);
    LAT_CHECK(out.size() + data.size() < kMostBytes - (1 << 20), Code::usage, path,
              "would be larger than 4 GiB; write fewer steps");
    put(directory, uint32_t{0x02014b50});
    put(directory, uint16_t{20});
    put_entry(directory, name, data);
    for (int zero = 0; zero < 3; ++zero) put(directory, uint16_t{0});  // comment, disk, text
    put(directory, uint32_t{0});
    put(directory, static_cast<uint32_t>(out.size()));
    directory += name;
    put(out, uint32_t{0x04034b50});
    put_entry(out, name, data);
    out += name + data;
  }
  std::string end;
  put(end, uint32_t{0x06054b50});
  put(end, uint32_t{0});  // disks
  for (int k = 0; k < 2; ++k) put(end, static_cast<uint16_t>(members.size()));
  put(end, static_cast<uint32_t>(directory.size()));
  put(end, static_cast<uint32_t>(out.size()));
  put(end, uint16_t{0});  // no comment
  const std::string_view pieces[] = {out, directory, end};
  write_file_atomic(path, pieces);
}

}  // namespace lat
