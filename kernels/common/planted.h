#pragma once
// Planted bugs: known faults of one line each that prove the tests can fail. They exist only in the programs that
// tests/planted.cmake links, one at a time, as the environment says; elsewhere planted() is false.
//
// Only sources that call planted() are compiled again for those programs: a header may call it where every source that
// includes the header calls it too, or is a specification.
#include "kernels/common/types.h"

namespace lat::kernels {

enum class Bug : int {  // the test that finds it, of ops.cases the op in whose rows
  none,
  row_sum_drops_last,        // ops.cases add
  row_sum_overruns,          // ops.cases neg
  fill_leaves_last,          // ops.cases neg
  matmul_chunk,              // ops.cases matmul
  conv_padding,              // ops.cases conv2d
  activation_slope,          // ops.cases linear
  gaussian_kl_sign,          // ops.cases gaussian_kl
  gru_forgets_reset,         // ops.cases gru_cell
  mul_own_input,             // ops.cases neg
  replay_skips_last,         // engine.step
  clock_stands_still,        // engine.step
  row_ignored,               // engine.step
  no_bias_correction,        // engine.params
  second_moment_of_g,        // engine.params
  shards_in_wrong_order,     // engine.step
  arena_rewound_short,       // engine.context
  generation_not_bumped,     // engine.step
  stale_leaf,                // engine.params
  recording_never_compared,  // engine.step
  order_ignores_epoch,       // engine.batches
  needed_call_removed,       // engine.passes
  lifetime_too_short,        // engine.passes
  run_of_other_elements,     // engine.passes
  fetch_before_its_event,    // engine.ring
  ring_row_of_neighbour,     // engine.ring
  ring_row_overwritten,      // engine.ring
  discount_through_the_end,  // ops.returns
  gae_without_gamma,         // ops.returns
  gae_through_truncation,    // ops.returns
  squash_uncorrected,        // engine.dist
  orthogonal_but_the_first,  // engine.dist
  truncation_terminates,     // rl.environments
  final_observation_lost,    // rl.environments
  limit_one_late,            // rl.environments
  start_ignores_episode,     // rl.environments
  episode_counted_twice,     // rl.environments
  replay_next_is_now,        // rl.replay
  replay_end_forgotten,      // rl.replay
  moments_without_shift,     // rl.normaliser
};

#ifdef LAT_PLANTED
inline Bug planted_bug = Bug::none;
LAT_INLINE bool planted(Bug bug) { return bug == planted_bug; }
#else
constexpr LAT_INLINE bool planted(Bug) { return false; }
#endif

}  // namespace lat::kernels
