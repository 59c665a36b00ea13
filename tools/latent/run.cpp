#include "tools/latent/run.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <future>
#include <numbers>
#include <numeric>

#include "engine/data/file.h"
#include "tools/latent/shown.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kRedraw = 0.15;       // seconds between live lines on a terminal ...
constexpr double kPlainLines = 3;      // ... and between plain ones
constexpr double kSaveEvery = 180;     // seconds between checkpoints
constexpr double kHeartbeat = 15;      // seconds between writings of state.json
constexpr double kSpeedWindow = 20;    // seconds that speed and time left are measured over
constexpr i64 kMetricsEvery = 50;      // steps
constexpr i64 kMidRunExamples = 1000;  // of the test set
constexpr double kEvaluationShare =
    20;  // training takes at least so many times the evaluations' time
volatile sig_atomic_t interrupts = 0;

void on_interrupt(int) {
  interrupts = interrupts + 1;
  if (interrupts > 1) ::_exit(kInterrupted);
}

class Loop {
 public:
  Loop(models::Training& t, const RunFolder& folder, const RunPlan& plan)
      : t_(t),
        shown_(shown(t, plan.preset)),
        folder_(folder),
        plan_(plan),
        total_(total()),
        saved_(t.done()) {}

  RunOutcome run() {
    const Interruptible guard;
    RunOutcome out;
    const bool fresh = t_.done() == 0;
    start_ = last_shown_ = last_saved_ = last_beat_ = Clock::now();
    speed_.emplace_back(start_, t_.done());
    try {
      while (!finished() && interrupts == 0) {
        t_.step(schedule_steps());
        if (t_.done() == 1) check_first_step();
        if (!described_) describe(fresh);
        after_step();
      }
      line_.end();
      out.interrupted = interrupts != 0 && !finished();
      out.seconds = spent();
      if (data_described_.valid()) data_described_.get();
      save();
      if (out.interrupted) {
        folder_.state("STOPPED", "interrupted", t_.done(), saved_);
        say("stopped at step ", grouped(t_.done()), ", saved. To go on:  latent train --resume ",
            folder_.path());
        return out;
      }
      out.test = t_.evaluate();
      metric_test(out.test);
      closing_checks(out.test);
      shown_->draw(folder_, out.test);
      folder_.state("FINISHED", "", t_.done(), saved_);
    } catch (const Error& e) {
      line_.end();
      failed(e);
      throw;
    }
    return out;
  }

 private:
  i64 total() const {
    if (plan_.stop.steps) return *plan_.stop.steps;
    if (plan_.stop.epochs) return *plan_.stop.epochs * t_.per_epoch();
    return 0;
  }
  i64 schedule_steps() const { return total_ > 0 ? total_ : plan_.schedule_steps; }
  double spent() const {
    return plan_.seconds + std::chrono::duration<double>(Clock::now() - start_).count();
  }
  bool finished() const {
    if (total_ > 0) return t_.done() >= total_;
    return spent() >= plan_.stop.seconds.value_or(0);
  }
  static double since(Clock::time_point t) {
    return std::chrono::duration<double>(Clock::now() - t).count();
  }

  // Hashing the data takes longer than some steps, so that training goes on beside it.
  void describe(bool fresh) {
    described_ = true;
    if (fresh)
      data_described_ = std::async(std::launch::async, [&] { shown_->describe_data(folder_); });
    folder_.state("RUNNING", "", t_.done(), saved_);
  }

  void after_step() {
    if (t_.done() % kMetricsEvery == 0 || t_.done() == 1) metric_train();
    if (t_.done() % t_.per_epoch() == 0) end_of_epoch();
    if (since(last_shown_) >= (is_terminal() ? kRedraw : kPlainLines)) {
      last_shown_ = Clock::now();
      line_.show(progress());
    }
    if (since(last_saved_) >= kSaveEvery) save();
    if (since(last_beat_) >= kHeartbeat) {
      last_beat_ = Clock::now();
      folder_.state("RUNNING", "", t_.done(), saved_);
    }
  }

  // Evaluates when that costs little beside the training since the last time.
  void end_of_epoch() {
    if (t_.model().latents() == 0 || since(last_evaluated_) < kEvaluationShare * evaluation_cost_)
      return;
    const Clock::time_point before = Clock::now();
    const models::Evaluation e = t_.evaluate(kMidRunExamples);
    evaluation_cost_ = since(before);
    last_evaluated_ = Clock::now();
    active_ = e.active;
    best_ = std::max(best_, e.elbo);
    metric_test(e);
  }

