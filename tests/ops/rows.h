#pragma once
// What the files of the case table share; cases.cpp puts their rows together.
#include <string>
#include <vector>

#include "tests/harness/cases.h"

namespace lat::test {

using Rows = std::vector<Case>;

inline Input constant(const Shape& shape, double from = -2, double to = 2) {
  return {.shape = shape, .from = from, .to = to, .role = Role::constant};
}
inline Input labels(const Shape& shape, double classes) {
  return {.shape = shape, .from = 0, .to = classes, .role = Role::label};
}

inline constexpr Act kActs[] = {Act::none, Act::relu, Act::tanh, Act::sigmoid};
inline constexpr const char* kActNames[] = {"none", "relu", "tanh", "sigmoid"};

// cases_layers.cpp
void add_products(Rows& rows);
void add_conv(Rows& rows);
void add_recurrent(Rows& rows);
void add_norms(Rows& rows);
void add_scans(Rows& rows);

// cases_random.cpp
void add_random(Rows& rows);
void add_likelihoods(Rows& rows);
void add_choice(Rows& rows);
void add_effects(Rows& rows);

}  // namespace lat::test
