#pragma once
// JSON values as text, so that the library that escapes and parses stands in one file.
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace lat::tools {

class Json {
 public:
  Json(const char* text) : Json(std::string(text)) {}
  Json(const std::string& text);
  Json(double number);  // not finite: null
  Json(bool yes) : text_(yes ? "true" : "false") {}
  template <class I>
  requires std::is_integral_v<I> Json(I number) : text_(std::to_string(number)) {}
  Json(const std::vector<double>& numbers);
  Json(const std::vector<std::string>& texts);

  // The value that `text` writes; Code::input where it is none.
  static Json parsed(const std::string& text);

  using Member = std::pair<std::string, Json>;
  // Members in the order given.
  static Json object(const std::vector<Member>& members);

  static Json array(const std::vector<Json>& values);

  const std::string& line() const { return text_; }  // without a line end
  std::string pretty() const;                        // indented, with a line end

 private:
  Json() = default;
  std::string text_;
};

// Every number, text or yes/no of a JSON file by its path: {"data": {"size": 32}} gives "data/size" -> "32". An array is
// its own text, "[1,2]". Code::input names the byte where the text is not JSON.
std::map<std::string, std::string> flat_json(const std::string& path, const std::string& text);

}  // namespace lat::tools