  // On a device of a step some way back, so that it need not be waited for.
  void metric_train() {
    const models::Training::Known& known = t_.recent();
    if (known.step == measured_) return;
    measured_ = known.step;
    std::vector<Json::Member> terms;
    for (const auto& [name, value] : known.terms) terms.push_back({name, value});
    folder_.metric({{"step", known.step},
                    {"seconds", std::round(spent() * 1e3) / 1e3},
                    {"train", Json::object(terms)}});
  }
  void metric_test(const models::Evaluation& e) {
    folder_.metric({{"step", t_.done()},
                    {"seconds", std::round(spent() * 1e3) / 1e3},
                    {"test", figures(e)},
                    {"kl_per_latent", e.kl_per_latent}});
  }

  std::string progress() {
    const Clock::time_point now = Clock::now();
    speed_.emplace_back(now, t_.done());
    while (speed_.size() > 2 &&
           std::chrono::duration<double>(now - speed_.front().first).count() > kSpeedWindow)
      speed_.pop_front();
    const double window = std::chrono::duration<double>(now - speed_.front().first).count();
    const double rate = static_cast<double>(t_.done() - speed_.front().second) / window;
    std::string text = cat("step  ", grouped(t_.done()));
    double left = 0;
    if (total_ > 0) {
      text += cat("/", grouped(total_), " ", 100 * t_.done() / total_, "%");
      left = static_cast<double>(total_ - t_.done()) / std::max(rate, 1e-9);
    } else {
      left = plan_.stop.seconds.value_or(0) - spent();
    }
    text += "  " + duration_text(left) + " left";
    double sum = 0;
    bool elbo = true;
    std::string parts;
    for (const auto& [name, value] : t_.recent().terms) {
      sum += value;
      elbo = elbo && (name == "recon" || name == "kl");
      parts += cat(parts.empty() ? "" : " + ", name == "kl" ? "KL" : name, " ", fixed(value, 2));
    }
    if (elbo) text += "  ELBO " + fixed(-sum, 2);
    text += "  " + parts;
    if (active_ >= 0) text += cat("  active ", active_, "/", t_.model().latents());
    text += cat("  ", grouped(std::llround(rate * static_cast<double>(t_.config().batch))), " ",
                shown_->unit(), "/s");
    return text;
  }

  void check_first_step() {
    const std::optional<double> expected = shown_->untrained_recon();
    const auto terms = t_.terms();
    if (!expected || terms.empty() || terms[0].first != "recon") return;
    const bool good = std::abs(terms[0].second / *expected - 1) < 0.25;
    check("first-step", good,
          cat("recon ", fixed(terms[0].second, 1), " nats at step 1, untrained ",
              fixed(*expected, 1)),
          "the pixels may not lie in [0, 1], or a sum over them is missing");
  }

  void closing_checks(const models::Evaluation& e) {
    if (t_.model().latents() == 0) return;
    check("active-latents", e.active > 0,
          cat(e.active, " of ", t_.model().latents(), " latents carry more than ",
              fixed(models::kActive, 2), " nats"),
          "the decoder ignores its code (posterior collapse). Try a smaller KL weight");
    if (best_ > -1e300)
      check("held-out", e.elbo > best_ - 0.03 * std::abs(best_),
            cat("held-out ELBO ", fixed(e.elbo, 2), ", best on the way ", fixed(best_, 2)),
            "it has fallen since. The model fits the training images only: train for fewer steps");
    folder_.checks(checks_);
  }

  void check(const char* name, bool good, const std::string& figure, const std::string& meaning) {
    checks_.push_back(
        Json::object({{"check", name}, {"result", good ? "pass" : "warn"}, {"figure", figure}}));
    if (good) return;
    line_.end();
    say("check ", figure, ": ", meaning);
  }

  void save() {
    t_.save(folder_.checkpoints(), {{"preset", plan_.preset}, {"seconds", fixed(spent(), 3)}});
    saved_ = t_.done();
    last_saved_ = Clock::now();
  }

