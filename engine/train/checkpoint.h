#pragma once
// A checkpoint is a folder of two safetensors files: model.safetensors (every slot by name) and optimiser.safetensors
// (moments, the Step's clock). It is published by index.json's own atomic replace, so that a run that is killed at any
// moment keeps its last one.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/params.h"
#include "engine/optim/adam.h"
#include "engine/tape/step.h"

namespace lat {

using Metadata = std::map<std::string, std::string>;

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;
// What files of a checkpoint hold, by name: every slot of `params`; its moments, as <slot>.m and <slot>.v.
NamedTensors values_of(const Params& params);
NamedTensors moments_of(const Params& params, const Adam& adam);

// A file of a checkpoint, its name without ".safetensors".
struct CheckpointFile {
  std::string name;
  NamedTensors tensors;
};

// Writes `folder`/step-N/ with these files and then `folder`/index.json; keeps the last two. Code::machine when the disk
// refuses.
void save_checkpoint(const std::string& folder, i64 step, const std::vector<CheckpointFile>& files,
                     const Metadata& metadata);
// Reads a file by name: all of it and nothing else, each with its shape. Code::input names the tensor and both shapes.
void load_checkpoint(const std::string& checkpoint, const CheckpointFile& file);

// Writes `folder`/step-N/ and then `folder`/index.json; keeps the last two. Code::machine when the disk refuses.
void save_checkpoint(const std::string& folder, i64 step, const Params& params, const Adam& adam,
                     const Metadata& metadata);

// The newest checkpoint below `folder`: its folder. Code::input when there is none.
std::string latest_checkpoint(const std::string& folder);

// The metadata of a checkpoint, without its values.
Metadata checkpoint_metadata(const std::string& checkpoint);

// Reads values by name; every slot must be there with its shape. Code::input names the slot and both shapes.
void load_params(const std::string& checkpoint, Params& params);
void load_optimiser(const std::string& checkpoint, const Params& params, Adam& adam);

}  // namespace lat
