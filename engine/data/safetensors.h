#pragma once
// Named arrays in a file: the safetensors format (huggingface/safetensors, README "Format").
//
//   8 bytes    length N of the header, little-endian
//   N bytes    {"name": {"dtype": "F32", "shape": [2,3], "data_offsets": [0,24]}, ...,
//               "__metadata__": {"key": "text", ...}}, padded with spaces to a multiple of 8
//   the rest   the elements, little-endian, row-major; arrays follow one another without a gap
//
// A flipped bit of the payload is still a valid file, so "__metadata__" carries "sha256": a digest
// over names, dtypes, shapes, elements and metadata (content_hash in safetensors.cpp), verified on
// reading. Order and spacing of the header do not enter: the file may pass through other programs.
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace lat {

struct NamedArray {
  enum Kind : uint8_t { f32, f64, i32, i64, u8 };

  std::string name;            // UTF-8
  Kind kind = f32;             //
  std::vector<int64_t> shape;  // empty: one element
  const void* data = nullptr;  // not owned
  size_t bytes = 0;            // product of the shape times the size of an element
};

// Bytes of an element, and its name in the header ("F32").
size_t size_of(NamedArray::Kind kind);
std::string_view name_of(NamedArray::Kind kind);

// Writes the arrays in the order given, atomically. Code::usage for a name used twice, text that is
// not UTF-8, the names "__metadata__" and "sha256" (as a key), or bytes that do not fit the shape;
// Code::machine as in file.h.
void write_safetensors(const std::string& path, const std::vector<NamedArray>& arrays,
                       const std::map<std::string, std::string>& metadata = {});

class Safetensors {
 public:
  // Reads the whole file. Any bytes give either a value or an Error with Code::input and the offset
  // of the byte that is wrong; memory stays within a small multiple of the file's size.
  static Safetensors read(const std::string& path);

  // In the order of their data. Each begins on a 64-byte boundary and lives as long as this object.
  const std::vector<NamedArray>& arrays() const { return arrays_; }

  // nullptr where there is none of that name.
  const NamedArray* find(std::string_view name) const;

  // Without "sha256".
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  // The digest that was verified, or "" where the file carries none.
  const std::string& sha256() const { return sha256_; }

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };

  std::vector<NamedArray> arrays_;
  std::map<std::string, size_t, std::less<>> index_;
  std::map<std::string, std::string> metadata_;
  std::string sha256_;
  std::unique_ptr<std::byte[], Free> buffer_;
};

}  // namespace lat
