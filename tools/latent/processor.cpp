#include "tools/latent/processor.h"

#include <algorithm>

#include "tools/latent/run_folder.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

namespace {

using kernels::K;

// The ladder of that name, for its specification too.
const kernels::Ladder& find_ladder(kernels::Isa isa, const std::string& name) {
  LAT_CHECK(isa != kernels::Isa::v2, Code::machine, "x86-64-v2",
            "has no fused multiply-add, which every rung is made of. Expected a machine, or "
            "--isa, with v3 or v4");
  for (i64 i = 0; i < kernels::kLadders; ++i)
    if (kernels::ladder(isa, i).name == name) return kernels::ladder(isa, i);
  fail(Code::state, name, "has no rungs in kernels/study");
}

class Cpu final : public Processor {
 public:
  Cpu(kernels::Isa isa, bool fast) : isa_(isa), with_fast_(fast) {}

  FastBench* fast() override { return fast_.get(); }
  const std::vector<Family>& families() const override { return tools::families(); }

  void start(int threads, double seconds) override {
    bound_ = std::make_unique<BoundTeam>(threads);
    if (with_fast_) fast_ = std::make_unique<FastBench>(isa_, team());
    clock_ = std::make_unique<TeamClock>(team(), isa_);
    peaks_ = measure_peaks(team(), *clock_, isa_, seconds);
  }
  void stop() override {
    clock_.reset();
    fast_.reset();
    bound_.reset();
  }
  Clock& clock() override { return *clock_; }

  std::string about() const override {
    const int threads = bound_->team().size();
    return cat("CPU ", cpu_name(), ", ", kernels::isa_name(isa_), ", ", threads,
               threads == 1 ? " thread" : " threads, each",
               bound_->bound() ? " bound to its own core" : " not bound", "; peak ",
               fixed(peaks_.gflops, 1), " GFLOP/s\n");
  }
  std::string how() const override {
    return "us: median of chunks of calls on warm operands, in turns; chunks during which a "
           "probe or the scheduler shows another process are taken again\n";
  }
  std::vector<Json::Member> members() const override {
    return {
        {"cpu", cpu_name()}, {"isa", kernels::isa_name(isa_)}, {"threads", bound_->team().size()}};
  }

  Version kernel(const Work& work) override {
    const kernels::Kernel* const kernel = kernels::table(isa_) + static_cast<size_t>(work.kernel);
    return {"latent", "", [kernel](const Work& w) { return matches_specification(*kernel, w); },
            call(kernel->run[0], kernel->plan[0])};
  }
  Climb ladder(const std::string& name) override {
    const kernels::Ladder& ladder = find_ladder(isa_, name);
    Climb out{{}, static_cast<size_t>(ladder.product)};
    for (i64 i = 0; i < ladder.count; ++i) {
      const kernels::Rung rung = ladder.rungs[i];
      out.rungs.push_back({rung.name, rung.does,
                           [rung, specification = ladder.specification](const Work& w) {
                             return matches_specification(rung, specification, w);
                           },
                           call(rung.run, rung.plan)});
    }
    return out;
  }

 private:
  Team& team() { return bound_->team(); }
  std::function<std::function<void()>(const Problem&)> call(
      kernels::Run run, kernels::Plan (*plan_of)(const kernels::Arg*)) {
    return [this, run, plan_of](const Problem& problem) {
      const kernels::Arg* const args = problem.args().data();
      const kernels::Plan plan = plan_of(args);
      require_memory(static_cast<double>(plan.workspace) * team().size(), "workspaces");
      team().reserve_workspace(plan.workspace);
      return [this, run, args, parts = plan.parts] { team().run(run, args, parts); };
    };
  }

  kernels::Isa isa_;
  bool with_fast_;
  std::unique_ptr<BoundTeam> bound_;
  std::unique_ptr<FastBench> fast_;
  std::unique_ptr<TeamClock> clock_;
};

class Gpu final : public Processor {
 public:
  explicit Gpu(const std::string& name)
      : name_(name), device_(name), facts_(device_.memory().facts()), clock_(device_) {}

