#pragma once
// What the programs of the book share: their options, what they print, the numbers that are checked, and a figure.
#include <functional>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "engine/lat.h"
#include "tools/book/figure.h"

namespace lat::book {

class Page {
 public:
  struct Options {
    bool json = false;
    std::string svg = {};
    u64 seed = 1;
    int bug = 0;     // a planted bug; 0: none
    i64 steps = -1;  // of training; -1: the chapter's own number
  };
  explicit Page(Options options) : options_(std::move(options)) {}

  u64 seed() const { return options_.seed; }
  i64 steps(i64 usual) const { return options_.steps < 0 ? usual : options_.steps; }
  // Lines that ask this are not shown in the text: finding what they do is the bug hunt.
  bool bug(int n) const { return options_.bug == n; }

  // As printf, for people: on standard error under --json.
  [[gnu::format(printf, 2, 3)]] void print(const char* format, ...) const;
  // A number of the chapter by its name, which expect.json checks and the text quotes.
  void set(const std::string& name, double value) { values_.emplace_back(name, value); }
  void set(std::initializer_list<std::pair<const char*, double>> numbers) {
    for (const auto& [name, value] : numbers) values_.emplace_back(name, value);
  }
  void draw(const Figure& figure) const;

  // One line of JSON: {"seed": 1, "values": {...}}; a number that is not finite is null.
  std::string json() const;

 private:
  friend int run(int, char**, const char*, const std::function<void(Page&)>&);
  Options options_;
  std::vector<std::pair<std::string, double>> values_;
};

// The body of main. Exit codes as the program's: 0 done, 1 failed, 2 wrong options, 3 a file, 4 the machine.
int run(int count, char** words, const char* question, const std::function<void(Page&)>& chapter);

}  // namespace lat::book
