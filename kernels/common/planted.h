#pragma once
// Planted bugs: known faults of one line each that prove the tests can fail (tests/harness/planted.cmake). They exist
// only in a build with -DLAT_PLANTED=ON, one at a time, by the test program's choice; elsewhere planted() is false.

namespace lat::kernels {

enum class Bug : int {
  none,                      // test_engine test_ops
  row_sum_drops_last,        // test_ops
  row_sum_overruns,          // test_ops
  fill_leaves_last,          // test_ops
  matmul_chunk,              // test_ops
  conv_padding,              // test_ops
  activation_slope,          // test_ops
  gaussian_kl_sign,          // test_ops
  gru_forgets_reset,         // test_ops
  mul_own_input,             // test_ops
  replay_skips_last,         // test_engine
  clock_stands_still,        // test_engine
  row_ignored,               // test_engine
  no_bias_correction,        // test_engine
  second_moment_of_g,        // test_engine
  shards_in_wrong_order,     // test_engine
  arena_rewound_short,       // test_engine
  generation_not_bumped,     // test_engine
  stale_leaf,                // test_engine
  recording_never_compared,  // test_engine
  order_ignores_epoch,       // test_engine
  needed_call_removed,       // test_engine
  lifetime_too_short,        // test_engine
  run_of_other_elements,     // test_engine
};

#ifdef LAT_PLANTED
inline Bug planted_bug = Bug::none;
inline bool planted(Bug bug) { return bug == planted_bug; }
#else
constexpr bool planted(Bug) { return false; }
#endif

}  // namespace lat::kernels