  Accelerator* device() override { return &device_; }
  const std::vector<Family>& families() const override { return device_families(); }
  // An emulated device is given little work.
  std::vector<WorkShape> shapes(const Family& f) const override {
    if (has_speed()) return f.shapes;
    std::vector<WorkShape> out;
    for (const WorkShape& shape : f.shapes) {
      const WorkShape little{"", f.small(shape).sizes};
      const auto same = [&](const WorkShape& s) { return s.sizes == little.sizes; };
      if (std::none_of(out.begin(), out.end(), same)) out.push_back(little);
    }
    return out;
  }
  WorkShape ladder_shape(const Family& f) const override {
    return shapes(*find_families(f.name, families())[0]).back();
  }

  void start(int, double seconds) override { peaks_ = measure_peaks(device_, clock_, seconds); }
  void stop() override {}
  Clock& clock() override { return clock_; }
  bool has_speed() const override { return device_.kind() != Device::emulated; }

  std::string about() const override {
    if (!has_speed())
      return cat(name_,
                 ": CUDA's kernels on this CPU; `us` is the host's time, and says nothing "
                 "of a GPU\n");
    return cat("GPU ", gpu_name_, ", ", facts_.multiprocessors, " multiprocessors at ",
               fixed(facts_.ghz, 2), " GHz, ", facts_.l2 >> 20, " MiB of cache; f32 peak ",
               fixed(peaks_.gflops, 0), " GFLOP/s, copy ", fixed(peaks_.levels[0].copy, 0),
               " GB/s\n");
  }
  std::string how() const override {
    return "us: median of replays of one graph of calls on warm operands, between two events\n";
  }
  std::vector<Json::Member> members() const override {
    return {{"device", name_}, {"gpu", gpu_name_}};
  }

  Version kernel(const Work& work) override {
    if (work.kernel == K::count) {
      const Climb climb = ladder("reparameterise_kl");
      Version product = climb.rungs[climb.product];
      product.name = "latent";
      return product;
    }
    const auto row = static_cast<size_t>(work.kernel);
    const kernels::DeviceKernel& kernel = device_.rows()[row];
    return version({"latent", "", kernel.run[0], kernel.scratch[0]},
                   kernels::table(kernels::Isa::spec)[row].run[0]);
  }
  Climb ladder(const std::string& name) override {
    const kernels::DeviceLadder* const all = device_.ladders();
    std::string names;
    for (i64 i = 0; i < kernels::kDeviceLadders; ++i) {
      names += cat(i > 0 ? ", " : "", all[i].name);
      if (all[i].name != name) continue;
      Climb out{{}, static_cast<size_t>(all[i].product)};
      for (i64 r = 0; r < all[i].count; ++r)
        out.rungs.push_back(
            version(all[i].rungs[r], find_ladder(kernels::best_isa(), name).specification));
      return out;
    }
    fail(Code::usage, "--device", "the ladder '", name, "' has no rungs for devices. There are ",
         names);
  }

 private:
  Version version(const kernels::DeviceRung& rung, kernels::Run specification) {
    return {rung.name, rung.does,
            [this, rung, specification](const Work& w) {
              return matches_specification(rung, specification, w, device_);
            },
            [this, rung](const Problem& problem) { return queued(rung, problem, device_); }};
  }

  std::string name_;
  Accelerator device_;
  gpu::Facts facts_;
  std::string gpu_name_ = device_.memory().name();
  DeviceClock clock_;
};

}  // namespace

std::unique_ptr<Processor> cpu_processor(kernels::Isa isa, bool fast) {
  return std::make_unique<Cpu>(isa, fast);
}

std::unique_ptr<Processor> device_processor(const std::string& name) {
  return std::make_unique<Gpu>(name);
}

}  // namespace lat::tools
