#include "tools/latent/problem.h"

#include <algorithm>
#include <cstring>

#include "engine/core/error.h"
#include "engine/data/file.h"

namespace lat::tools {

namespace {

using kernels::Arg;
using Kind = WorkOperand::Kind;

// Space for an operand that is an array of anything, in floats.
i64 space_of(const WorkOperand& o) {
  const bool wide = o.kind == Kind::ticks || o.kind == Kind::state;
  return wide ? 2 * o.count : o.kind == Kind::flag ? o.count : floats_of(o);
}

// The same numbers in every run, on a grid of 2^-20 of the interval.
void draw(float* to, const WorkOperand& o, uint64_t seed) {
  uint64_t x = seed * 0x9E3779B97F4A7C15u + 1;
  for (i64 i = 0; i < o.count; ++i) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    const double value = o.low + (o.high - o.low) * static_cast<double>(x >> 44) * 0x1p-20;
    to[i] = static_cast<float>(o.absolute && value < 0 ? -value : value);
  }
}

// In so many parts; 0: as planned.
void run_parts(const kernels::Rung& rung, const std::vector<Arg>& args, i64 parts) {
  const kernels::Plan plan = rung.plan(args.data());
  const Floats workspace(plan.workspace / 4 + 16);
  const i64 count = parts > 0 ? parts : plan.parts;
  for (i64 k = 0; k < count; ++k) rung.run(args.data(), {k, count, workspace.data()});
}

}  // namespace

void require_memory(const Work& work) {
  double bytes = 0;
  for (const WorkOperand& o : work.operands) bytes += 4.0 * static_cast<double>(space_of(o));
  require_memory(bytes, "operands");
}

void require_memory(double bytes, const std::string& what) {
  const double room = free_memory();
  LAT_CHECK(room == 0 || bytes < 0.4 * room, Code::machine, "memory", "the ", what, " need ",
            size_text(static_cast<uint64_t>(std::min(bytes, 1e18))), ", ",
            size_text(static_cast<uint64_t>(room)), " are free. Try a smaller --shape");
}

Problem::Problem(const Work& work, Accelerator* device) : work_(work), device_(device) {
  require_memory(work_);
  // Operands start in different sets of the caches.
  constexpr i64 kStagger = 272;
  for (size_t i = 0; i < work_.operands.size(); ++i) {
    const WorkOperand& o = work_.operands[i];
    Arg arg{};
    if (o.kind == Kind::integer) {
      arg.i = o.count;
    } else if (o.kind == Kind::real) {
      arg.r = o.low;
    } else if (o.count > 0 && device_) {
      device_memory_.emplace_back(*device_, space_of(o) * 4);
      arg.p = device_memory_.back().data();
    } else if (o.count > 0) {
      const i64 skip = kStagger * static_cast<i64>(i) / 16 * 16;
      memory_.emplace_back(space_of(o) + skip);
      arg.p = memory_.back().data() + skip;
    }
    args_.push_back(arg);
  }
  reset();
}

void Problem::fill(void* to, size_t operand) const {
  const WorkOperand& o = work_.operands[operand];
  const auto bytes = static_cast<size_t>(space_of(o)) * 4;
  if (o.kind == Kind::input || o.kind == Kind::both) draw(static_cast<float*>(to), o, operand + 1);
  if (o.kind == Kind::output) std::memset(to, 0xff, bytes);  // NaN
  if (o.kind == Kind::ticks) std::memset(to, 0, bytes);
  if (o.kind == Kind::flag) *static_cast<int32_t*>(to) = 1;
  if (o.kind == Kind::state) {
    const double begin[] = {3, 0.7, 0.9};
    std::memcpy(to, begin, sizeof begin);
  }
}

void Problem::reset() {
  for (size_t i = 0; i < args_.size(); ++i) {
    const i64 space = space_of(work_.operands[i]);
    if (space == 0) continue;
    if (!device_) {
      fill(args_[i].p, i);
      continue;
    }
    const Floats host(space);
    fill(host.data(), i);
    move_bytes(*device_, args_[i].p, host.data(), space * 4);
  }
}

std::vector<float> Problem::values(size_t operand) const {
  const i64 count = floats_of(work_.operands[operand]);
  std::vector<float> out(static_cast<size_t>(count));
  if (device_)
    move_bytes(*device_, out.data(), floats(operand), count * 4);
  else if (count > 0)
    std::memcpy(out.data(), floats(operand), static_cast<size_t>(count) * 4);
  return out;
}

std::string Problem::written() const {
  std::string bytes;
  for (size_t i = 0; i < args_.size(); ++i) {
    if (!is_written(work_.operands[i])) continue;
    const i64 size = work_.operands[i].count * 4;
    const size_t before = bytes.size();
    bytes.resize(before + static_cast<size_t>(size));
    if (device_)
      move_bytes(*device_, bytes.data() + before, args_[i].p, size);
    else
      std::memcpy(bytes.data() + before, args_[i].p, static_cast<size_t>(size));
  }
  return bytes;
}

bool matches_specification(const kernels::Kernel& kernel, const Work& work) {
  const kernels::Kernel& truth = kernels::table(kernels::Isa::spec)[static_cast<int>(work.kernel)];
  return matches_specification({kernel.name, "", kernel.run[0], kernel.plan[0]}, truth.run[0],
                               work);
}

bool matches_specification(const kernels::Rung& rung, kernels::Run specification,
                           const Work& work) {
  const FloatGuard guard;
  Problem problem(work);
  specification(problem.args().data(), {});
  const std::string want = problem.written();
  for (const i64 parts : {0, 1, 3}) {
    problem.reset();
    run_parts(rung, problem.args(), parts);
    if (problem.written() != want) return false;
  }
  return true;
}

bool matches_specification(const kernels::DeviceRung& rung, kernels::Run specification,
                           const Work& work, Accelerator& device) {
  const FloatGuard guard;
  const Problem here(work), there(work, &device);
  specification(here.args().data(), {});
  queued(rung, there, device)();
  return there.written() == here.written();
}

std::function<void()> queued(const kernels::DeviceRung& rung, const Problem& problem,
                             Accelerator& device) {
  gpu::Stream& stream = device.stream();
  const Arg* const args = problem.args().data();
  if (rung.scratch) device.memory().commit(stream.scratch, static_cast<size_t>(rung.scratch(args)));
  return [&stream, args, run = rung.run] { run(args, stream); };
}

}  // namespace lat::tools
