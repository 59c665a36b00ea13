#pragma once
// latent bench kernel, latent bench ladder: kernels beside other libraries and the machine's roof.
#include <map>
#include <memory>
#include <set>

#include "tools/latent/peers.h"
#include "tools/latent/results.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

struct KernelBench {
  std::string names;  // of families, "" is all; or of one ladder
  std::string shape;  // "128,400,784" instead of a family's own shapes
  std::string against, isa, save, compare, svg, numerics = "exact", device = "cpu";
  std::vector<i64> threads;
  double seconds = 0.3;  // for each line
  bool json = false, markdown = false, csv = false;
};
int bench_kernels(const KernelBench& options);
int bench_ladder(const KernelBench& options);

// One way to do a piece of work.
struct Candidate {
  std::string impl;
  std::function<void()> run;
};

// How far other sums of the same products were from exact ones, as a share of sum |a b|, and their bound (core/fast.h).
class Distance {
 public:
  // Notes |theirs - exact| for outputs of so many terms each; whether all are within the bound.
  bool note(const float* theirs, const float* exact, const float* sums_of_sizes, i64 n, i64 terms);
  std::string text() const;

 private:
  double furthest_ = 0;
  double bound_ = 0, used_ = 0;  // the bound there; largest share of its bound that any shape used
};

class FastBench;
class Processor;
struct Version;

// A run of the bench: the machine's peaks for one count of threads after the other, and everything found so far, printed as
// it comes.
class BenchRun {
 public:
  // Code::usage and Code::machine for options that cannot be met; nothing is measured yet.
  explicit BenchRun(const KernelBench& options);
  ~BenchRun();

  Processor& processor() { return *processor_; }
  const std::vector<std::unique_ptr<Peer>>& peers() const { return peers_; }
  Distance& distance(const std::string& peer) { return distances_[peer]; }

  // Columns on both sides of the times, and what those on the right mean.
  void columns(std::vector<Table::Column> left, std::vector<Table::Column> right,
               std::string meaning);
  size_t peer_width() const;  // of the longest name
  // So many threads, what they can do, and the head of a table.
  void begin(int threads);
  // Times the candidates in turns.
  std::vector<Result> measure(const std::string& kernel, const WorkShape& shape, const Work& work,
                              const std::vector<Candidate>& candidates);
  // How many times as long as `ours` a peer took, for its line; the summary gives the mean.
  std::string ratio(const Result& peer, const Result& ours);
  // Keeps a result and prints its line: the cells on both sides of the times, what the line of JSON says beyond them.
  void add(const Result& result, const std::vector<std::string>& left,
           const std::vector<std::string>& right, const std::vector<Json::Member>& beyond = {});
  // A candidate that computes something else: it gets no speed, and the run fails at its end.
  void refuse(const std::string& kernel, const WorkShape& shape, const std::string& impl,
              const std::string& why);
  // The summary and the files. The exit code.
  int finish(const std::string& title);

  const std::vector<Result>& results() const { return results_; }

 private:
  void print_facts();
  bool is_peer(const std::string& impl) const;
  Json machine() const;

  const KernelBench& options_;
  std::unique_ptr<Processor> processor_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::map<std::string, Timing> before_;       // by Result::key
  std::map<std::string, Distance> distances_;  // by peer
  std::unique_ptr<Table> table_;
  std::vector<Table::Column> left_, right_;
  std::string meaning_;
  int threads_ = 1;
  std::vector<Result> results_;
  std::map<std::string, std::vector<std::pair<double, std::string>>> ratios_;  // by peer
  std::map<Verdict, int> verdicts_;
  std::set<std::string> seen_;
  int refused_ = 0, unsteady_ = 0;
  LiveLine live_;
};

// Whether two outputs are the same but for rounding.
bool nearly_equal(const float* a, const float* b, i64 n);

// "~1.23": with a tilde where the machine was busy with something else while one of both was timed.
std::string ratio_text(const Result& above, const Result& below);

// The peers' versions of a call, each checked against the output of ours, which stands in the problem's operand 0.
std::vector<Candidate> checked_peers(BenchRun& run, const Family& family, const WorkShape& shape,
                                     const Work& work, Problem& problem, const Version& ours);

}  // namespace lat::tools
