#pragma once
// Everything a model or a program needs.
#include "engine/core/context.h"
#include "engine/core/error.h"
#include "engine/core/params.h"
#include "engine/dist/dist.h"
#include "engine/nn/layers.h"
#include "engine/nn/recurrent.h"
#include "engine/ops/ops.h"
#include "engine/optim/adam.h"
#include "engine/optim/clip.h"
#include "engine/optim/ema.h"
#include "engine/tape/step.h"
