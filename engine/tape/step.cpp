#include "engine/tape/step.h"

#include <algorithm>
#include <bit>

#include "engine/core/passes.h"
#include "kernels/common/planted.h"

namespace lat {

using kernels::K;

namespace {

// A 4-byte copy serves both f32 and i32.
void copy_bits(const Tensor& to, const Tensor& from) {
  LAT_CHECK(from.dtype != DType::u8, Code::unsupported, "step", "results are real or i32, not u8");
  from.ctx->call(K::copy, from.dtype == DType::f64 ? DType::f64 : DType::f32,
                 {to, from, from.size()});
}

bool power_of_two(u64 n) { return n >= 2 && std::has_single_bit(n); }

}  // namespace

StepBase::StepBase(Context& ctx, std::string name)
    : ctx_(ctx), name_(std::move(name)), id_(ctx.next_step_id++), clock_(ctx, {16}, DType::u8) {
  LAT_CHECK(id_ < 0xffff, Code::unsupported, name_, "is Step number ", id_,
            " of its context; at most 65534 are possible");
}

StepBase::~StepBase() = default;

void StepBase::seek(u64 tick, u64 row) {
  const u64 clock[2] = {tick, kernels::planted(kernels::Bug::row_ignored) ? 0 : row};
  ctx_.write(clock_, clock);
}

u64 StepBase::tick() const {
  u64 clock[2];
  ctx_.read(clock, clock_);
  return clock[0];
}

size_t StepBase::last_recording() const {
  LAT_CHECK(last_ < recordings_.size(), Code::state, name_, "has not been called yet");
  return last_;
}

const Program& StepBase::program() const { return recordings_[last_recording()]->program; }
const Program& StepBase::recorded() const { return recordings_[last_recording()]->recorded; }

std::span<const Buffer> StepBase::arguments() const {
  LAT_CHECK(last_ < recordings_.size(), Code::state, name_, "has not been called yet");
  return recordings_[last_]->slots;
}

const Tensor& StepBase::tapped(const std::string& name) const {
  std::vector<std::string> names;
  if (last_ < recordings_.size())
    for (const auto& [tapped_name, buffer] : recordings_[last_]->taps) {
      if (tapped_name == name) return buffer.tensor();
      names.push_back(tapped_name);
    }
  fail(Code::usage, name_, "no tap is called '", name, "'.", suggestion(name, names));
}

// No allocation when the recording exists.
size_t StepBase::find(Key key, std::span<const Tensor> args) {
  for (size_t r = 0; r < recordings_.size(); ++r) {
    const Recording& rec = *recordings_[r];
    const auto same = [&](size_t i) {
      const Tensor& slot = rec.slots[i].tensor();
      return slot.dtype == args[i].dtype && slot.rank == args[i].rank &&
             std::equal(slot.dim, slot.dim + slot.rank, args[i].dim);
    };
    bool all = rec.key == key.value && rec.slots.size() == args.size();
    for (size_t i = 0; all && i < args.size(); ++i) all = same(i);
    if (all) return r;
  }
  auto rec = std::make_unique<Recording>();
  rec->key = key.value;
  for (const Tensor& t : args) rec->slots.emplace_back(ctx_, t.shape(), t.dtype);
  recordings_.push_back(std::move(rec));
  return recordings_.size() - 1;
}

// Runs the body once: into `program`, or at once when there is none. Leaves recorder, arena and tape as they were.
void StepBase::execute(size_t r, std::span<const Tensor> args, Program* program) {
  const Scratch scratch(ctx_);
  struct Restore {
    Context& ctx;
    Context::Draws draws;
    StepBase* step;
    const Op* op;
    bool recorded;
    ~Restore() {
      ctx.draws = draws;
      ctx.step = step;
      ctx.op = op;
      if (recorded) ctx.end_recording();
    }
  };
  if (program) ctx_.begin_recording(program);
  const Restore restore{ctx_, ctx_.draws, ctx_.step, ctx_.op, program != nullptr};
  ctx_.draws = {id_, 0, clock_.tensor()};
  ctx_.step = this;
  running_ = r;
  ctx_.call(K::advance, ctx_.real(), {clock_.tensor()});
  if (ctx_.on_cpu()) ctx_.call(K::fill_i32, ctx_.real(), {ctx_.ok(), 1, 1});
  body(r, Key{recordings_[r]->key}, args);
}

Tensor StepBase::kept(size_t r, size_t index, const Tensor& t) {
  ctx_.check_alive(t, name_.c_str());
  std::vector<Buffer>& results = recordings_[r]->results;
  if (results.size() <= index) results.emplace_back(ctx_, t.shape(), t.dtype);
  const Tensor& slot = results[index].tensor();
  LAT_CHECK(slot.shape() == t.shape() && slot.dtype == t.dtype, Code::state, name_, "result ",
            index, " was ", slot.shape().text(), " and is now ", t.shape().text(),
            "; what changes the shapes must be an argument or the key");
  copy_bits(slot, t);
  return slot;
}

std::span<const Tensor> StepBase::slots_of(size_t r, Slots& slots) const {
  const std::vector<Buffer>& buffers = recordings_[r]->slots;
  LAT_CHECK(buffers.size() <= slots.size(), Code::unsupported, name_, "has ", buffers.size(),
            " arguments; at most ", slots.size(), " are possible");
  std::transform(buffers.begin(), buffers.end(), slots.begin(),
                 [](const Buffer& b) { return b.tensor(); });
  return {slots.data(), buffers.size()};
}

void StepBase::record(size_t r) {
  Slots slots;
  Recording& rec = *recordings_[r];
  execute(r, slots_of(r, slots), &rec.recorded);
  rec.program = optimised(rec.recorded, ctx_.rows());
}

void StepBase::prepare(Key key, std::span<const Tensor> args) {
  LAT_CHECK(!ctx_.options().eager, Code::usage, name_, "nothing is recorded under --eager");
  for (const Tensor& t : args) ctx_.check_alive(t, name_.c_str());
  const size_t before = recordings_.size();
  const size_t r = find(key, args);
  try {
    if (recordings_[r]->recorded.calls.empty()) record(r);
  } catch (...) {
    if (recordings_.size() > before) recordings_.pop_back();
    throw;
  }
  last_ = r;
}

size_t StepBase::run(Key key, std::span<const Tensor> args) {
  for (const Tensor& t : args) ctx_.check_alive(t, name_.c_str());
  const size_t before = recordings_.size();
  const size_t r = find(key, args);
  Recording& rec = *recordings_[r];
  try {
    Slots storage;
    const std::span<const Tensor> slots = slots_of(r, storage);
    for (size_t i = 0; i < args.size(); ++i) ctx_.copy(slots[i], args[i]);
    if (ctx_.options().eager) {
      execute(r, slots, nullptr);
    } else {
      if (rec.recorded.calls.empty()) {
        record(r);
      } else if (power_of_two(rec.calls + 1)) {
        Program now;
        execute(r, slots, &now);
        const std::string changed = difference(rec.recorded, now, ctx_.rows());
        LAT_CHECK(changed.empty() || kernels::planted(kernels::Bug::recording_never_compared),
                  Code::state, name_, "call ", rec.calls + 1, " does not repeat its recording. ",
                  changed, ". A host value that changes must be a Word, the key or an argument");
      }
      ctx_.replay(rec.program, rec.graph);
    }
  } catch (...) {
    if (recordings_.size() > before) recordings_.pop_back();
    throw;
  }
  ++rec.calls;
  ++calls_;
  last_ = r;
  return r;
}

// With ok cleared nothing is written that outlives the step, and the optimiser only drops the gradient.
std::string StepBase::first_not_finite() {
  if (ctx_.options().eager || last_ >= recordings_.size()) return "";
  const Program& p = recordings_[last_]->program;
  const Buffer finite(ctx_, {}, DType::i32);
  u64 clock[2];
  ctx_.read(clock, clock_);
  --clock[0];
  ctx_.write(clock_, clock);
  const bool was_finite = ctx_.step_was_finite();
  std::string first;
  for (size_t i = 0; i < p.calls.size(); ++i) {
    const Call& c = p.calls[i];
    const kernels::Kernel& row = kernel_of(c, ctx_.rows());
    ctx_.replay(p, i, i + 1);
    ctx_.call_now(K::fill_i32, ctx_.real(), {ctx_.ok(), 1, 0});
    for (int32_t j = 0; first.empty() && j < c.count; ++j) {
      const size_t a = static_cast<size_t>(c.first + j);
      if ((row.roles[j] != 'w' && row.roles[j] != 'a') || p.args[a].p == nullptr) continue;
      int32_t flag = 1;
      ctx_.write(finite, &flag);
      Tensor t = finite;
      t.data = p.args[a].p;
      ctx_.call_now(K::all_finite, c.real, {finite.tensor(), t, p.bytes[a] / size_of(c.real)});
      ctx_.read(&flag, finite);
      if (flag == 0) first = c.op ? c.op->name : row.name;
    }
  }
  ctx_.call_now(K::fill_i32, ctx_.real(), {ctx_.ok(), 1, was_finite});
  return first;
}

void tap(const std::string& name, const Tensor& t) {
  LAT_CHECK(t && t.ctx->step, Code::state, "tap", "'", name, "' is tapped outside a Step");
  StepBase& step = *t.ctx->step;
  auto& taps = step.recordings_[step.running_]->taps;
  auto found =
      std::find_if(taps.begin(), taps.end(), [&](const auto& p) { return p.first == name; });
  if (found == taps.end()) {
    taps.emplace_back(name, Buffer(*t.ctx, t.shape(), t.dtype));
    found = taps.end() - 1;
  }
  LAT_CHECK(found->second.tensor().shape() == t.shape(), Code::state, "tap", "'", name, "' was ",
            found->second.tensor().shape().text(), " and is now ", t.shape().text(),
            "; what changes the shapes must be an argument or the key");
  copy_bits(found->second, t);
}

}  // namespace lat
