#pragma once
// A config is a struct with one function, fields(f), that names every member once:
//
//   template <class F> void fields(F&& f) { f("latent", latent, "size of z", 1, 4096); }
//
// It serves the command line (--set model.latent=16), the resolved config, the documentation and the validation.
#include <string>
#include <type_traits>
#include <vector>

#include "engine/core/tensor.h"

namespace lat {

// One member as text.
struct Field {
  std::string key;    // "model.latent"
  std::string type;   // "whole number", "number", "yes or no", "text"
  std::string value;  // as it stands
  std::string help;   // what it is, with its range
};

// Text to value; Code::usage with the key, what was given and what is expected.
i64 parse_whole(const std::string& key, const std::string& text, double least, double most);
double parse_number(const std::string& key, const std::string& text, double least, double most);
bool parse_yes_no(const std::string& key, const std::string& text);
std::string number_text(double v);  // the shortest text that reads back as v

constexpr double kAnyLeast = -1e300, kAnyMost = 1e300;

// Every field of a config, its keys starting with `prefix` and a dot.
template <class Config>
std::vector<Field> list_fields(Config& config, const std::string& prefix) {
  std::vector<Field> out;
  config.fields([&]<class T>(const char* name, T& value, const char* help, double least = kAnyLeast,
                             double most = kAnyMost) {
    Field f{prefix + "." + name, "", "", help};
    if (least > kAnyLeast) f.help += " (" + number_text(least) + " .. " + number_text(most) + ")";
    if constexpr (std::is_same_v<T, std::string>) {
      f.type = "text";
      f.value = value;
    } else if constexpr (std::is_same_v<T, bool>) {
      f.type = "yes or no";
      f.value = value ? "yes" : "no";
    } else if constexpr (std::is_floating_point_v<T>) {
      f.type = "number";
      f.value = number_text(value);
    } else {
      f.type = "whole number";
      f.value = std::to_string(value);
    }
    out.push_back(std::move(f));
  });
  return out;
}

// Sets one field; false when the config has no such key.
template <class Config>
bool set_field(Config& config, const std::string& prefix, const std::string& key,
               const std::string& text) {
  bool found = false;
  config.fields([&]<class T>(const char* name, T& value, const char*, double least = kAnyLeast,
                             double most = kAnyMost) {
    if (prefix + "." + name != key) return;
    found = true;
    if constexpr (std::is_same_v<T, std::string>)
      value = text;
    else if constexpr (std::is_same_v<T, bool>)
      value = parse_yes_no(key, text);
    else if constexpr (std::is_floating_point_v<T>)
      value = parse_number(key, text, least, most);
    else
      value = static_cast<T>(parse_whole(key, text, least, most));
  });
  return found;
}

}  // namespace lat
