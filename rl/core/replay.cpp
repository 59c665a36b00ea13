#include "rl/core/replay.h"

#include <unistd.h>

#include "engine/tape/step.h"
#include "rl/table.h"

namespace lat::rl {

namespace {

i64 numbers_of(const Space& action) { return action.discrete ? 1 : action.size; }

// Memory of this machine that programs can have.
double machine_bytes() {
  return static_cast<double>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

i64 Replay::bytes(i64 capacity, const Space& observation, const Space& action, DType real) {
  return capacity * (2 * observation.size + numbers_of(action) + 2) * size_of(real);
}

Replay::Replay(Context& ctx, i64 capacity, const Space& observation, const Space& action)
    : ctx_(ctx),
      capacity_(capacity),
      D_(observation.size),
      A_(numbers_of(action)),
      discrete_(action.discrete) {
  LAT_CHECK(capacity >= 1, Code::usage, "replay", "a capacity of ", capacity,
            " transitions; expected 1 or more");
  constexpr double kGiB = 1 << 30;
  const i64 width = 2 * D_ + A_ + 2;
  const double need =
      static_cast<double>(capacity) * static_cast<double>(width * size_of(ctx.real()));
  LAT_CHECK(need <= machine_bytes() && capacity <= INT32_MAX, Code::machine, "replay", capacity,
            " transitions of ", width, " numbers need ", need / kGiB, " GiB; this machine has ",
            machine_bytes() / kGiB, " GiB, and at most ", INT32_MAX,
            " transitions are possible. Set a smaller memory");
  ring_ = Buffer(ctx, {capacity, width});  // (capacity,W)
  stored_ = Buffer(ctx, {}, DType::f64);   // ()
}

void Replay::put(const Tensor& obs, const Tensor& action, const Stepped& next) {
  const i64 E = obs.rows();
  LAT_CHECK(obs.cols() == D_ && next.final_obs.shape() == obs.shape() && action.size() == E * A_ &&
                next.reward.size() == E,
            Code::shape, "replay", "holds ", D_, " observations and ", A_, " actions a row, got ",
            obs.shape().text(), " and ", action.shape().text());
  LAT_CHECK((action.dtype == DType::i32) == discrete_, Code::shape, "replay", "holds ",
            discrete_ ? "choices (i32)" : "real actions", ", got ", lat::name_of(action.dtype));
  LAT_CHECK(E <= capacity_, Code::usage, "replay", "has room for ", capacity_, " transitions; ", E,
            " come at once. Make it larger than the number of environments");
  ctx_.device_call(table_of(ctx_.options().isa).replay_put[discrete_], ctx_.real(),
                   {ring_.tensor(), stored_.tensor(), obs, action, next.reward, next.final_obs,
                    next.terminated, ctx_.ok(), E, D_, A_, capacity_});
}

Transitions Replay::sample(Rng rng, i64 batch) const {
  const i64 stream = rng.next();
  Transitions t{.obs = ctx_.empty({batch, D_}),                        // (B,D)
                .action = discrete_ ? ctx_.empty({batch}, DType::i32)  // (B)
                                    : ctx_.empty({batch, A_}),         // (B,A)
                .reward = ctx_.empty({batch}),                         // (B)
                .next_obs = ctx_.empty({batch, D_}),                   // (B,D)
                .terminated = ctx_.empty({batch})};                    // (B)
  ctx_.device_call(
      table_of(ctx_.options().isa).replay_sample[discrete_], ctx_.real(),
      {t.obs, t.action, t.reward, t.next_obs, t.terminated, ring_.tensor(), stored_.tensor(),
       ctx_.draws.clock, batch, D_, A_, capacity_, static_cast<i64>(ctx_.options().seed), stream});
  return t;
}

i64 Replay::count() const { return std::min(capacity_, static_cast<i64>(item(stored_.tensor()))); }

}  // namespace lat::rl
