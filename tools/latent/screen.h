#pragma once
// The whole terminal for a program that answers to keys.
#include <string>

namespace lat::tools {

// What keys send, besides the characters themselves.
inline constexpr char kUp = 'f', kDown = 'b', kLeft = 'l', kRight = 'r';

// Code::usage, naming `command` and the way out, where standard input or output is no terminal.
void check_terminal(const std::string& command, const std::string& otherwise);

// While it lives, standard input gives keys one by one, and standard output is a page of its own without a cursor. What was
// there before comes back at its end, and before any signal but SIGKILL ends or stops the program: SIGINT, SIGTERM, SIGHUP,
// SIGQUIT, SIGTSTP, crashes. There is one at a time.
class Screen {
 public:
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // Replaces the page: lines, each ended, of which those that do not fit are dropped. They must not be too wide.
  void show(const std::string& lines);
  // The keys pressed since, at least one, arrows as their letters; "" when the page is to be shown again, as after a
  // change of its size. A 'q' stands for the end of the input.
  std::string keys();
};

// Takes whole keys off the front of what a terminal sent. Unknown escape sequences are dropped, torn ones stay.
std::string take_keys(std::string& sent);

}  // namespace lat::tools
