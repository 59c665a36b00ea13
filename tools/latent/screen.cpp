#include "tools/latent/screen.h"

#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>
#include <string_view>

#include "tools/latent/terminal.h"

namespace lat::tools {

namespace {

// The other page, no cursor; and back.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[2J";
constexpr std::string_view kLeave = "\x1b[0m\x1b[?25h\x1b[?1049l";
constexpr int kEnding[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV,
                           SIGBUS, SIGFPE,  SIGILL, SIGXCPU, SIGSYS};
constexpr int kSignals = static_cast<int>(std::size(kEnding)) + 2;

// A handler sees nothing else.
termios before, during;
volatile sig_atomic_t again = 0;  // the page is to be shown again
struct sigaction old[kSignals];
std::string pending;  // read, and no whole key yet

void put(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno != EINTR && errno != EAGAIN) return;
    if (n > 0) text.remove_prefix(static_cast<size_t>(n));
  }
}

void enter() {
  ::tcsetattr(STDIN_FILENO, TCSANOW, &during);
  put(kEnter);
}

// In the background the terminal is another's.
void leave() {
  const pid_t front = ::tcgetpgrp(STDIN_FILENO);
  if (front != -1 && front != ::getpgrp()) return;
  ::tcsetattr(STDIN_FILENO, TCSANOW, &before);
  put(kLeave);
}

void handle(int signal, void (*handler)(int), struct sigaction* kept = nullptr) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_NODEFER;  // raised again from within
  ::sigaction(signal, &action, kept);
}

void on_end(int signal) {
  leave();
  handle(signal, SIG_DFL);
  ::raise(signal);
}

void on_stop(int signal) {
  const int kept = errno;
  leave();
  handle(signal, SIG_DFL);
  ::raise(signal);  // returns when the program goes on
  handle(signal, on_stop);
  enter();
  again = 1;
  errno = kept;
}

void on_resize(int) { again = 1; }

template <class F>
void each_signal(F&& f) {
  int k = 0;
  for (const int signal : kEnding) f(signal, on_end, old[k++]);
  f(SIGTSTP, on_stop, old[k++]);
  f(SIGWINCH, on_resize, old[k]);
}

}  // namespace

void check_terminal(const std::string& command, const std::string& otherwise) {
  for (const int file : {STDIN_FILENO, STDOUT_FILENO})
    LAT_CHECK(is_terminal(file), Code::usage, command, "standard ",
              file == STDIN_FILENO ? "input" : "output",
              " is no terminal. Without one:  ", otherwise);
}

Screen::Screen() {
  LAT_CHECK(::tcgetattr(STDIN_FILENO, &before) == 0, Code::machine, "terminal",
            "it does not say how it is set");
  during = before;
  during.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  during.c_cc[VMIN] = 1;
  during.c_cc[VTIME] = 0;
  pending.clear();
  each_signal([](int signal, void (*handler)(int), struct sigaction& kept) {
    handle(signal, handler, &kept);
  });
  enter();
}

Screen::~Screen() {
  leave();
  each_signal([](int signal, void (*)(int), struct sigaction& kept) {
    ::sigaction(signal, &kept, nullptr);
  });
}

void Screen::show(const std::string& lines) {
  again = 0;
  std::string page = "\x1b[H";
  size_t at = 0;
  for (int row = 0; row < rows(STDOUT_FILENO) && at < lines.size(); ++row) {
    const size_t end = lines.find('\n', at);
    page += (row > 0 ? "\r\n" : "") + lines.substr(at, end - at) + "\x1b[K";
    at = end + 1;
  }
  put(page + "\x1b[J");
}

std::string Screen::keys() {
  for (;;) {
    sigset_t held, open;  // what asks for the page to be shown again
    ::sigemptyset(&held);
    ::sigaddset(&held, SIGWINCH);
    ::sigaddset(&held, SIGTSTP);
    ::pthread_sigmask(SIG_BLOCK, &held, &open);
    pollfd input{STDIN_FILENO, POLLIN, 0};
    int ready = -1;
    if (!again) ready = ::ppoll(&input, 1, nullptr, &open);  // no signal falls between the two
    ::pthread_sigmask(SIG_SETMASK, &open, nullptr);
    if (again) return "";
    if (ready < 0) continue;
    char sent[256];
    const ssize_t n = ::read(STDIN_FILENO, sent, sizeof sent);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return "q";
    pending.append(sent, static_cast<size_t>(n));
    const std::string keys = take_keys(pending);
    if (!keys.empty()) return keys;
  }
}

std::string take_keys(std::string& sent) {
  std::string keys;
  size_t at = 0;
  while (at < sent.size()) {
    if (sent[at] != '\x1b') {
      keys += sent[at++];
      continue;
    }
    if (at + 1 == sent.size()) break;
    if (sent[at + 1] != '[' && sent[at + 1] != 'O') {  // Escape by itself
      ++at;
      continue;
    }
    size_t end = at + 2;  // the first byte from @ to ~ ends a sequence
    while (end < sent.size() && (sent[end] < '@' || sent[end] > '~')) ++end;
    if (end == sent.size()) break;
    if (sent[end] == 'A') keys += kUp;
    if (sent[end] == 'B') keys += kDown;
    if (sent[end] == 'C') keys += kRight;
    if (sent[end] == 'D') keys += kLeft;
    at = end + 1;
  }
  sent.erase(0, at);
  return keys;
}

}  // namespace lat::tools
