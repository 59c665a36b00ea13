#pragma once
// Arrays in NumPy's files: .npy (numpy.lib.format, versions 1 to 3) is read, .npz, a zip of them without compression, is
// written, so that numpy.load opens it.
#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/tensor.h"

namespace lat {

// Row-major, as doubles; whole numbers beyond 2^53 are refused.
struct NumpyArray {
  std::vector<i64> shape;  // empty: one element
  std::vector<double> values;
};

// Little-endian or one-byte elements: bool, int8 .. int64, uint8 .. uint64, float32, float64. Code::input with the file
// and what is wrong for anything else: another file, Python objects, column-major order, bytes too few or too many.
NumpyArray read_npy(const std::string& path);

// One array of a .npz.
struct NumpyMember {
  enum Kind : uint8_t { f64, boolean };

  std::string name;  // as numpy.load(path)[name]
  Kind kind = f64;
  std::vector<i64> shape;
  std::vector<double> values;  // of a boolean 0 is false
};

// Written atomically. Code::usage when the values do not fill the shape, or the file would be beyond 4 GiB;
// Code::machine as in file.h.
void write_npz(const std::string& path, const std::vector<NumpyMember>& members);

}  // namespace lat
