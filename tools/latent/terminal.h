#pragma once
// What people see. Text for people goes to standard error, results to standard output.
#include <string>

#include "engine/core/error.h"
#include "tools/latent/picture.h"

namespace lat::tools {

// To standard output. Code::machine when it refuses (a full disk behind a redirect); a closed pipe ends quietly.
void print(const std::string& text);
// Everything printed has arrived.
void flush_print();
// To standard error, with a line end; failures are nobody's business.
void say_line(const std::string& text);
template <class... Ts>
void say(const Ts&... parts) {
  say_line(cat(parts...));
}

// Of standard error, or of another open file.
bool is_terminal(int file = 2);
bool colours(int file = 2);  // a terminal with 24-bit colour and UTF-8, and no NO_COLOR
int columns(int file = 2);   // 80 where unknown
int rows(int file = 2);      // 24 where unknown

// Fixed decimals, and 16,384.
std::string fixed(double value, int decimals);
std::string grouped(int64_t value);
std::string duration_text(double seconds);  // "0:24", "1:02:03"

// On standard error: half blocks in colour, else a ramp of characters.
void show_picture(const Picture& picture);

// One line that is rewritten on a terminal; plain lines elsewhere.
class LiveLine {
 public:
  ~LiveLine() { end(); }
  void show(const std::string& text);
  void clear();  // as if nothing had been shown
  void end();    // leaves the cursor on a fresh line

 private:
  size_t width_ = 0;
};

}  // namespace lat::tools
