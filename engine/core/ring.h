#pragma once
// Numbers that a step leaves for the host, a row of a ring for each call: the host reads a row when it has come, and the
// device is not waited for. The row is chosen by the Step's own clock, so that a graph that is replayed writes the next.
#include <memory>
#include <span>
#include <vector>

#include "engine/core/context.h"

namespace lat {

class Ring {
 public:
  // Keeps the newest `rows` calls. The context must outlive it.
  Ring(Context& ctx, i64 rows) : ctx_(ctx), rows_(rows) {}

  // In the body of a Step, always the same one: the values, () each, are this call's row. Code::shape for others,
  // Code::state outside of a Step and when their number changes.
  void push(std::span<const Tensor> values);

  struct Row {
    i64 call = 0;  // the Step's tick() after it, counted from 1; 0: none has come
    std::vector<double> values;
  };
  // The newest row that has come, after `calls` calls of the Step have been queued; and where none is on its way, that of
  // the last of them sets out. On the CPU it is there at once. Waits for nothing.
  const Row& newest(i64 calls);

 private:
  void read(const void* from, i64 call);

  Context& ctx_;
  i64 rows_;
  Buffer buffer_;  // (rows, numbers)
  std::unique_ptr<Fetch> fetch_;
  i64 fetched_ = 0;  // the call whose row is on its way; 0: none is
  Row row_;
};

}  // namespace lat
