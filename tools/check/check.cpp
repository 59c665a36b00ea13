#include "tools/check/check.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace lat::check {

namespace {

namespace fs = std::filesystem;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool any_of(std::string_view text, std::initializer_list<std::string_view> choices) {
  return std::find(choices.begin(), choices.end(), text) != choices.end();
}

// "engine" of "engine/core/error.h"
std::string_view top_of(std::string_view path) { return path.substr(0, path.find('/')); }

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string_view without_extension(std::string_view path) {
  return path.substr(0, path.rfind('.'));
}

std::string_view extension_of(std::string_view path) {
  const std::string_view name = name_of(path);
  const size_t dot = name.rfind('.');
  return dot == name.npos ? "" : name.substr(dot);
}

bool is_header(std::string_view path) { return any_of(extension_of(path), {".h", ".cuh"}); }

bool is_source(std::string_view path) {
  return is_header(path) || any_of(extension_of(path), {".cpp", ".cu", ".def"});
}

// Calls visit(line number, line) with the lines of `text`.
template <class Visit>
void for_lines(std::string_view text, Visit visit) {
  for (int line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    visit(line, text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// ---- layers -----------------------------------------------------------------------------------

// Folders from left to right; a file may include what stands left of it.
constexpr struct {
  std::string_view room;
  int rank;
} kRooms[] = {{"kernels/common", 0}, {"kernels/FAMILY", 1}, {"kernels/study", 2},
              {"kernels", 2},        {"engine/core", 3},    {"engine/tape", 4},
              {"engine/ops", 5},     {"engine/nn", 6},      {"engine/dist", 6},
              {"engine/optim", 7},   {"engine/data", 7},    {"engine/train", 8},
              {"engine/lat.h", 9},   {"models", 10},        {"rl", 11},
              {"tools", 12},         {"tests", 13},         {"engine/runtime", 14}};

int rank_of(std::string_view room) {
  for (const auto& row : kRooms) {
    if (row.room == room) return row.rank;
  }
  return top_of(room) == "kernels" ? 1 : -1;
}

// "kernels/matmul", "kernels" for the files directly in it, "engine/core", "models", "rl", ...
std::string_view room_of(std::string_view path) {
  if (path == "engine/lat.h") return path;
  const std::string_view top = top_of(path);
  if (!any_of(top, {"kernels", "engine"})) return top;
  if (path.starts_with("kernels/emulator/")) return "kernels/common";  // the body of common/cuda.h
  const size_t second = path.find('/', std::min(top.size() + 1, path.size()));
  return second == path.npos ? top : path.substr(0, second);
}

bool is_catalogue(std::string_view path) { return without_extension(path) == "models/catalogue"; }

// models/model.h and its like, the blocks in models/parts; anything else in models is a model.
bool is_model(std::string_view path) {
  return path.starts_with("models/") && !path.starts_with("models/parts/") &&
         path.find('/') != path.rfind('/');
}

// ---- text -------------------------------------------------------------------------------------

// Words that call, or name, what the library never does; "(" asks for a call.
constexpr std::string_view kBanned[] = {"assert(", "printf(",   "fprintf(", "std::cout",
                                        "abort(",  "std::cerr", "exit(",    "std::shared_ptr",
                                        "rand(",   "getenv",    "setlocale"};

// In two halves, so that this file is clean.
constexpr std::string_view kNotes[] = {
    "TO"
    "DO",
    "FIX"
    "ME",
    "XX"
    "X"};
constexpr std::string_view kPlaces[] = {
    "/"
    "work",
    "/"
    "root",
    "/"
    "home"};

constexpr std::string_view kTopFiles[] = {"CMakeLists.txt", "README.md", "LICENSE"};
constexpr std::string_view kTopFolders[] = {"engine", "models", "rl", "kernels", "tests", "tools"};

// `word` as a whole token, not as a member; a "(" at its end may stand behind spaces.
bool has_call(std::string_view line, std::string_view word) {
  const bool call = word.ends_with('(');
  if (call) word.remove_suffix(1);
  for (size_t at = line.find(word); at != line.npos; at = line.find(word, at + 1)) {
    const std::string_view before = line.substr(0, at), after = line.substr(at + word.size());
    if (!before.empty() && (is_word(before.back()) || before.back() == '.')) continue;
    if (before.ends_with("->") || (!after.empty() && is_word(after.front()))) continue;
    const size_t next = after.find_first_not_of(' ');
    if (!call || (next != after.npos && after[next] == '(')) return true;
  }
  return false;
}

bool has_word(std::string_view line, std::string_view word) {
  for (size_t at = line.find(word); at != line.npos; at = line.find(word, at + 1)) {
    const size_t end = at + word.size();
    if ((at == 0 || !is_word(line[at - 1])) && (end == line.size() || !is_word(line[end]))) {
      return true;
    }
  }
  return false;
}

// A path that begins with `place`: not the middle of another path, not a longer word.
bool has_place(std::string_view line, std::string_view place) {
  for (size_t at = line.find(place); at != line.npos; at = line.find(place, at + 1)) {
    const size_t end = at + place.size();
    const bool begins =
        at == 0 || (!is_word(line[at - 1]) &&
                    std::string_view(".-/~})>*").find(line[at - 1]) == std::string_view::npos);
    if (begins && (end == line.size() || (!is_word(line[end]) && line[end] != '-'))) return true;
  }
  return false;
}

// Lower case, digits, underscores; dots separate extensions. Exempt: names that others fixed.
bool is_snake_case(std::string_view name) {
  if (name.starts_with('.') || any_of(name, {"CMakeLists.txt", "README.md", "LICENSE"}) ||
      name.ends_with(".cmake.in")) {
    return true;
  }
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return c == '.' || (is_word(c) && !(c >= 'A' && c <= 'Z')); });
}

bool belongs_at_top(std::string_view path) {
  const std::string_view top = top_of(path);
  if (top.starts_with('.')) return true;
  const bool folder = path.size() > top.size();
  if (folder && (top.starts_with("build") || top == "runs")) return true;
  return folder ? std::find(std::begin(kTopFolders), std::end(kTopFolders), top) !=
                      std::end(kTopFolders)
                : std::find(std::begin(kTopFiles), std::end(kTopFiles), top) != std::end(kTopFiles);
}

bool is_silent(std::string_view path) {
  return is_source(path) && any_of(top_of(path), {"kernels", "engine", "models", "rl"});
}

}  // namespace

std::vector<Source> read_tree(const std::string& root) {
  std::vector<Source> tree;
  const fs::path base(root);
  for (auto it = fs::recursive_directory_iterator(base); it != fs::end(it); ++it) {
    const std::string path = it->path().lexically_relative(base).generic_string();
    const std::string_view name = name_of(path);
    if (it->is_directory()) {
      const bool top = path == name;
      if (any_of(name, {".git", "__pycache__"}) ||
          (top && (name.starts_with("build") || name == "runs"))) {
        it.disable_recursion_pending();
      }
      continue;
    }
    if (!it->is_regular_file() || name == ".git") continue;  // a worktree's .git is a file
    std::ifstream file(it->path(), std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + it->path().string());
    std::string text{std::istreambuf_iterator<char>(file), {}};
    if (text.find('\0') != text.npos) text.clear();
    tree.push_back({path, std::move(text)});
  }
  if (tree.empty()) throw std::runtime_error("no file below " + root);
  std::sort(tree.begin(), tree.end(),
            [](const Source& a, const Source& b) { return a.path < b.path; });
  return tree;
}

std::string code_only(std::string_view text) {
  std::string out(text);
  const auto blank = [&](size_t begin, size_t end) {
    for (size_t i = begin; i < std::min(end, out.size()); ++i) {
      if (out[i] != '\n') out[i] = ' ';
    }
    return std::min(end, out.size());
  };
  // Where `closing` or the line ends; a backslash hides the character behind it.
  const auto closed = [&](size_t at, char closing) {
    while (at < text.size() && text[at] != closing && text[at] != '\n') {
      at += text[at] == '\\' ? 2 : 1;
    }
    return std::min(at, text.size());
  };
  for (size_t i = 0; i < text.size();) {
    const std::string_view rest = text.substr(i);
    const bool in_word = i > 0 && is_word(text[i - 1]);
    if (rest.starts_with("//")) {
      i = blank(i, closed(i, '\n'));
    } else if (rest.starts_with("/*")) {
      const size_t end = text.find("*/", i + 2);
      i = blank(i, end == text.npos ? text.size() : end + 2);
    } else if (rest.starts_with("R\"") && !in_word) {
      const size_t open = std::min(text.find('(', i), text.size());
      const std::string close = ")" + std::string(text.substr(i + 2, open - i - 2)) + "\"";
      const size_t end = text.find(close, open);
      i = blank(i, end == text.npos ? text.size() : end + close.size());
    } else if (text[i] == '"' || (text[i] == '\'' && !in_word)) {  // 1'000 is one number
      const size_t end = closed(i + 1, text[i]);
      blank(i + 1, end);
      i = end + 1;
    } else {
      ++i;
    }
  }
  return out;
}

std::string layer_rule(std::string_view from, std::string_view to) {
  const std::string_view a = room_of(from), b = room_of(to);
  const int rank_a = rank_of(a), rank_b = rank_of(b);
  const bool kernels_b = top_of(b) == "kernels";
  if (rank_a < 0) return "the file stands in no folder of the design";
  if (rank_b < 0) return "the include is not rooted at a folder of the repository";
  if (a == "tests") return "";
  if (a == "models" && is_model(to)) {
    const bool own = without_extension(from) == without_extension(to);
    return own || is_catalogue(from)
               ? ""
               : "a model includes no other model: shared blocks live in models/parts";
  }
  if (a == b) return "";
  if (b == "tests") return "only tests include tests";
  if (b == "engine/runtime") return a == "tools" ? "" : "only tools and tests include the runtime";
  if (a == "engine/runtime") return kernels_b ? "" : "engine/runtime includes kernels only";
  if (b == "kernels/study")
    return a == "tools" || from.ends_with("_library.cpp")
               ? ""
               : "only tools, tests and the libraries of devices include the study";
  if (a == "kernels/study") return kernels_b ? "" : "kernels/study includes kernels only";
  if (a == "engine/lat.h" && kernels_b) return "engine/lat.h includes engine only";
  if (kernels_b && a == "models") return "models never include kernels";
  if (kernels_b && a == "rl") {
    const bool kernel =
        from.starts_with("rl/envs/") || any_of(without_extension(from), {"rl/kernels", "rl/table"});
    return kernel && any_of(b, {"kernels", "kernels/common"})
               ? ""
               : "of rl only envs, kernels.* and table.* include kernels/common and kernels/*.h";
  }
  if (kernels_b && a == "engine/core" && b != "kernels" && b != "kernels/common") {
    return "engine/core includes of kernels only kernels/common and kernels/*.h";
  }
  if (rank_a == 1 && kernels_b && rank_b == 1) {
    return "a kernel family includes kernels/common and itself only";
  }
  const bool either = rank_a == rank_b && rank_a == rank_of("engine/nn");
  if (either || rank_b < rank_a) return "";
  return std::string(a) + " must not include " + std::string(b) +
         ": the order is kernels/common <- kernels/FAMILY <- kernels <- engine/core <- tape <- ops "
         "<- nn, dist <- optim, data <- train <- models <- rl <- tools";
}

std::vector<Finding> check_layers(const std::vector<Source>& tree) {
  std::vector<Finding> findings;
  for (const Source& source : tree) {
    if (!is_source(source.path) || source.path.starts_with('.')) continue;
    const std::string code = code_only(source.text);
    for_lines(code, [&](int line, std::string_view words) {
      const auto skip = [&](std::string_view token) {
        words.remove_prefix(std::min(words.find_first_not_of(" \t"), words.size()));
        if (!words.starts_with(token)) return false;
        words.remove_prefix(token.size());
        return true;
      };
      if (!skip("#") || !skip("include") || !skip("\"")) return;
      const size_t begin = static_cast<size_t>(words.data() - code.data());
      const std::string to = source.text.substr(begin, words.find('"'));
      const std::string rule = layer_rule(source.path, to);
      if (!rule.empty()) findings.push_back({source.path, line, "\"" + to + "\": " + rule});
    });
  }
  return findings;
}

std::vector<Finding> check_text(const std::vector<Source>& tree) {
  std::vector<Finding> findings;
  for (const Source& source : tree) {
    const auto find = [&](int line, const std::string& rule) {
      findings.push_back({source.path, line, rule});
    };
    if (!belongs_at_top(source.path)) find(0, "does not belong at the top level of the tree");
    for (size_t at = 0; at < source.path.size();) {
      const size_t end = std::min(source.path.find('/', at), source.path.size());
      const std::string part = source.path.substr(at, end - at);
      if (!is_snake_case(part)) find(0, "'" + part + "' is not snake_case");
      at = end + 1;
    }
    for_lines(source.text, [&](int line, std::string_view words) {
      for (const std::string_view note : kNotes) {
        if (has_word(words, note)) find(line, "note to self: " + std::string(note));
      }
      for (const std::string_view place : kPlaces) {
        if (has_place(words, place)) find(line, "path of one machine: " + std::string(place));
      }
    });
    if (!is_source(source.path)) continue;
    const std::string code = code_only(source.text);
    bool once = false;
    for_lines(code, [&](int line, std::string_view words) {
      if (words.starts_with("#pragma once")) once = true;
      if (!is_silent(source.path)) return;
      for (const std::string_view word : kBanned) {
        if (has_call(words, word)) find(line, "banned in the library: " + std::string(word));
      }
    });
    if (is_header(source.path) && !once) find(1, "a header needs #pragma once");
  }
  return findings;
}

int run(int argc, char** argv, std::vector<Finding> (*check)(const std::vector<Source>&)) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s ROOT\n", argv[0]);
    return 2;
  }
  try {
    const std::vector<Source> tree = read_tree(argv[1]);
    const std::vector<Finding> findings = check(tree);
    for (const Finding& f : findings) {
      std::printf("%s:%d: %s\n", f.path.c_str(), f.line, f.rule.c_str());
    }
    std::printf("%zu files, %zu findings\n", tree.size(), findings.size());
    return findings.empty() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 2;
  }
}

}  // namespace lat::check
