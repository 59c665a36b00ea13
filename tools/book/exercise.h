#pragma once
// What the checks of the exercises share. `latent learn` reads the lines that they print.
#include <cmath>
#include <cstdio>

namespace lat::book {

inline bool asked(bool right, const char* what) {
  std::printf("%s\t%s", right ? "ok" : "no", what);
  if (right) std::printf("\n");
  std::fflush(stdout);
  return right;
}

// Passes where |yours - expected| <= tolerance.
inline void equal(const char* what, double yours, double expected, double tolerance = 1e-9) {
  if (!asked(std::abs(yours - expected) <= tolerance, what))
    std::printf(": expected %.10g, yours is %.10g\n", expected, yours);
}

inline void holds(const char* what, bool right) {
  if (!asked(right, what)) std::printf("\n");
}

// A question with lettered answers, and what is wrong with a wrong one.
inline void answer(const char* what, char yours, char right, const char* think) {
  if (asked(yours == right, what)) return;
  if (yours == '?')
    std::printf(": no answer yet\n");
  else
    std::printf(": not (%c). %s\n", yours, think);
}

}  // namespace lat::book
