#include "tools/latent/picture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>

#define STBI_NO_STDIO
#define STBI_ONLY_PNG
#define STBI_WRITE_NO_STDIO
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>

#include "engine/core/error.h"
#include "engine/data/file.h"
#include "tools/latent/font.h"

namespace lat::tools {

namespace {

using Colour = std::array<uint8_t, 3>;

constexpr Colour kBlack = {0, 0, 0};
constexpr Colour kMagenta = {255, 0, 255};
constexpr int64_t kMaxSide = 8192;       // of a PNG that is read
constexpr int64_t kMaxPixels = 1 << 28;  // of a sheet
constexpr int64_t kMargin = 4;           // white pixels around a panel and below a caption

Picture blank(int64_t h, int64_t w) {
  return {h, w, std::vector<uint8_t>(static_cast<size_t>(h * w * 3), 255)};
}

void put(Picture& picture, int64_t row, int64_t column, const Colour& colour) {
  std::copy(colour.begin(), colour.end(), picture.rgb.begin() + (row * picture.w + column) * 3);
}

uint8_t to_byte(float value) {
  return static_cast<uint8_t>(std::clamp(value, 0.0f, 1.0f) * 255.0f + 0.5f);
}

Colour colour_of(const float* pixel, int64_t channels) {
  Colour colour{};
  for (size_t k = 0; k < 3; ++k) {
    const float value = pixel[channels == 3 ? k : 0];
    if (std::isnan(value)) return kMagenta;
    colour[k] = to_byte(value);
  }
  return colour;
}

void write_text(Picture& picture, int64_t top, int64_t left, const std::string& text) {
  for (const char character : text) {
    for (int64_t row = 0; row < kGlyphHeight; ++row) {
      for (int64_t column = 0; column < kGlyphWidth; ++column) {
        if (glyph_ink(character, row, column)) put(picture, top + row, left + column, kBlack);
      }
    }
    left += kGlyphWidth;
  }
}

// The mean colour of rows [top, bottom) and columns [left, right); white below the picture.
Colour mean_colour(const Picture& picture, int64_t top, int64_t bottom, int64_t left,
                   int64_t right) {
  std::array<int64_t, 3> sum{};
  bottom = std::min(bottom, picture.h);
  const int64_t count = (bottom - top) * (right - left);
  if (top >= bottom) return {255, 255, 255};
  for (int64_t row = top; row < bottom; ++row) {
    const uint8_t* pixel = &picture.rgb[static_cast<size_t>((row * picture.w + left) * 3)];
    for (int64_t k = 0; k < (right - left) * 3; ++k) sum[static_cast<size_t>(k % 3)] += pixel[k];
  }
  Colour mean{};
  for (size_t k = 0; k < 3; ++k) mean[k] = static_cast<uint8_t>((sum[k] + count / 2) / count);
  return mean;
}

}  // namespace

Picture tile(const ImageView& images, const TileOptions& options) {
  const auto [columns, gap, zoom] = options;
  LAT_CHECK(images.data && images.n >= 1 && images.h >= 1 && images.w >= 1 &&
                (images.c == 1 || images.c == 3),
            Code::usage, "tile", "(", images.n, ", ", images.h, ", ", images.w, ", ", images.c,
            ") are no images: give (n, h, w, 1) or (n, h, w, 3)");
  LAT_CHECK(columns >= 1 && gap >= 0 && zoom >= 1, Code::usage, "tile", "columns ", columns,
            ", gap ", gap, ", zoom ", zoom, " make no sheet: give at least 1, 0 and 1");
  const int64_t across = std::min(columns, images.n), down = (images.n + across - 1) / across;
  const double pixels = static_cast<double>(down * (images.h * zoom + gap)) *
                        static_cast<double>(across * (images.w * zoom + gap));
  LAT_CHECK(pixels <= kMaxPixels, Code::usage, "tile", "the sheet would have ", pixels,
            " pixels, more than ", kMaxPixels, ". Draw fewer images or a smaller zoom");

  Picture sheet =
      blank(down * (images.h * zoom + gap) - gap, across * (images.w * zoom + gap) - gap);
  for (int64_t i = 0; i < images.n; ++i) {
    const int64_t top = i / across * (images.h * zoom + gap);
    const int64_t left = i % across * (images.w * zoom + gap);
    for (int64_t row = 0; row < images.h * zoom; ++row) {
      const float* line = images.data + (i * images.h + row / zoom) * images.w * images.c;
      for (int64_t column = 0; column < images.w * zoom; ++column) {
        const Colour colour = colour_of(line + column / zoom * images.c, images.c);
        put(sheet, top + row, left + column, colour);
      }
    }
  }
  return sheet;
}

Picture stack(const std::vector<Panel>& panels) {
  const auto caption_height = [](const Panel& panel) {
    return panel.caption.empty() ? 0 : kGlyphHeight + kMargin;
  };
  int64_t h = kMargin, w = 1;
  for (const Panel& panel : panels) {
    h += caption_height(panel) + panel.picture.h + kMargin;
    w = std::max({w, panel.picture.w, static_cast<int64_t>(panel.caption.size()) * kGlyphWidth});
  }
  Picture page = blank(h, w + 2 * kMargin);
  int64_t top = kMargin;
  for (const Panel& panel : panels) {
    write_text(page, top, kMargin, panel.caption);
    top += caption_height(panel);
    for (int64_t row = 0; row < panel.picture.h; ++row) {
      std::copy_n(panel.picture.rgb.begin() + row * panel.picture.w * 3, panel.picture.w * 3,
                  page.rgb.begin() + ((top + row) * page.w + kMargin) * 3);
    }
    top += panel.picture.h + kMargin;
  }
  return page;
}

Picture beside(const std::vector<Picture>& pictures, int64_t gap) {
  int64_t h = 0, w = -gap;
  for (const Picture& p : pictures) h = std::max(h, p.h), w += p.w + gap;
  Picture page = blank(h, std::max<int64_t>(w, 0));
  int64_t left = 0;
  for (const Picture& p : pictures) {
    for (int64_t row = 0; row < p.h; ++row) {
      std::copy_n(p.rgb.begin() + row * p.w * 3, p.w * 3,
                  page.rgb.begin() + (row * page.w + left) * 3);
    }
    left += p.w + gap;
  }
  return page;
}

void write_png(const std::string& path, const Picture& picture) {
  LAT_CHECK(picture.h >= 1 && picture.w >= 1 && picture.h <= kMaxPixels / picture.w &&
                static_cast<int64_t>(picture.rgb.size()) == picture.h * picture.w * 3,
            Code::usage, path, picture.h, " x ", picture.w, " pixels and ", picture.rgb.size(),
            " bytes are no picture");
  const auto append = [](void* to, void* data, int size) {
    static_cast<std::string*>(to)->append(static_cast<char*>(data), static_cast<size_t>(size));
  };
  std::string png;
  const int made =
      stbi_write_png_to_func(append, &png, static_cast<int>(picture.w), static_cast<int>(picture.h),
                             3, picture.rgb.data(), static_cast<int>(picture.w * 3));
  LAT_CHECK(made && !png.empty(), Code::machine, path, "not enough memory to pack the picture");
  write_file_atomic(path, png);
}

Picture read_png(const std::string& path) {
  const std::string file = read_file(path, INT32_MAX);
  const auto* const bytes = reinterpret_cast<const uint8_t*>(file.data());
  const int size = static_cast<int>(file.size());
  int w = 0, h = 0, channels = 0;
  LAT_CHECK(stbi_info_from_memory(bytes, size, &w, &h, &channels), Code::input, path,
            "is no PNG that can be read (", stbi_failure_reason(), "). This build reads 8-bit PNG");
  LAT_CHECK(w <= kMaxSide && h <= kMaxSide, Code::input, path, "is ", h, " x ", w,
            " pixels, more than ", kMaxSide, " a side. Shrink it");
  LAT_CHECK(!stbi_is_16_bit_from_memory(bytes, size), Code::input, path,
            "16-bit PNG; this build reads 8-bit grey/RGB/RGBA. Convert it, e.g.:  convert ", path,
            " -depth 8 ", path, ".8.png");
  const std::unique_ptr<uint8_t, decltype(&stbi_image_free)> pixels(
      stbi_load_from_memory(bytes, size, &w, &h, &channels, 3), &stbi_image_free);
  LAT_CHECK(pixels, Code::input, path, "the PNG data is damaged (", stbi_failure_reason(),
            "). Fetch it again");
  Picture picture{h, w, {}};
  picture.rgb.assign(pixels.get(), pixels.get() + picture.h * picture.w * 3);
  return picture;
}

std::string to_terminal(const Picture& picture, int64_t columns, bool colour) {
  LAT_CHECK(columns >= 1 && picture.w >= 1, Code::usage, "to_terminal", columns, " columns for ",
            picture.h, " x ", picture.w, " pixels: give at least 1 of each");
  static constexpr char kRamp[] = " .:-=+*#%@";
  const int64_t w = std::min(columns, picture.w);
  const int64_t h = (picture.h * w + picture.w - 1) / picture.w;
  const auto mean = [&](int64_t row, int64_t column, int64_t rows) {
    return mean_colour(picture, row * picture.w / w, (row + rows) * picture.w / w,
                       column * picture.w / w, (column + 1) * picture.w / w);
  };
  std::string text;
  for (int64_t row = 0; row < h; row += 2) {
    for (int64_t column = 0; column < w; ++column) {
      if (colour) {
        const Colour top = mean(row, column, 1), bottom = mean(row + 1, column, 1);
        char cell[64];
        std::snprintf(cell, sizeof cell, "\x1b[38;2;%d;%d;%d;48;2;%d;%d;%dm\u2580", top[0], top[1],
                      top[2], bottom[0], bottom[1], bottom[2]);
        text += cell;
      } else {
        const Colour both = mean(row, column, 2);
        text += kRamp[(both[0] * 299 + both[1] * 587 + both[2] * 114) / 1000 * 10 / 256];
      }
    }
    text += colour ? "\x1b[0m\n" : "\n";
  }
  return text;
}

}  // namespace lat::tools
