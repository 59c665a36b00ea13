#include "tools/latent/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace lat::tools {

namespace {

constexpr int kWidestPicture = 120;

std::string variable(const char* name) {
  const char* const text = std::getenv(name);
  return text ? text : "";
}

void check_written(bool good) {
  if (good || errno == EPIPE) return;
  fail(Code::machine, "standard output", "cannot be written: ", std::strerror(errno),
       ". Check where it is redirected to");
}

// Characters shown, counting each UTF-8 sequence once.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

void print(const std::string& text) {
  check_written(std::fwrite(text.data(), 1, text.size(), stdout) == text.size());
}

void flush_print() { check_written(std::fflush(stdout) == 0); }

void say_line(const std::string& text) { std::fputs((text + "\n").c_str(), stderr); }

bool is_terminal(int file) { return ::isatty(file) == 1; }

bool colours(int file) {
  if (!is_terminal(file) || !variable("NO_COLOR").empty()) return false;
  const std::string terminal = variable("TERM");
  if (terminal.empty() || terminal == "dumb") return false;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string locale = variable(name);
    if (locale.empty()) continue;
    return locale.find("UTF") != std::string::npos || locale.find("utf") != std::string::npos;
  }
  return true;
}

int columns(int file) {
  winsize size{};
  if (::ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

int rows(int file) {
  winsize size{};
  if (::ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_row > 0) return size.ws_row;
  return 24;
}

std::string fixed(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

std::string grouped(int64_t value) {
  const std::string digits = std::to_string(value);
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > (value < 0 ? 1u : 0u) && (digits.size() - i) % 3 == 0) out.push_back(',');
    out.push_back(digits[i]);
  }
  return out;
}

std::string duration_text(double seconds) {
  const auto total = static_cast<int64_t>(std::max(0.0, seconds) + 0.5);
  char text[64];
  if (total >= 3600)
    std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", long(total / 3600), long(total / 60 % 60),
                  long(total % 60));
  else
    std::snprintf(text, sizeof text, "%ld:%02ld", long(total / 60), long(total % 60));
  return text;
}

void show_picture(const Picture& picture) {
  const int width = std::min(columns() - 1, kWidestPicture);
  std::fputs(to_terminal(picture, std::max(1, width), colours()).c_str(), stderr);
}

void LiveLine::show(const std::string& text) {
  if (!is_terminal()) return say_line(text);
  std::string line = text;
  while (width_of(line) + 1 > static_cast<size_t>(columns())) line.pop_back();
  const size_t width = width_of(line);
  const std::string blanks(width_ > width ? width_ - width : 0, ' ');
  std::fputs(("\r" + line + blanks).c_str(), stderr);
  width_ = width;
}

void LiveLine::clear() {
  if (width_ > 0) std::fputs(("\r" + std::string(width_, ' ') + "\r").c_str(), stderr);
  width_ = 0;
}

void LiveLine::end() {
  if (width_ > 0) std::fputs("\n", stderr);
  width_ = 0;
}

}  // namespace lat::tools
