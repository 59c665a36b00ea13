#include "rl/training.h"

#include <algorithm>
#include <cmath>

#include "engine/core/sha256.h"

namespace lat::rl {

// What plays the episodes, and remembers for a recurrent agent.
struct Training::Judge {
  Judge(Agent& agent, const Environments& env, i64 count)
      : memory(env.ctx(), {count, std::max<i64>(agent.memory_size(), 1)}),
        episodes(
            env.ctx(), env.name(), count, env.seed(),
            [this, &agent](const Tensor& obs) {
              Tensor h = memory;  // (E,H)
              const Tensor action = agent.act(obs, h);
              if (agent.memory_size() > 0) assign(memory, h);
              return action;
            },
            [this] {
              set_values(memory, std::vector<double>(static_cast<size_t>(memory.tensor().size())));
            },
            env.options()) {}

  Buffer memory;
  Evaluation episodes;
};

Training::Training(const Context::Options& context, const Entry& entry,
                   std::unique_ptr<Agent> agent, const std::string& environment,
                   const EnvironmentOptions& options)
    : ctx_(std::make_unique<Context>(context)), entry_(entry), agent_(std::move(agent)) {
  env_ = std::make_unique<Environments>(
      make_environments(*ctx_, environment, agent_->copies(), context.seed, options));
  check_space(entry, environment, env_->action());
  env_->reset();
  agent_->build(*env_);
}

Training::~Training() = default;

void Training::step() {
  if (ctx_->on_cpu()) {
    const Tensor& memory = env_->memory();
    before_.assign(memory.as<double>(), memory.as<double>() + memory.size());
  }
  agent_->learn(done_);
  if (!ctx_->step_was_finite()) not_finite();
  done_ += agent_->steps_each();
}

void Training::not_finite() {
  env_->check();
  const Scratch scratch(*ctx_);
  if (!before_.empty()) set_values(env_->memory(), before_);
  const std::vector<double> seen = to_host(env_->observe());
  const size_t D = static_cast<size_t>(env_->observation().size);
  for (size_t i = 0; i < seen.size(); ++i)
    LAT_CHECK(std::isfinite(seen[i]), Code::failed, entry_.name, "number ", i % D,
              " of the observation of ", env_->name(), ", copy ", i / D, ", is ", seen[i],
              " at step ", done_,
              ". The parameters are those of before; the environment has to be mended");
  fail(Code::failed, entry_.name, "on ", env_->name(), ": a value was not finite by step ",
       done_ + agent_->steps_each(),
       ". The parameters are those of before. Try a smaller --set agent.lr");
}

std::vector<std::pair<std::string, double>> Training::figures() {
  std::vector<std::pair<std::string, double>> out;
  const Episodes now = env_->finished();
  if (now.count > known_.count)
    out.emplace_back("return",
                     (now.sum - known_.sum) / static_cast<double>(now.count - known_.count));
  known_ = now;
  const Figures& f = agent_->figures();
  for (size_t i = 0; i < f.names.size(); ++i) out.emplace_back(f.names[i], item(f.values[i]));
  return out;
}

Episodes Training::evaluate(i64 episodes) {
  if (!judge_ || judge_->episodes.environments().copies() != episodes)
    judge_ = std::make_unique<Judge>(*agent_, *env_, episodes);
  return judge_->episodes.run();
}

std::vector<CheckpointFile> Training::files() {
  const Kept kept = agent_->kept();
  CheckpointFile model{"model", {}}, optimiser{"optimiser", {}}, memory{"memory", {}};
  const auto add = [](NamedTensors& to, const NamedTensors& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  for (const Params* p : kept.params) add(model.tensors, values_of(*p));
  for (const Kept::Optimiser& o : kept.optimisers) {
    add(optimiser.tensors, moments_of(*o.params, *o.adam));
    optimiser.tensors.emplace_back(o.name + ".count", o.adam->count());
  }
  memory.tensors = kept.buffers;
  memory.tensors.emplace_back("environments", env_->memory());
  for (const StepBase* s : kept.steps)
    memory.tensors.emplace_back(s->name() + ".clock", s->clock());
  return {model, optimiser, memory};
}

void Training::save(const std::string& folder, const Metadata& metadata) {
  Metadata meta = metadata;
  meta["agent"] = entry_.name;
  meta["environment"] = env_->name();
  save_checkpoint(folder, done_, files(), meta);
}

void Training::resume(const std::string& folder) {
  const std::string checkpoint = latest_checkpoint(folder);
  const Metadata meta = checkpoint_metadata(checkpoint);
  const auto is = [&](const char* key, const std::string& now) {
    const auto found = meta.find(key);
    const std::string was = found == meta.end() ? "none" : found->second;
    LAT_CHECK(was == now, Code::input, checkpoint, "the ", key, " was ", was, ", now it is ", now,
              ". A run goes on where it began; start another one for another ", key);
  };
  is("agent", entry_.name);
  is("environment", env_->name());
  const auto step = meta.find("step");
  LAT_CHECK(step != meta.end(), Code::input, checkpoint, "does not say at which step it stands");
  for (const CheckpointFile& file : files()) load_checkpoint(checkpoint, file);
  for (const Params* p : agent_->kept().params) p->written();
  done_ = parse_whole(checkpoint, step->second, 0, 1e15);
  known_ = env_->finished();
}

i64 Training::parameters() const {
  i64 n = 0;
  for (const Params* p : agent_->kept().params) n += p->count();
  return n;
}

std::string Training::hash() const {
  Sha256 sha;
  std::vector<char> storage;
  for (const Params* p : agent_->kept().params)
    for (const auto& [name, t] : values_of(*p))
      sha.update(ctx_->view(t, storage), static_cast<size_t>(t.bytes()));
  return sha.hex();
}

}  // namespace lat::rl
