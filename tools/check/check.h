#pragma once
// The repository's own linters: who may include whom, and what no source may say.
#include <string>
#include <string_view>
#include <vector>

namespace lat::check {

struct Source {
  std::string path;  // from the root of the tree, "engine/core/error.h"
  std::string text;  // empty for a binary file
};

struct Finding {
  std::string path;
  int line;  // from 1; 0: the file as a whole
  std::string rule;
};

// Every file below the root except .git, build*/ and runs/. Throws std::runtime_error.
std::vector<Source> read_tree(const std::string& root);

// The text with every character of comments, strings and characters made a space; the quotes, the
// line breaks and the length stay.
std::string code_only(std::string_view text);

// Why `from` must not include `to` (section 1 of the design), or "".
std::string layer_rule(std::string_view from, std::string_view to);

// Every #include "..." of the sources against layer_rule.
std::vector<Finding> check_layers(const std::vector<Source>& tree);

// Banned words in engine, kernels, models and rl; notes to self; absolute paths; #pragma once;
// file names; what stands at the top level.
std::vector<Finding> check_text(const std::vector<Source>& tree);

// The body of main: reads the tree at argv[1], prints "file:line: rule" for each finding. Returns 0
// when there are none, 1 when there are some, 2 on wrong usage.
int run(int argc, char** argv, std::vector<Finding> (*check)(const std::vector<Source>&));

}  // namespace lat::check
