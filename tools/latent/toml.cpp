#include "tools/latent/toml.h"

#include <toml++/toml.h>

#include "engine/data/file.h"
#include "engine/train/fields.h"

namespace lat::tools {

namespace {

constexpr size_t kLongest = 1 << 20;

using Pairs = std::vector<std::pair<std::string, std::string>>;

void flatten(const toml::table& table, const std::string& prefix, const std::string& path,
             Pairs& out) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    if (const toml::table* inner = node.as_table())
      flatten(*inner, key + ".", path, out);
    else if (const auto* text = node.as_string())
      out.emplace_back(key, text->get());
    else if (const auto* whole = node.as_integer())
      out.emplace_back(key, std::to_string(whole->get()));
    else if (const auto* number = node.as_floating_point())
      out.emplace_back(key, number_text(number->get()));
    else if (const auto* yes = node.as_boolean())
      out.emplace_back(key, yes->get() ? "yes" : "no");
    else
      fail(Code::usage, path, "'", key, "' is neither text, number nor true/false");
  }
}

}  // namespace

Pairs read_toml(const std::string& path) {
  const std::string text = read_file(path, kLongest);
  Pairs out;
  try {
    flatten(toml::parse(text, path), "", path, out);
  } catch (const toml::parse_error& e) {
    fail(Code::input, path, "line ", e.source().begin.line, ", column ", e.source().begin.column,
         ": ", e.description());
  }
  return out;
}

}  // namespace lat::tools