  void failed(const Error& e) {
    if (e.code == Code::failed) {  // the parameters are those of the step before
      try {
        save();
      } catch (const Error&) {  // the first failure is the one to tell
      }
    }
    try {
      folder_.state("FAILED", e.what(), t_.done(), saved_);
    } catch (const Error&) {
    }
    say("training stopped at step ", grouped(t_.done()), "; ",
        saved_ == 0 ? "no checkpoint was written."
        : e.code == Code::failed
            ? cat("its parameters are saved. Going on would fail again: start another run, or see "
                  "this one:  latent eval ",
                  folder_.path())
            : cat("the checkpoint of step ", grouped(saved_),
                  " is whole. To go on from it:  latent train --resume ", folder_.path()));
  }

  models::Training& t_;
  const std::unique_ptr<Shown> shown_;
  const RunFolder& folder_;
  const RunPlan& plan_;
  const i64 total_;
  i64 saved_;
  i64 measured_ = 0;  // the step of the newest line of metrics
  i64 active_ = -1;
  double best_ = -1e301, evaluation_cost_ = 0;
  bool described_ = false;
  Clock::time_point start_, last_shown_, last_saved_, last_beat_, last_evaluated_;
  std::deque<std::pair<Clock::time_point, i64>> speed_;
  std::vector<Json> checks_;
  LiveLine line_;
  std::future<void> data_described_;
};

}  // namespace

Interruptible::Interruptible() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, &old_int_);
  ::sigaction(SIGTERM, &action, &old_term_);
  interrupts = 0;
}

Interruptible::~Interruptible() {
  ::sigaction(SIGINT, &old_int_, nullptr);
  ::sigaction(SIGTERM, &old_term_, nullptr);
}

bool Interruptible::asked() const { return interrupts != 0; }

RunOutcome run_training(models::Training& training, const RunFolder& folder, const RunPlan& plan) {
  return Loop(training, folder, plan).run();
}

void announce(models::Training& t, const RunFolder& folder, const std::string& preset,
              const Machine& machine) {
  const std::unique_ptr<Shown> what = shown(t, preset);
  const std::string where =
      machine.device == "cpu" ? cat("CPU ", kernels::isa_name(machine.isa), " x ", machine.threads,
                                    machine.threads == 1 ? " thread" : " threads")
                              : t.ctx().device_name();
  say("latent ", kVersion, "  preset ", preset, "  ", where, "  ", machine.numerics(), "  ->  ",
      folder.path());
  say("model  ", what->model(), "  ", grouped(t.model().params().count()), " weights   ",
      machine.eager ? ""
                    : size_text(static_cast<uint64_t>(t.memory().total())) + " training memory   ",
      "data ", t.data_name(), "  ", what->data());
}

std::vector<i64> top_latents(const models::Evaluation& e, size_t n) {
  std::vector<i64> dims(e.kl_per_latent.size());
  std::iota(dims.begin(), dims.end(), i64{0});
  const auto kl = [&](i64 z) { return e.kl_per_latent[static_cast<size_t>(z)]; };
  std::stable_sort(dims.begin(), dims.end(), [&](i64 a, i64 b) { return kl(a) > kl(b); });
  dims.resize(std::min(n, dims.size()));
  return dims;
}

void say_figures(const models::Evaluation& e) {
  const bool latents = !e.kl_per_latent.empty();
  say("held-out ELBO ", fixed(e.elbo, 2), " nats per example  (recon ", fixed(e.recon, 2), " + KL ",
      fixed(e.kl, 2), ", ", grouped(e.examples), " examples)",
      latents ? cat("   ", e.active, " of ", e.kl_per_latent.size(), " latents in use") : "");
  for (const auto& [name, value] : e.more) say("  ", name, "  ", fixed(value, 4));
  if (!latents) return;
  constexpr size_t kMost = 12;
  std::string line = "KL per latent ";
  for (const i64 z : top_latents(e, kMost))
    line += cat("  z", z, " ", fixed(e.kl_per_latent[static_cast<size_t>(z)], 2));
  if (e.kl_per_latent.size() > kMost) line += "  ...";
  say(line);
}

Json figures(const models::Evaluation& e) {
  std::vector<Json::Member> all{{"elbo", e.elbo},
                                {"recon", e.recon},
                                {"kl", e.kl},
                                {"active", e.active},
                                {"latents", e.kl_per_latent.size()},
                                {"examples", e.examples}};
  for (const auto& [name, value] : e.more) all.push_back({name, value});
  return Json::object(all);
}

}  // namespace lat::tools
