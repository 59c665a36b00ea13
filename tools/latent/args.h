#pragma once
// Command lines into plain values.
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/core/tensor.h"

namespace lat::tools {

using Args = std::vector<std::string>;

// A flag ("--json", "-n,--number"), or a positional (a name without dashes). Where its text goes: a bool is set by the
// flag's presence, a vector takes every use.
struct Option {
  std::string names;
  std::variant<bool*, std::string*, std::vector<std::string>*> to;
  std::string help;
};

// Fills the options; false when help was asked for and printed. Code::usage for anything else than the options.
bool parse_options(const std::string& command, const std::string& about,
                   const std::vector<Option>& options, const Args& args);

// Texts of flags; "" gives nothing. Code::usage names the flag.
std::optional<i64> whole_number(const std::string& flag, const std::string& text, i64 least);
std::optional<double> seconds(const std::string& flag,
                              const std::string& text);  // 90, 90s, 10m, 1.5h
std::vector<i64> whole_numbers(const std::string& flag, const std::string& text,
                               i64 least);  // 1,2,4
// "-3:3"
std::pair<double, double> number_range(const std::string& flag, const std::string& text);

}  // namespace lat::tools
