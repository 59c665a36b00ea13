#pragma once
// Heap allocations of this program so far, all threads together: tests/engine/allocations.cpp.

namespace lat::test {

long allocations();

}  // namespace lat::test
