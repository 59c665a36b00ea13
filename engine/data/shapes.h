#pragma once
// Drawings of one white shape on black, with every factor of variation known: a reproduction of
// dSprites (L. Matthey et al., 2017, github.com/google-deepmind/dsprites-dataset), not the
// original. The geometry was fitted to 320 frames of the original and draws them with 62 wrong
// pixels out of 1,310,720, so a report should say "dSprites-R", not "dSprites".
#include <array>
#include <cstdint>

namespace lat {

// Shape (0 square, 1 ellipse, 2 heart), scale, orientation, x, y.
inline constexpr int64_t kShapeFactors = 5;
inline constexpr std::array<int64_t, kShapeFactors> kShapeFactorSizes = {3, 6, 40, 32, 32};
inline constexpr int64_t kShapeImages = 737280;  // the product of the sizes

// The factors of image `index`, 0 <= index < kShapeImages, in row-major order: y varies fastest.
// Orientations 0 and 39 are the same angle, as in the original.
std::array<uint8_t, kShapeFactors> shape_factors(int64_t index);

// Writes image `index` as size*size bytes, row-major. 64 is the original size, each pixel 0 or 255;
// 16 and 32 are its exact area averages, rounded half up. Throws Code::usage for another index or
// size.
void draw_shape(int64_t index, int64_t size, uint8_t* out);

}  // namespace lat
