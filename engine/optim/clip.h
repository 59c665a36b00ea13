#pragma once
// Clipping of gradients.
#include "engine/core/params.h"

namespace lat {

// Between backward and the optimiser's step: scales all gradients by min(1, max_norm / norm), norm = sqrt(sum g^2) over
// every trained slot that is not frozen (Pascanu, Mikolov & Bengio 2013, algorithm 1). Returns the norm before, (). A
// norm that is not finite, or beyond the largest number of the type, fails the step: the optimiser changes nothing.
// Shards are joined first. max_norm > 0, else Code::usage. An op of a Step's body.
Tensor clip_global_norm(Params& params, double max_norm);

}  // namespace lat
