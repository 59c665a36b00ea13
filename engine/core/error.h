#pragma once
// The one exception of the engine, and the check that throws it.
//
// A text says what happened (with both shapes, or the byte offset), what was expected, what to do.
#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace lat {

// Codes below 10 are the program's exit codes (DESIGN 10); the others are programming errors.
enum class Code : int32_t {
  failed = 1,       // a run failed: diverged, not finite
  usage = 2,        // unknown name, key or value
  input = 3,        // a file that cannot be used
  machine = 4,      // disk, memory, device
  expectation = 5,  // a stated expectation was not met
  shape = 10,       // shapes or dtypes that do not fit
  state = 11,       // a value used outside its life: a rewound step, an older parameter version
  unsupported = 12  // a request that no code answers, by name
};

// Text from anything that streams, in the "C" locale.
template <class... Ts>
std::string cat(const Ts&... parts) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  (out << ... << parts);
  return out.str();
}

struct Error : std::runtime_error {
  Code code;
  std::string op;  // the op, file or command that refused
  Error(Code c, std::string where, const std::string& text)
      : std::runtime_error(where.empty() ? text : where + ": " + text),
        code(c),
        op(std::move(where)) {}
};

template <class... Ts>
[[noreturn]] void fail(Code code, std::string_view where, const Ts&... parts) {
  throw Error(code, std::string(where), cat(parts...));
}

// Always on, no side effects in the condition. LAT_CHECK(b == n, Code::shape, "matmul", "...", n)
#define LAT_CHECK(condition, code, where, ...)                   \
  do {                                                           \
    if (!(condition)) ::lat::fail((code), (where), __VA_ARGS__); \
  } while (0)

// The name nearest to `word` by edit distance, or "" when none is near (at most 3 edits and half the length).
std::string nearest(std::string_view word, const std::vector<std::string>& names);

// " Did you mean 'x'?" or "".
std::string suggestion(std::string_view word, const std::vector<std::string>& names);

}  // namespace lat
