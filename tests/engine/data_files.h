#pragma once
// Files and refusals, for the tests of data.
#include <doctest/doctest.h>
#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "tests/harness/folder.h"

namespace lat::test {

using Bytes = std::vector<uint8_t>;

template <class F>
void check_refused(F action, Code code, std::initializer_list<std::string> parts) {
  try {
    action();
    FAIL_CHECK("nothing was refused");
  } catch (const Error& error) {
    const std::string text = error.what();
    CHECK_MESSAGE(error.code == code, text);
    for (const std::string& part : parts) {
      CHECK_MESSAGE(text.find(part) != std::string::npos, "'", text, "' lacks '", part, "'");
    }
  }
}

inline Bytes gzip(const Bytes& bytes) {
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

inline Bytes idx_bytes(uint8_t type, std::initializer_list<uint32_t> dims, const Bytes& values) {
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
inline Bytes noise(size_t n) {
  Bytes values(n);
  uint32_t state = 1;
  for (uint8_t& v : values) v = static_cast<uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  return values;
}

}  // namespace lat::test
