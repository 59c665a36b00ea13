#include "tools/latent/json.h"

#include <nlohmann/json.hpp>

#include "engine/core/error.h"

namespace lat::tools {

namespace {

using nlohmann::ordered_json;

constexpr auto kReplace = ordered_json::error_handler_t::replace;

std::string encoded(const ordered_json& value) { return value.dump(-1, ' ', false, kReplace); }

void flatten(const ordered_json& value, const std::string& path,
             std::map<std::string, std::string>& out) {
  if (value.is_object()) {
    for (const auto& [key, member] : value.items())
      flatten(member, path.empty() ? key : path + "/" + key, out);
  } else if (value.is_string()) {
    out[path] = value.get<std::string>();
  } else if (!value.is_null()) {
    out[path] = value.dump();
  }
}

}  // namespace

Json::Json(const std::string& text) : text_(encoded(text)) {}
Json::Json(double number) : text_(encoded(number)) {}
Json::Json(const std::vector<double>& numbers) : text_(encoded(numbers)) {}
Json::Json(const std::vector<std::string>& texts) : text_(encoded(texts)) {}

Json Json::parsed(const std::string& text) {
  LAT_CHECK(ordered_json::accept(text), Code::input, "", "'", text, "' is no JSON");
  Json out;
  out.text_ = text;
  return out;
}

Json Json::object(const std::vector<Member>& members) {
  Json out;
  for (const auto& [key, value] : members)
    out.text_ += (out.text_.empty() ? "{" : ", ") + encoded(key) + ": " + value.text_;
  out.text_ += out.text_.empty() ? "{}" : "}";
  return out;
}

Json Json::array(const std::vector<Json>& values) {
  Json out;
  for (const Json& v : values) out.text_ += (out.text_.empty() ? "[" : ", ") + v.text_;
  out.text_ += out.text_.empty() ? "[]" : "]";
  return out;
}

std::string Json::pretty() const {
  return ordered_json::parse(text_).dump(2, ' ', false, kReplace) + "\n";
}

std::map<std::string, std::string> flat_json(const std::string& path, const std::string& text) {
  std::map<std::string, std::string> out;
  try {
    flatten(ordered_json::parse(text), "", out);
  } catch (const nlohmann::json::parse_error& e) {
    fail(Code::input, path, "is no JSON (damaged at byte ", e.byte, ")");
  }
  return out;
}

}  // namespace lat::tools
