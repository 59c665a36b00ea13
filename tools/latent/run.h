#pragma once
// The training loop that people watch: live line, metrics, checkpoints, Ctrl-C.
#include <signal.h>

#include <string>
#include <vector>

#include "tools/latent/picture.h"
#include "tools/latent/run_folder.h"

namespace lat::tools {

constexpr int kInterrupted = 130;  // exit code after saving

// Ctrl-C asks the loop to stop while it lives; a second one ends the program.
class Interruptible {
 public:
  Interruptible();
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;
  bool asked() const;

 private:
  struct sigaction old_int_, old_term_;
};

struct RunPlan {
  Stop stop;
  i64 schedule_steps = 1;  // what schedules take as the whole, where the run stops by time
  double seconds = 0;      // of training before this process
  std::string preset;
};

struct RunOutcome {
  bool interrupted = false;
  double seconds = 0;  // of training, all processes together
  models::Evaluation test;
};

// Trains until the stop, saves, measures, draws. Interrupted: saves and says how to go on. A failure leaves the last
// good checkpoint and says so in state.json.
RunOutcome run_training(models::Training& training, const RunFolder& folder, const RunPlan& plan);

// Two lines that say what is about to run.
void announce(models::Training& training, const RunFolder& folder, const std::string& preset,
              const Machine& machine);

// "held-out ELBO -86.90 nats per example ..." and the KL of each latent.
void say_figures(const models::Evaluation& e);

// {elbo, recon, kl, active, latents, examples, ...}
Json figures(const models::Evaluation& e);

// The `n` latents of largest KL, largest first.
std::vector<i64> top_latents(const models::Evaluation& e, size_t n);

}  // namespace lat::tools
