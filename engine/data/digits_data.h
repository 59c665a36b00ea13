#pragma once
// The 1,797 digits of 8x8 pixels that the library carries, so that it can learn without any file.
#include <cstdint>

namespace lat {

inline constexpr int64_t kDigitCount = 1797;
inline constexpr int64_t kDigitRowSize = 66;

// A row is the label, then 64 pixels in row-major order, each 0..16 written as 0..9 a..g, then a 0.
extern const char kDigitRows[kDigitCount][kDigitRowSize];

}  // namespace lat
