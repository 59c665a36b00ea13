#pragma once
// Passes over a recorded program (DESIGN 3). Each gives a program that leaves the same bits in everything that outlives
// the step: parameters, buffers, results, taps, clock, ok word. The work arena is nobody's after the step.
//
// What they rely on is what the kernel table promises: a call reads and writes only the extents it was given, and
// overwrites all of a `w` extent; and what kernels/common/types.h says of elementwise calls.
#include "engine/core/records.h"

namespace lat {

// Without the calls whose writes nobody reads afterwards and that end with the step.
Program without_dead_calls(const Program& p, const kernels::Kernel* rows);

// Elementwise calls over equally many elements become runs (Call::together) where one touches what another of the run
// touches, at the same element: tile after tile, so that a tile is still in the first-level cache when the next call
// needs it. A call moves up to its run past calls that it does not depend on.
Program in_tiles(const Program& p, const kernels::Kernel* rows);

// The same calls with their work memory placed anew: two ranges share bytes when no call needs both, and the result of
// an elementwise call takes the place of an input that ends there. First fit over lifetimes, largest first.
Program with_shared_memory(const Program& p, const kernels::Kernel* rows);

// All of them, in this order.
Program optimised(const Program& p, const kernels::Kernel* rows);

// Bytes of work memory that are in use at the call that uses most: no placement of these tensors needs less, unless
// results take the place of inputs.
i64 least_work_bytes(const Program& p, const kernels::Kernel* rows);

}  // namespace lat
