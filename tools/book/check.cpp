// book_check CHAPTER PROGRAM RUNS: do the chapter's numbers meet its expect.json, and does every planted bug fail the
// check that is to catch it? Leaves SLUG.json, SLUG.txt and SLUG.svg in RUNS, for weave.
//
//   "checks": {"NAME": {"value": V, "basis": why this is known, and of
//                       "equals": N with "absolute" or "relative": X, "above": N, "below": N}}
//   "bugs":   {"1": {"what": ..., "caught_by": NAME, "args": more words for the program}}
//
// N is a number, or the name of a value.
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "engine/core/error.h"
#include "engine/data/file.h"
#include "tools/latent/json.h"

namespace {

using namespace lat;
namespace fs = std::filesystem;
using Flat = std::map<std::string, std::string>;

constexpr size_t kLongest = 200;  // lines of a program
constexpr size_t kFewestBugs = 3;

struct Check {
  std::string name, value, equals, absolute, relative, above, below, basis;
};

std::string at(const Flat& json, const std::string& path) {
  const auto found = json.find(path);
  return found == json.end() ? "" : found->second;
}

// The keys below `path` in the order of their names.
std::set<std::string> keys(const Flat& json, const std::string& path) {
  std::set<std::string> out;
  for (const auto& [key, text] : json)
    if (key.starts_with(path + "/"))
      out.insert(key.substr(path.size() + 1, key.find('/', path.size() + 1) - path.size() - 1));
  return out;
}

double number(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return text.empty() || *end ? std::nan("") : value;
}

// A number, or the value of that name; NaN where there is none.
double resolve(const Flat& run, const std::string& text) {
  const std::string value = at(run, "values/" + text);
  return number(value.empty() ? text : value);
}

bool holds(const Check& c, const Flat& run) {
  const double value = resolve(run, c.value);
  bool good = std::isfinite(value);
  if (!c.above.empty()) good = good && value > resolve(run, c.above);
  if (!c.below.empty()) good = good && value < resolve(run, c.below);
  if (!c.equals.empty()) {
    const double expected = resolve(run, c.equals);
    const double room =
        c.absolute.empty() ? number(c.relative) * std::abs(expected) : number(c.absolute);
    good = good && std::abs(value - expected) <= room;
  }
  return good;
}

Flat run(const std::string& program, const std::string& words, const std::string& stem) {
  const std::string command =
      cat("'", program, "' --json ", words, " > '", stem, ".json' 2> '", stem, ".txt'");
  const int status = std::system(command.c_str());
  LAT_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, Code::failed, program, "failed; see ",
            stem, ".txt");
  return tools::flat_json(stem + ".json", read_file(stem + ".json", 1 << 24));
}

std::vector<Check> checks_of(const std::string& path, const Flat& expect) {
  std::vector<Check> out;
  for (const std::string& name : keys(expect, "checks")) {
    const auto field = [&](const char* key) { return at(expect, "checks/" + name + "/" + key); };
    const Check c{
        name,           field("value"), field("equals"), field("absolute"), field("relative"),
        field("above"), field("below"), field("basis")};
    LAT_CHECK(!c.basis.empty(), Code::input, path, "check '", name, "' does not say its basis");
    LAT_CHECK(
        c.equals.empty() ? !(c.above + c.below).empty() : c.absolute.empty() != c.relative.empty(),
        Code::input, path, "check '", name,
        "' expects nothing: give above, below, or equals with absolute or relative");
    out.push_back(c);
  }
  return out;
}

int judge(const std::string& chapter, const std::string& program, const std::string& runs) {
  const std::string slug = fs::path(chapter).filename().string(), stem = runs + "/" + slug;
  const std::string path = chapter + "/expect.json";
  const Flat expect = tools::flat_json(path, read_file(path, 1 << 20));
  const std::vector<Check> checks = checks_of(path, expect);
  make_folder(runs);

  int wrong = 0;
  const Flat right = run(program, "--svg '" + stem + ".svg'", stem);
  for (const Check& c : checks) {
    const bool good = holds(c, right);
    wrong += !good;
    const std::string wanted =
        cat(c.equals.empty() ? "" : " = " + c.equals, c.above.empty() ? "" : " > " + c.above,
            c.below.empty() ? "" : " < " + c.below);
    std::printf("%s  %s: %s%s   is %.8g%s\n", good ? "ok  " : "FAIL", c.name.c_str(),
                c.value.c_str(), wanted.c_str(), resolve(right, c.value),
                c.equals.empty() ? "" : cat(", expected ", resolve(right, c.equals)).c_str());
  }

  std::map<std::string, Flat> unharmed = {{"", right}};  // by the words that the bugs add
  const std::set<std::string> bugs = keys(expect, "bugs");
  for (const std::string& bug : bugs) {
    const std::string name = at(expect, "bugs/" + bug + "/caught_by");
    const std::string words = at(expect, "bugs/" + bug + "/args");
    const auto check =
        std::find_if(checks.begin(), checks.end(), [&](const Check& c) { return c.name == name; });
    LAT_CHECK(check != checks.end(), Code::input, path, "bug ", bug, " names no check: '", name,
              "'");
    if (!unharmed.contains(words)) unharmed[words] = run(program, words, stem + ".short");
    const bool sees = holds(*check, unharmed[words]);
    const bool caught =
        sees && !holds(*check, run(program, "--bug " + bug + " " + words, stem + ".bug"));
    wrong += !caught;
    std::printf("%s  bug %s: %s\n", caught ? "ok  " : "FAIL", bug.c_str(),
                caught ? cat("caught by ", name).c_str()
                : sees ? cat("NOT caught by ", name).c_str()
                       : cat(name, " fails without it, too").c_str());
  }
  const std::string source = read_file(chapter + "/main.cpp", 1 << 20);
  const auto lines = static_cast<size_t>(std::count(source.begin(), source.end(), '\n'));
  if (lines > kLongest)
    std::printf("FAIL  main.cpp has %zu lines; %zu are the most\n", lines, kLongest);
  if (bugs.size() < kFewestBugs) std::printf("FAIL  fewer than %zu planted bugs\n", kFewestBugs);
  return wrong || lines > kLongest || bugs.size() < kFewestBugs;
}

}  // namespace

int main(int count, char** words) {
  if (count != 4) {
    std::fprintf(stderr, "usage: book_check CHAPTER PROGRAM RUNS\n");
    return 2;
  }
  try {
    return judge(words[1], words[2], words[3]);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}
