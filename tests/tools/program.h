#pragma once
// The built program, run as its users run it.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "engine/data/idx.h"
#include "tests/harness/folder.h"

namespace lat::test {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

// LATENT_PROGRAM, else the program beside the tests.
inline std::string program() {
  const char* const named = std::getenv("LATENT_PROGRAM");
  const fs::path path = named ? named : fs::exists("latent") ? "latent" : "build/latent";
  REQUIRE_MESSAGE(fs::exists(path), path.string(),
                  " is not built; build it or set LATENT_PROGRAM to its path");
  return fs::canonical(path).string();
}

inline std::string get(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void put(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

struct Outcome {
  int code = -1;  // 128 + signal where one ended it
  std::string out, err;
};

struct Start {
  std::string out = {};               // where standard output goes, if not to a file in the folder
  std::function<bool()> before = {};  // runs in the child before the program; false: exit code 126
  std::string program = {};           // if not the built one
};

inline pid_t start(const Folder& in, const Words& words, const Start& how = {}) {
  const std::string path = how.program.empty() ? program() : how.program;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child > 0) return child;
  Words all = words;
  all.insert(all.begin(), path);
  std::vector<char*> pointers;
  for (std::string& w : all) pointers.push_back(w.data());
  pointers.push_back(nullptr);
  const std::string out = how.out.empty() ? in / "out" : how.out;
  const int o = ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  const int e = ::open((in / "err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  ::dup2(o, 1);
  ::dup2(e, 2);
  if (how.before && !how.before()) ::_exit(126);
  if (::chdir(in.path.c_str()) == 0) ::execv(path.c_str(), pointers.data());
  ::_exit(127);
}

inline Outcome finish(const Folder& in, pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), get(in / "out"),
          get(in / "err")};
}

inline Outcome run(const Folder& in, const Words& words, const Start& how = {}) {
  return finish(in, start(in, words, how));
}

inline Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// The program must end with this code, one error on standard error that has these parts, and nothing said besides.
inline void check_refused(const Folder& in, const Words& words, int code,
                          std::initializer_list<std::string> parts, const Start& how = {}) {
  const Outcome o = run(in, words, how);
  CHECK_MESSAGE(o.code == code, o.err);
  CHECK(o.out == "");
  CHECK_MESSAGE(o.err.starts_with("error: "), o.err);
  for (const std::string& part : parts)
    CHECK_MESSAGE(contains(o.err, part), "'", o.err, "' lacks '", part, "'");
}

// The text or number that stands behind a key.
inline std::string value(const std::string& line, const std::string& key) {
  const size_t at = line.find("\"" + key + "\": ");
  if (at == std::string::npos) return "no " + key;
  size_t from = at + key.size() + 4;
  const bool text = line[from] == '"';
  if (text) ++from;
  return line.substr(from, line.find_first_of(text ? "\"" : ",}\n", from) - from);
}

// The keys of the outermost object of a line, in order.
inline std::string keys(const std::string& line) {
  std::string out, word;
  int depth = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') {
      const size_t end = line.find('"', i + 1);
      word = line.substr(i + 1, end - i - 1);
      i = end;
    } else if (line[i] == ':' && depth == 1) {
      out += (out.empty() ? "" : " ") + word;
    }
    depth += line[i] == '{' || line[i] == '[' ? 1 : line[i] == '}' || line[i] == ']' ? -1 : 0;
  }
  return out;
}

inline Words tiny(const std::string& preset) {
  return {"train", preset,           "--data", "digits",         "--set", "model.hidden=32",
          "--set", "model.latent=4", "--set",  "train.batch=32", "--json"};
}

inline std::string hash_of(const Folder& in, const Words& words) {
  const Outcome o = run(in, words);
  REQUIRE_MESSAGE(o.code == 0, o.err);
  const std::string hash = value(o.out, "hash");
  CHECK(hash.size() == 64);
  return hash;
}

inline lat::IdxArray bytes_of(std::vector<int64_t> dims) {
  lat::IdxArray a;
  a.dims = std::move(dims);
  int64_t n = 1;
  for (const int64_t d : a.dims) n *= d;
  for (int64_t i = 0; i < n; ++i) a.bytes.push_back(static_cast<uint8_t>(i * 37 % 251));
  return a;
}

}  // namespace lat::test
