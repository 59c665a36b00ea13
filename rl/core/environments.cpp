#include "rl/core/environments.h"

#include <algorithm>
#include <cmath>

#include "rl/table.h"

namespace lat::rl {

double Episodes::mean() const { return count > 0 ? sum / static_cast<double>(count) : 0; }
double Episodes::sd() const {
  if (count == 0) return 0;
  const double m = mean();
  return std::sqrt(std::max(0.0, squares / static_cast<double>(count) - m * m));
}
double Episodes::mean_length() const {
  return count > 0 ? static_cast<double>(steps) / static_cast<double>(count) : 0;
}

namespace {

// Bit d: observation d is shown.
i64 shown(const Info& info, bool hide_velocities) {
  return hide_velocities ? ~i64{info.velocities} : -1;
}

Space observation_of(const Info& info, i64 seen) {
  Space space;
  for (i64 d = 0; d < info.observed; ++d) {
    if (d < 63 && (seen >> d & 1) == 0) continue;
    const i64 k = std::min<i64>(d, 5);
    space.low.push_back(info.observed_low[k]);
    space.high.push_back(info.observed_high[k]);
    ++space.size;
  }
  return space;
}

Space action_of(const Info& info) {
  Space space{.discrete = info.discrete, .size = info.actions, .low = {}, .high = {}};
  if (!info.discrete) {
    space.low.assign(static_cast<size_t>(info.actions), info.action_low);
    space.high.assign(static_cast<size_t>(info.actions), info.action_high);
  }
  return space;
}

// One number of an action from the host.
void check_action(const std::string& environment, const Space& space, i64 step, double a) {
  const bool good = space.discrete
                        ? a >= 0 && a < static_cast<double>(space.size) && a == std::floor(a)
                        : std::isfinite(a);
  LAT_CHECK(good, Code::usage, environment, "step ", step, ": the action is ", a, "; expected ",
            space.discrete ? cat("a whole number in 0 .. ", space.size - 1)
                           : std::string("a finite number"));
}

}  // namespace

Environments::Environments(Context& ctx, const EnvironmentRow& row, i64 copies, u64 seed,
                           EnvironmentOptions options)
    : ctx_(ctx),
      row_(row),
      name_(row.info.name),
      copies_(copies),
      seed_(seed),
      options_(options),
      limit_(options.limit > 0 ? options.limit : row.info.limit),
      observation_(observation_of(row.info, shown(row.info, options.hide_velocities))),
      action_(action_of(row.info)) {
  LAT_CHECK(copies >= 1, Code::usage, name_, copies, " copies; expected 1 or more");
  LAT_CHECK(options.limit >= 0 && options.counted >= 0, Code::usage, name_, "a limit of ",
            options.limit, " steps and ", options.counted,
            " counted episodes; expected 0 (the environment's own, all) or more");
  LAT_CHECK(!options.hide_velocities || row.info.velocities != 0, Code::usage, name_,
            "shows no velocities that could be hidden");
  memory_ = Buffer(ctx, {row.info.states + kRows, copies}, DType::f64);
}

i64 Environments::seen() const { return shown(row_.info, options_.hide_velocities); }

void Environments::check_begun() const {
  LAT_CHECK(begun_, Code::state, name_, "has no states yet; call reset() before the first step");
}

Tensor Environments::reset() {
  begun_ = true;
  ctx_.device_call(row_.reset, ctx_.real(),
                   {memory(), copies_, static_cast<i64>(seed_), options_.stream});
  return observe();
}

void Environments::restart() {
  LAT_CHECK(!ctx_.recording(), Code::state, name_, "restart() inside a recorded body");
  ctx_.write(memory(),
             [&](void* to) { std::fill_n(static_cast<double*>(to), memory().size(), 0.0); });
  reset();
}

Tensor Environments::observe() {
  check_begun();
  const Tensor obs = ctx_.empty({copies_, observation_.size});  // (E,D)
  ctx_.device_call(row_.observe, ctx_.real(), {obs, memory(), copies_, seen()});
  return obs;
}

Stepped Environments::step(const Tensor& action) {
  check_begun();
  const Shape expected = action_.discrete ? Shape{copies_} : Shape{copies_, action_.size};
  const DType dtype = action_.discrete ? DType::i32 : ctx_.real();
  ctx_.check_alive(action, name_.c_str());
  LAT_CHECK(action.shape() == expected && action.dtype == dtype, Code::shape, name_,
            "is acted upon with ", expected.text(), " ", lat::name_of(dtype), ", got ",
            action.shape().text(), " ", lat::name_of(action.dtype));
  Stepped next{.obs = ctx_.empty({copies_, observation_.size}),        // (E,D)
               .final_obs = ctx_.empty({copies_, observation_.size}),  // (E,D)
               .reward = ctx_.empty({copies_}),                        // (E)
               .terminated = ctx_.empty({copies_}),                    // (E)
               .truncated = ctx_.empty({copies_})};                    // (E)
  ctx_.device_call(row_.step, ctx_.real(),
                   {next.obs, next.final_obs, next.reward, next.terminated, next.truncated,
                    memory(), ctx_.ok(), action, copies_, limit_, seen(), options_.counted,
                    static_cast<i64>(seed_), options_.stream});
  return next;
}

std::vector<double> Environments::read() const {
  LAT_CHECK(!ctx_.recording(), Code::state, name_,
            "its memory was read on the host inside a recorded body; read it between steps");
  std::vector<double> out(static_cast<size_t>(memory().size()));
  ctx_.read(out.data(), memory());
  return out;
}

void Environments::write(const std::vector<double>& values) { ctx_.write(memory(), values.data()); }

Episodes Environments::finished(i64 first, i64 last) const {
  const std::vector<double> all = read();
  check(all);
  const auto at = [&](i64 row, i64 i) {
    return all[static_cast<size_t>((row_.info.states + row) * copies_ + i)];
  };
  Episodes e;
  for (i64 i = first; i < last; ++i) {
    e.count += static_cast<i64>(at(kEpisodes, i));
    e.sum += at(kReturns, i);
    e.squares += at(kSquares, i);
    e.steps += static_cast<i64>(at(kLengths, i));
  }
  return e;
}

Episodes Environments::finished() const { return finished(0, copies_); }
Episodes Environments::finished(i64 i) const {
  LAT_CHECK(i >= 0 && i < copies_, Code::usage, name_, "has no copy ", i, " of ", copies_);
  return finished(i, i + 1);
}

void Environments::forget() {
  std::vector<double> all = read();
  const auto begin = all.begin() + (row_.info.states + kEpisodes) * copies_;
  std::fill(begin, begin + (kLengths + 1 - kEpisodes) * copies_, 0.0);
  write(all);
}

void Environments::check() const { check(read()); }

void Environments::check(const std::vector<double>& all) const {
  for (i64 i = 0; i < copies_; ++i) {
    const double step = all[static_cast<size_t>((row_.info.states + kInvalid) * copies_ + i)];
    LAT_CHECK(step == 0, Code::failed, name_, "copy ", i, " was given an action that is none of ",
              action_.text(), " at step ", step,
              " of an episode: a choice outside of the space, or not a finite number");
  }
}

void Environments::check_actions(std::span<const double> actions, i64 step) const {
  const i64 A = action_.discrete ? 1 : action_.size;
  LAT_CHECK(static_cast<i64>(actions.size()) == copies_ * A, Code::usage, name_, "step ", step,
            ": ", actions.size(), " numbers for ", copies_, " copies of ", A);
  for (const double a : actions) check_action(name_, action_, step, a);
}

void Environments::set_states(std::span<const double> values) {
  const i64 S = row_.info.states;
  LAT_CHECK(static_cast<i64>(values.size()) == copies_ * S, Code::usage, name_, values.size(),
            " numbers for ", copies_, " states of ", S);
  std::vector<double> all = read();
  for (i64 i = 0; i < copies_; ++i) {
    for (i64 k = 0; k < S; ++k)
      all[static_cast<size_t>(k * copies_ + i)] = values[static_cast<size_t>(i * S + k)];
    for (const i64 row : {kSteps, kReturn}) all[static_cast<size_t>((S + row) * copies_ + i)] = 0;
  }
  write(all);
  begun_ = true;
}

std::vector<double> Environments::states() const {
  const i64 S = row_.info.states;
  const std::vector<double> all = read();
  std::vector<double> out(static_cast<size_t>(copies_ * S));
  for (i64 i = 0; i < copies_; ++i)
    for (i64 k = 0; k < S; ++k)
      out[static_cast<size_t>(i * S + k)] = all[static_cast<size_t>(k * copies_ + i)];
  return out;
}

namespace {

const EnvironmentRow& find(const std::string& name, kernels::Isa isa) {
  const Table& all = table_of(isa);
  for (i64 k = 0; k < all.count; ++k)
    if (name == all.environments[k].info.name) return all.environments[k];
  fail(Code::usage, "environment", "no environment is called '", name, "'.",
       suggestion(name, environment_names()), "  (there are ", environment_list(), ")");
}

}  // namespace

const std::vector<std::string>& environment_names() {
  static const auto names = [] {
    const Table& all = table_of(kernels::Isa::spec);
    std::vector<std::string> out;
    for (i64 k = 0; k < all.count; ++k) out.push_back(all.environments[k].info.name);
    return out;
  }();
  return names;
}

std::string environment_list() {
  std::string list;
  for (const std::string& name : environment_names()) list += (list.empty() ? "" : ", ") + name;
  return list;
}

Environments make_environments(Context& ctx, const std::string& name, i64 copies, u64 seed,
                               EnvironmentOptions options) {
  return Environments(ctx, find(name, ctx.options().isa), copies, seed, options);
}

double environment_threshold(const std::string& name) {
  return find(name, kernels::Isa::spec).info.threshold;
}

Trajectory trajectory(const std::string& name, std::span<const double> state,
                      std::span<const double> actions) {
  const EnvironmentRow& row = find(name, kernels::best_isa());
  const Info& info = row.info;
  const Space space = action_of(info);
  const i64 A = info.discrete ? 1 : info.actions;
  LAT_CHECK(static_cast<i64>(state.size()) == info.states, Code::usage, name, "a state has ",
            info.states, " numbers, got ", state.size());
  for (const double s : state)
    LAT_CHECK(std::isfinite(s), Code::usage, name, "the state holds ", s,
              "; expected finite numbers");
  LAT_CHECK(static_cast<i64>(actions.size()) % A == 0, Code::usage, name, "an action has ", A,
            " numbers, got ", actions.size());
  const i64 T = static_cast<i64>(actions.size()) / A;
  Trajectory t{.steps = T, .observed = info.observed, .states = info.states};
  std::vector<double> s(state.begin(), state.end());
  std::vector<double> o(static_cast<size_t>(info.observed));
  const auto see = [&] {
    row.see(s.data(), o.data());
    t.obs.insert(t.obs.end(), o.begin(), o.end());
    t.state.insert(t.state.end(), s.begin(), s.end());
  };
  see();
  for (i64 k = 0; k < T; ++k) {
    for (i64 j = 0; j < A; ++j)
      check_action(name, space, k, actions[static_cast<size_t>(k * A + j)]);
    double reward = 0, terminated = 0;
    row.advance(s.data(), actions.data() + k * A, &reward, &terminated);
    t.reward.push_back(reward);
    t.terminated.push_back(terminated != 0);
    see();
  }
  return t;
}

}  // namespace lat::rl
