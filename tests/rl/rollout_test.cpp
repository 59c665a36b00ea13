// What a round of acting leaves.
#include "rl/core/rollout.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "engine/lat.h"

namespace lat::rl {

TEST_CASE("values of what followed are those of every state that a step led to, to the bit") {
  struct Row {
    const char* environment;
    i64 limit, steps;
  };
  // Pendulum ends by its limit alone, CartPole in both ways; rounds shorter and longer than an episode.
  for (const Row& row :
       {Row{"pendulum", 5, 3}, Row{"pendulum", 5, 17}, Row{"pendulum", 5, 10},
        Row{"pendulum", 1, 4}, Row{"cartpole", 12, 40}, Row{"cartpole", 500, 40}}) {
    CAPTURE(row.environment);
    CAPTURE(row.limit);
    CAPTURE(row.steps);
    Context ctx;
    const i64 E = 4;
    Environments env = make_environments(ctx, row.environment, E, 3, {.limit = row.limit});
    Params params;
    const Mlp net(params, "v", {env.observation().size, 8, 1}, Act::tanh);
    params.materialise(ctx);
    const auto value = [&](const Tensor& s) { return reshape(net(s), {s.dim[0]}); };
    env.reset();
    const NoGrad off(ctx);
    const Scratch scratch(ctx);
    Rollout seen;
    Tensor obs = env.observe();
    for (i64 t = 0; t < row.steps; ++t) {
      Tensor a;
      if (env.action().discrete) {
        a = ctx.empty({E}, DType::i32);
        set_values(a, std::vector<double>{0, 1, static_cast<double>(t % 2),
                                          static_cast<double>(t % 3 == 0)});
      } else {
        a = fill(ctx, {E, 1}, 0.3);
      }
      const Stepped next = env.step(a);
      seen.add(obs, a, next);
      obs = next.obs;
    }
    seen.join();
    const std::vector<double> ahead =
        to_host(seen.next_values(reshape(value(merged(seen.s)), {row.steps, E}), row.limit, value));
    const std::vector<double> all = to_host(value(merged(seen.s_next)));
    const std::vector<double> terminated = to_host(seen.terminated),
                              truncated = to_host(seen.truncated);
    REQUIRE(ahead.size() == all.size());
    i64 ends = 0, cuts = 0;
    for (size_t i = 0; i < all.size(); ++i) {
      ends += terminated[i] == 1, cuts += truncated[i] == 1;
      if (terminated[i] == 0) CHECK(ahead[i] == all[i]);
    }
    CHECK((ends > 0) == (std::string(row.environment) == "cartpole"));
    CHECK((cuts > 0) == (row.steps >= row.limit));
  }
}

}  // namespace lat::rl
