#pragma once
// What a bench found: as lines of JSON, as tables, beside an earlier run, as a plot.
#include <optional>
#include <string>
#include <vector>

#include "tools/latent/json.h"
#include "tools/latent/measure.h"

namespace lat::tools {

struct Result {
  std::string kernel, shape;  // shape: the JSON text of its array
  std::string impl;           // latent, or a peer
  int threads = 1;
  Timing time;
  bool flops = false;  // `rate` in GFLOP/s, else in GB/s
  double rate = 0;  // at the median; NaN, and so the next, where no speed of a machine was measured
  double roofline = 0;   // per cent of what the machine can do with this work
  double intensity = 0;  // operations a byte moved, each operand once; 0 where they are not counted
  std::string device = {};  // as --device names it; empty for a CPU

  // kernel shape impl threads us gflops|gbps roofline min max low high [device]
  std::vector<Json::Member> members() const;
  // Equal where two results are about the same thing.
  std::string key() const;
};

// The results of a file that --save wrote, or of any lines with those keys. Code::input where one is damaged.
std::vector<Result> read_results(const std::string& path);

enum class Verdict { faster, slower, same, unclear };
const char* verdict_name(Verdict v);
// Faster or slower: the quartiles do not overlap and the medians are more than 3 per cent apart. Same: the medians are
// within 3 per cent and neither run spread by more than a tenth. Else unclear.
Verdict compare(const Timing& before, const Timing& now);

// A table that is printed as its rows come: aligned for people, Markdown or CSV.
class Table {
 public:
  enum Form { people, markdown, csv };
  struct Column {
    std::string name;
    size_t width;       // for people
    bool text = false;  // to the left
  };
  Table(Form form, std::vector<Column> columns) : form_(form), columns_(std::move(columns)) {}
  std::string head() const;
  std::string row(const std::vector<std::string>& cells) const;

 private:
  Form form_;
  std::vector<Column> columns_;
};

// An SVG: a roofline for what is bound by arithmetic (each impl a colour), and bars of the share of the roof for all.
std::string plot(const std::string& title, const Peaks& peaks, const std::vector<Result>& results);

// The same bars as text, so many characters wide: a line for each impl, of results that share a roof.
std::string bar_chart(const std::vector<Result>& results, int width);

// Decimals that show four digits.
std::string digits(double x);

}  // namespace lat::tools
