#include "engine/train/fields.h"

#include <charconv>

namespace lat {

namespace {

template <class T>
bool reads(const std::string& text, T& value) {
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stopped == end;
}

std::string range(double least, double most) {
  return least > kAnyLeast ? cat(" of ", number_text(least), " .. ", number_text(most)) : "";
}

}  // namespace

i64 parse_whole(const std::string& key, const std::string& text, double least, double most) {
  i64 v = 0;
  LAT_CHECK(reads(text, v) && static_cast<double>(v) >= least && static_cast<double>(v) <= most,
            Code::usage, key, "'", text, "' is not a whole number", range(least, most));
  return v;
}

double parse_number(const std::string& key, const std::string& text, double least, double most) {
  double v = 0;
  LAT_CHECK(reads(text, v) && v >= least && v <= most, Code::usage, key, "'", text,
            "' is not a number", range(least, most));
  return v;
}

bool parse_yes_no(const std::string& key, const std::string& text) {
  if (text == "yes" || text == "true" || text == "1") return true;
  LAT_CHECK(text == "no" || text == "false" || text == "0", Code::usage, key, "'", text,
            "' is neither yes nor no");
  return false;
}

std::string number_text(double v) {
  char buffer[32];
  const auto r = std::to_chars(buffer, buffer + sizeof(buffer), v);
  return {buffer, r.ptr};
}

}  // namespace lat
