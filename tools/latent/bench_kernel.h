#pragma once
// latent bench kernel: single kernels beside other libraries and the machine's roof.
#include <map>
#include <memory>
#include <set>

#include "tools/latent/peers.h"
#include "tools/latent/results.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

struct KernelBench {
  std::string names;  // of families; "" is all
  std::string shape;  // "128,400,784" instead of a family's own shapes
  std::string against, isa, save, compare, svg;
  std::vector<i64> threads;
  double seconds = 0.3;  // for each line
  bool json = false, markdown = false, csv = false;
};
int bench_kernels(const KernelBench& options);

// One way to do a piece of work.
struct Candidate {
  std::string impl;
  std::function<void()> run;
};

// A run of the bench: the machine's peaks for one count of threads after the other, and everything found so far, printed as
// it comes.
class BenchRun {
 public:
  // Code::usage and Code::machine for options that cannot be met; nothing is measured yet.
  explicit BenchRun(const KernelBench& options);
  ~BenchRun();

  kernels::Isa isa() const { return isa_; }
  int threads() const { return threads_; }
  Team& team() { return bound_->team(); }
  const std::vector<std::unique_ptr<Peer>>& peers() const { return peers_; }

  // The widest texts to come, for the table.
  void widths(size_t kernel, size_t shape, size_t impl);
  // A team of so many threads, its peaks, and the head of a table.
  void begin(int threads);
  // Times the candidates in turns; a row for each. Ratios are to the last of `impl` latent, or to the last.
  void measure(const std::string& kernel, const WorkShape& shape, const Work& work,
               const std::vector<Candidate>& candidates);
  // A candidate that computes something else: it gets no speed, and the run fails at its end.
  void refuse(const std::string& kernel, const WorkShape& shape, const std::string& impl,
              const std::string& why);
  // The summary and the files. The exit code.
  int finish(const std::string& title);

 private:
  void print_facts();
  Json machine() const;

  const KernelBench& options_;
  kernels::Isa isa_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::map<std::string, Timing> before_;  // by Result::key
  std::unique_ptr<BoundTeam> bound_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Table> table_;
  size_t kernel_width_ = 6, shape_width_ = 5, impl_width_ = 6;
  int threads_ = 1;
  Peaks peaks_;
  std::vector<Result> results_;
  std::map<std::string, std::vector<std::pair<double, std::string>>> ratios_;  // by peer
  std::map<Verdict, int> verdicts_;
  std::set<std::string> seen_;
  int refused_ = 0, unsteady_ = 0;
  LiveLine live_;
};

// Whether two outputs are the same but for rounding.
bool nearly_equal(const float* a, const float* b, i64 n);

// The peers' versions of a call, each checked against our output, which stands in the problem's operand 0.
std::vector<Candidate> checked_peers(BenchRun& run, const Family& family, const WorkShape& shape,
                                     const Work& work, Problem& problem);

}  // namespace lat::tools
