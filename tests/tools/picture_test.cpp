// Pictures: sheets, captions, PNG files good and bad, terminal text.
#include "tools/latent/picture.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <initializer_list>
#include <limits>

#include "engine/core/error.h"
#include "tests/harness/folder.h"
#include "tools/latent/font.h"

namespace {

using lat::Code;
using lat::test::Folder;
using lat::tools::Picture;
using Colour = std::array<int, 3>;

Colour at(const Picture& picture, int64_t row, int64_t column) {
  const uint8_t* p = picture.rgb.data() + (row * picture.w + column) * 3;
  return {p[0], p[1], p[2]};
}

Colour grey(int value) { return {value, value, value}; }

Picture gradient(int64_t h, int64_t w) {
  Picture picture{h, w, {}};
  for (int64_t i = 0; i < h * w * 3; ++i) picture.rgb.push_back(static_cast<uint8_t>(i * 7 % 256));
  return picture;
}

template <class F>
void check_refused(F action, Code code, std::initializer_list<std::string> parts) {
  try {
    action();
    FAIL_CHECK("nothing was refused");
  } catch (const lat::Error& error) {
    const std::string text = error.what();
    CHECK_MESSAGE(error.code == code, text);
    for (const std::string& part : parts) {
      CHECK_MESSAGE(text.find(part) != std::string::npos, "'", text, "' lacks '", part, "'");
    }
  }
}

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t p = text.find(part); p != std::string::npos; p = text.find(part, p + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("tile: places, gaps, zoom, clamping") {
  const std::vector<float> x = {0.0f, 1.0f, 0.5f, 2.0f, -1.0f, 0.25f};  // (3,1,2,1)
  const Picture sheet =
      lat::tools::tile({x.data(), 3, 1, 2, 1}, {.columns = 2, .gap = 1, .zoom = 2});
  CHECK(sheet.h == 5);
  CHECK(sheet.w == 9);
  CHECK(at(sheet, 0, 0) == grey(0));
  CHECK(at(sheet, 1, 1) == grey(0));
  CHECK(at(sheet, 1, 3) == grey(255));
  CHECK(at(sheet, 0, 4) == grey(255));
  CHECK(at(sheet, 0, 5) == grey(128));
  CHECK(at(sheet, 0, 8) == grey(255));
  CHECK(at(sheet, 2, 0) == grey(255));
  CHECK(at(sheet, 3, 0) == grey(0));
  CHECK(at(sheet, 4, 3) == grey(64));
  CHECK(at(sheet, 4, 8) == grey(255));
}

TEST_CASE("tile: colour images, and NaN in magenta") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x = {1.0f, 0.0f, 0.2f, 0.1f, nan, 0.1f};  // (1,1,2,3)
  const Picture sheet = lat::tools::tile({x.data(), 1, 1, 2, 3}, {});
  CHECK(sheet.w == 2);
  CHECK(at(sheet, 0, 0) == Colour{255, 0, 51});
  CHECK(at(sheet, 0, 1) == Colour{255, 0, 255});
}

TEST_CASE("tile: what makes no sheet is refused") {
  const float x[4] = {};
  const auto refused = [&](lat::tools::ImageView view, lat::tools::TileOptions options,
                           std::string part) {
    check_refused([&] { lat::tools::tile(view, options); }, Code::usage, {part});
  };
  refused({x, 0, 1, 1, 1}, {}, "(0, 1, 1, 1) are no images");
  refused({nullptr, 1, 1, 1, 1}, {}, "are no images");
  refused({x, 1, 1, 2, 2}, {}, "give (n, h, w, 1) or (n, h, w, 3)");
  refused({x, 1, 2, 2, 1}, {.zoom = 0}, "zoom 0 make no sheet");
  refused({x, 1, 2, 2, 1}, {.gap = -1}, "gap -1");
  refused({x, 1, 2, 2, 1}, {.zoom = 1 << 20}, "Draw fewer images or a smaller zoom");
}

TEST_CASE("font: every printable character has its own drawing") {
  std::vector<std::string> drawings;
  for (int c = ' '; c <= '~'; ++c) {
    std::string drawing;
    for (int64_t row = 0; row < lat::tools::kGlyphHeight; ++row) {
      for (int64_t column = 0; column < lat::tools::kGlyphWidth; ++column) {
        drawing += lat::tools::glyph_ink(static_cast<char>(c), row, column) ? '#' : ' ';
      }
    }
    CHECK((drawing.find('#') != std::string::npos) == (c != ' '));
    drawings.push_back(drawing);
  }
  std::sort(drawings.begin(), drawings.end());
  CHECK(std::adjacent_find(drawings.begin(), drawings.end()) == drawings.end());
  CHECK(lat::tools::glyph_ink('\xC3', 0, 1) == lat::tools::glyph_ink('?', 0, 1));
}

TEST_CASE("stack: captions and pictures below each other") {
  const Picture a = gradient(3, 5), b = gradient(2, 40);
  const Picture page = lat::tools::stack({{"I", a}, {"", b}});
  CHECK(page.w == 48);
  CHECK(page.h == 4 + 11 + 3 + 4 + 2 + 4);
  CHECK(at(page, 4, 4) == grey(255));
  CHECK(at(page, 4, 5) == grey(0));  // the top bar of the I
  CHECK(at(page, 15, 4) == at(a, 0, 0));
  CHECK(at(page, 17, 8) == at(a, 2, 4));
  CHECK(at(page, 17, 9) == grey(255));
  CHECK(at(page, 23, 43) == at(b, 1, 39));
  CHECK(lat::tools::stack({{"a long caption", a}}).w == 14 * 6 + 8);
}

TEST_CASE("beside: tops aligned, white between and below") {
  const Picture a = gradient(3, 5), b = gradient(1, 4);
  const Picture page = lat::tools::beside({a, b, a}, 2);
  CHECK(page.h == 3);
  CHECK(page.w == 5 + 2 + 4 + 2 + 5);
  CHECK(at(page, 2, 4) == at(a, 2, 4));
  CHECK(at(page, 0, 5) == grey(255));
  CHECK(at(page, 0, 8) == at(b, 0, 1));
  CHECK(at(page, 1, 8) == grey(255));
  CHECK(at(page, 2, 13) == at(a, 2, 0));
  CHECK(lat::tools::beside({}, 2).rgb.empty());
}

TEST_CASE("png: what is written is read back, and nothing else is left behind") {
  const Folder folder;
  for (const auto& [h, w] : {std::pair{1, 1}, std::pair{17, 5}, std::pair{64, 300}}) {
    const Picture picture = gradient(h, w);
    lat::tools::write_png(folder / "a.png", picture);
    const Picture read = lat::tools::read_png(folder / "a.png");
    CHECK(read.h == h);
    CHECK(read.w == w);
    CHECK(read.rgb == picture.rgb);
    CHECK(!std::filesystem::exists(folder / ".a.png.tmp"));
  }
}

TEST_CASE("png: a failed write keeps the old picture") {
  const Folder folder;
  lat::tools::write_png(folder / "a.png", gradient(4, 4));
  std::filesystem::create_directory(folder / ".a.png.tmp");
  check_refused([&] { lat::tools::write_png(folder / "a.png", gradient(9, 9)); }, Code::machine,
                {"cannot write ", "a.png: a file of that name is in the way"});
  CHECK(lat::tools::read_png(folder / "a.png").h == 4);
  check_refused([&] { lat::tools::write_png(folder / "no/a.png", gradient(1, 1)); }, Code::machine,
                {"no/a.png: no such folder. Make "});
  std::filesystem::create_directory(folder / "dir.png");
  check_refused([&] { lat::tools::write_png(folder / "dir.png", gradient(1, 1)); }, Code::machine,
                {"dir.png: it is a folder. Name a file."});
  CHECK(!std::filesystem::exists(folder / ".dir.png.tmp"));
  check_refused(
      [&] {
        lat::tools::write_png(folder / "b.png", {2, 2, {1, 2, 3}});
      },
      Code::usage, {"2 x 2 pixels and 3 bytes are no picture"});
}

TEST_CASE("png: files that cannot be used are refused by name") {
  const Folder folder;
  const auto refused = [&](const std::string& bytes, std::initializer_list<std::string> parts) {
    check_refused([&] { lat::tools::read_png(folder.write("x.png", bytes)); }, Code::input, parts);
  };
  check_refused([&] { lat::tools::read_png(folder / "none.png"); }, Code::input,
                {"none.png: no such file"});
  refused("", {"is no PNG that can be read"});
  refused("GIF89a and more", {"is no PNG that can be read"});

  lat::tools::write_png(folder / "good.png", gradient(20, 20));
  const std::string good = folder.read("good.png");
  refused(good.substr(0, 20), {"is no PNG that can be read"});
  refused(good.substr(0, good.size() / 2), {"the PNG data is damaged"});
  std::string wide = good;
  wide[18] = '\x20', wide[19] = '\x01';  // 8193 pixels
  refused(wide, {"x.png"});
  std::string deep = good;
  deep[24] = 16;
  refused(deep, {"16-bit PNG; this build reads 8-bit grey/RGB/RGBA. Convert it, e.g.:  convert "});
}

TEST_CASE("terminal: half blocks in colour, a ramp without") {
  const Picture picture{2, 2, {255, 0, 0, 0, 0, 0, 0, 255, 0, 255, 255, 255}};
  CHECK(lat::tools::to_terminal(picture, 80, true) ==
        "\x1b[38;2;255;0;0;48;2;0;255;0m\u2580\x1b[38;2;0;0;0;48;2;255;255;255m\u2580\x1b[0m\n");
  const Picture grey_steps{
      2, 3, {0, 0, 0, 128, 128, 128, 255, 255, 255, 0, 0, 0, 128, 128, 128, 255, 255, 255}};
  CHECK(lat::tools::to_terminal(grey_steps, 80, false) == " +@\n");
}

TEST_CASE("terminal: large pictures shrink to fit, odd ones end in white") {
  const std::string text = lat::tools::to_terminal(gradient(100, 200), 40, true);
  CHECK(count(text, "\n") == 10);
  CHECK(count(text, "\u2580") == 400);
  const std::string odd = lat::tools::to_terminal({1, 1, {0, 0, 0}}, 8, true);
  CHECK(odd == "\x1b[38;2;0;0;0;48;2;255;255;255m\u2580\x1b[0m\n");
  for (int64_t w = 1; w < 30; ++w) {
    const std::string ascii = lat::tools::to_terminal(gradient(13, w), 7, false);
    CHECK(static_cast<int64_t>(ascii.find('\n')) == std::min<int64_t>(w, 7));
  }
  check_refused([] { lat::tools::to_terminal(gradient(1, 1), 0, true); }, Code::usage,
                {"0 columns"});
  check_refused([] { lat::tools::to_terminal({}, 8, true); }, Code::usage, {"0 x 0 pixels"});
}
