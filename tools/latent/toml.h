#pragma once
// FILE.toml as a list of keys.
#include <string>
#include <utility>
#include <vector>

namespace lat::tools {

// Every value by its dotted path, as text, in the file's order of tables. Code::input with line and column where the
// file is no TOML; Code::usage for values that are no text, number or yes/no.
std::vector<std::pair<std::string, std::string>> read_toml(const std::string& path);

}  // namespace lat::tools
