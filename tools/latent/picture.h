#pragma once
// Pictures for people: contact sheets with captions, PNG files, and pictures in a terminal.
#include <cstdint>
#include <string>
#include <vector>

namespace lat::tools {

struct Picture {
  int64_t h = 0, w = 0;
  std::vector<uint8_t> rgb;  // (h, w, 3) row-major
};

// Borrowed images: data (n, h, w, c) row-major in [0, 1], c = 1 (grey) or 3 (red, green, blue).
struct ImageView {
  const float* data = nullptr;
  int64_t n = 0, h = 0, w = 0, c = 1;
};

struct TileOptions {
  int64_t columns = 8;  // images a row
  int64_t gap = 2;      // white pixels between images
  int64_t zoom = 1;     // each pixel becomes zoom x zoom, never blurred
};

// All images on one sheet, row by row. Values are clamped to [0, 1]; a NaN is drawn magenta, so
// that it cannot be missed. Throws Code::usage for sizes or options that make no sheet.
Picture tile(const ImageView& images, const TileOptions& options);

struct Panel {
  std::string caption;  // one line of ASCII, "" for none
  Picture picture;
};

// The panels below each other on white, each under its caption.
Picture stack(const std::vector<Panel>& panels);

// The pictures side by side on white, their tops aligned, `gap` pixels apart.
Picture beside(const std::vector<Picture>& pictures, int64_t gap);

// Writes an 8-bit RGB PNG to `path`.tmp, makes it durable and renames it, so that `path` always
// holds a whole picture. Throws Code::machine when that fails.
void write_png(const std::string& path, const Picture& picture);

// Reads an 8-bit PNG of at most 8192 x 8192 pixels; grey becomes RGB, transparency is dropped.
// Throws Code::input for anything else.
Picture read_png(const std::string& path);

// Text of at most `columns` characters a line that shows the picture, shrunk to fit, never
// enlarged. A character is one pixel wide and two high: with colour the half block of Unicode in
// 24-bit colour (ISO 8613-6 escape codes), else one of ten ASCII characters, dark to light.
std::string to_terminal(const Picture& picture, int64_t columns, bool colour);

}  // namespace lat::tools
