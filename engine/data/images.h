#pragma once
// Sets of images: two that need no file, two classic ones, and any folder of IDX files.
#include <cstdint>
#include <string>
#include <vector>

namespace lat {

struct Images {
  int64_t n = 0, h = 0, w = 0, c = 1;
  std::vector<uint8_t> pixels;   // (n, h, w, c) row-major, 0..255
  std::vector<int32_t> labels;   // (n), or empty
  std::vector<uint8_t> factors;  // (n, factor_count), the true factors of variation, or empty
  int64_t factor_count = 0;
};

struct DataSet {
  std::string name;
  std::string source;  // where the images come from and under which licence, in one line
  Images train, test;
  std::vector<std::string> files;  // the files read, if any
};

struct DataOptions {
  std::string path = {};  // a folder of IDX files
  int64_t limit = 0;      // at most so many training images; 0: all
  int64_t size = 0;  // pixels a side; 0: the set's own (32 for shapes, which also has 16 and 64)
  bool upright = false;  // shapes: none is turned
};

// shapes          16,384 + 2,048 drawings with factors (engine/data/shapes.h), label = shape; the
//                 upright ones are so many in all
// digits          1,500 + 297 digits of 8x8 pixels, part of the library
// fashion-mnist   60,000 + 10,000 clothes of 28x28: files in `path`, or the Debian package
// mnist           60,000 + 10,000 digits of 28x28: files in `path`, path/mnist or data/mnist
std::vector<std::string> data_names();

// Any other name is accepted with a `path` that holds train-images* (ubyte, (n, h, w) or (n, h, w,
// c)), and optionally train-labels*, t10k- or test-images* and -labels*. Without test images the
// last tenth of the training images read is held out. Throws Code::usage for an unknown name, limit
// or size, Code::input for files missing or unusable.
DataSet load_data(const std::string& name, const DataOptions& options);

}  // namespace lat
