#pragma once
// Named starting points: a model, its data, and the keys that differ from the model's defaults.
#include <string>
#include <utility>
#include <vector>

#include "engine/core/tensor.h"

namespace lat::tools {

using Keys = std::vector<std::pair<const char*, const char*>>;

struct Preset {
  const char* name;
  const char* model;
  const char* data;
  i64 steps;
  const char* help;
  Keys keys;
};

const std::vector<Preset>& presets();
// Accepts other spellings (conv-vae, betavae). Code::usage with the nearest name.
const Preset& find_preset(const std::string& name);

}  // namespace lat::tools
