#include "tools/book/page.h"

#include <charconv>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "engine/data/file.h"
#include "engine/train/fields.h"

namespace lat::book {

namespace {

constexpr const char* kHelp =
    "  --json       the numbers as one line of JSON\n"
    "  --svg FILE   writes the figure\n"
    "  --seed S     of everything random (1)\n"
    "  --bug N      with a planted bug: which number gives it away?\n"
    "  --steps N    of training, where there is one\n";

template <class I>
I whole(std::string_view flag, std::string_view text) {
  I value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  LAT_CHECK(error == std::errc{} && end == text.data() + text.size() && value >= 0, Code::usage,
            flag, "'", text, "' is not a whole number of 0 or more");
  return value;
}

// False when help was asked for.
bool parse(int count, char** words, Page::Options& options) {
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--help" || word == "-h") return false;
    if (word == "--json") {
      options.json = true;
      continue;
    }
    const std::vector<std::string> taking = {"--svg", "--seed", "--bug", "--steps"};
    bool known = false;
    for (const std::string& t : taking) known = known || t == word;
    LAT_CHECK(known, Code::usage, "", "unknown option '", word, "'.", suggestion(word, taking),
              "  (--help)");
    LAT_CHECK(i + 1 < count, Code::usage, word, "needs a value  (--help)");
    const std::string_view text = words[++i];
    if (word == "--svg") options.svg = text;
    if (word == "--seed") options.seed = whole<u64>(word, text);
    if (word == "--bug") options.bug = whole<int>(word, text);
    if (word == "--steps") options.steps = whole<i64>(word, text);
  }
  return true;
}

}  // namespace

void Page::print(const char* format, ...) const {
  va_list values;
  va_start(values, format);
  std::vfprintf(options_.json ? stderr : stdout, format, values);
  va_end(values);
}

void Page::draw(const Figure& figure) const {
  if (!options_.svg.empty()) write_file_atomic(options_.svg, figure.svg());
}

std::string Page::json() const {
  std::string out = cat("{\"seed\": ", options_.seed, ", \"values\": {");
  for (size_t i = 0; i < values_.size(); ++i) {
    const auto& [name, value] = values_[i];
    out += cat(i ? ", " : "", "\"", name,
               "\": ", std::isfinite(value) ? number_text(value) : std::string("null"));
  }
  return out + "}}\n";
}

int run(int count, char** words, const char* question, const std::function<void(Page&)>& chapter) {
  try {
    Page::Options options;
    if (!parse(count, words, options)) {
      std::printf("%s\n\n%s", question, kHelp);
      return 0;
    }
    Page page(options);
    chapter(page);
    if (options.json) std::printf("%s", page.json().c_str());
    return std::fflush(stdout) == 0 ? 0 : static_cast<int>(Code::machine);
  } catch (const Error& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return static_cast<int>(e.code) < 10 ? static_cast<int>(e.code) : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}

}  // namespace lat::book
