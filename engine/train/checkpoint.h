#pragma once
// A checkpoint is a folder of two safetensors files: model.safetensors (every slot by name) and optimiser.safetensors
// (moments, the Step's clock). It is published by index.json's own atomic replace, so that a run that is killed at any
// moment keeps its last one.
#include <map>
#include <string>

#include "engine/core/params.h"
#include "engine/optim/adam.h"
#include "engine/tape/step.h"

namespace lat {

using Metadata = std::map<std::string, std::string>;

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
