#include "engine/core/context.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/core/device_fast.h"
#include "kernels/common/planted.h"

namespace lat {

using kernels::Arg;
using kernels::K;
using kernels::Kernel;
using kernels::Plan;

namespace {

constexpr i64 kStepRange = i64{1} << 36;  // addresses, not memory
constexpr i64 kParameterRange = i64{1} << 34;
constexpr size_t kMaxOperands = 24;

// The arguments of a call that runs at once.
class Arguments {
 public:
  Arguments(std::initializer_list<Operand> operands, const char* kernel) {
    LAT_CHECK(operands.size() <= kMaxOperands, Code::unsupported, kernel, "has ", operands.size(),
              " arguments; at most ", kMaxOperands, " are possible");
    std::transform(operands.begin(), operands.end(), args_.begin(),
                   [](const Operand& o) { return o.arg; });
  }
  const Arg* data() const { return args_.data(); }

 private:
  std::array<Arg, kMaxOperands> args_;
};

// A run of elementwise calls, as the argument of run_tiles.
struct Tiled {
  const Call* calls;
  const Arg* args;
  i64 count;
};

void run_tiles(const Arg* self, kernels::Part part) {
  const Tiled& run = *static_cast<const Tiled*>(self->p);
  const i64 tiles = run.calls->tiles;
  for (i64 t = part.begin(tiles); t < part.end(tiles); ++t)
    for (const Call* c = run.calls; c < run.calls + run.count; ++c)
      c->run(run.args + c->first, {t, tiles, part.workspace});
}

int32_t type_index(DType real) { return real == DType::f64 ? 1 : 0; }

// f(values), of the type that `dtype` names; V: void or const void.
template <class V, class F>
void with_type(DType dtype, V* data, F&& f) {
  const auto call = [&]<class T>(T) {
    f(static_cast<std::conditional_t<std::is_const_v<V>, const T*, T*>>(data));
  };
  switch (dtype) {
    case DType::f32:
      return call(0.0f);
    case DType::f64:
      return call(0.0);
    case DType::i32:
      return call(int32_t{0});
    default:
      return call(uint8_t{0});
  }
}

std::vector<double> values_of(const Tensor& t) {
  std::vector<double> out(static_cast<size_t>(t.size()));
  std::vector<char> storage;
  with_type(t.dtype, t.ctx->view(t, storage),
            [&](const auto* from) { std::copy(from, from + out.size(), out.begin()); });
  return out;
}

void put_values(const Tensor& t, std::span<const double> values) {
  t.ctx->write(t, [&](void* place) {
    with_type(t.dtype, place, [&]<class T>(T* to) {
      std::transform(values.begin(), values.end(), to, [](double v) { return static_cast<T>(v); });
    });
  });
}

std::unique_ptr<Accelerator> opened(const std::string& device) {
  const std::string name = device == "auto" ? Accelerator::best() : device;
  return name == "cpu" ? nullptr : std::make_unique<Accelerator>(name);
}

}  // namespace

Context::Context(const Options& options)
    : shard_count(options.shards),
      options_(options),
      device_(opened(options.device)),
      rows_(kernels::table(options.isa)),
      parameters_(kParameterRange, true, device_memory()),
      step_(kStepRange, true, device_memory()),
      work_(kStepRange, /*guarded=*/false, device_memory()),
      persistent_(kStepRange, device_memory()),
      team_(options.threads),
      generation_(1, 0) {
  LAT_CHECK(kernels::has_isa(options.isa), Code::machine, "context", "this machine has no ",
            kernels::isa_name(options.isa), "; the best here is ",
            kernels::isa_name(kernels::best_isa()));
  LAT_CHECK(is_real(options.real), Code::usage, "context", "the working type must be f32 or f64");
  LAT_CHECK(options.shards >= 1, Code::usage, "context", "shards is ", options.shards,
            "; expected 1 or more");
  if (options.fast) {
    if (on_cpu()) {
      fast_ = std::make_unique<Fast>(options.isa, team_);
      rows_ = fast_->rows();
    } else {
      device_->use(std::make_unique<DeviceFast>(*device_, DeviceFast::installed(*device_)));
    }
  }
  ok_ = keep({}, DType::i32);
  const int32_t finite = 1;
  write(ok_, &finite);
  draws.clock = keep({16}, DType::u8);
}

Context::~Context() = default;

Tensor Context::described(const Shape& shape, DType dtype, Place place) {
  Tensor t;
  t.ctx = this;
  std::copy(shape.dim, shape.dim + shape.rank, t.dim);
  t.rank = static_cast<uint8_t>(shape.rank);
  t.dtype = dtype;
  t.place = place;
  if (device_) t.device = device_->kind();
  return t;
}

Tensor Context::empty(const Shape& shape, DType dtype) {
  Tensor t = described(shape, dtype, recording() ? Place::work : Place::step);
  t.data = (recording() ? work_ : step_).take(t.bytes());
  stamp(t);
  if (options_.poison && !recording())
    write(t, [&](void* place) { std::memset(place, 0xff, static_cast<size_t>(t.bytes())); });
  return t;
}

Tensor Context::keep(const Shape& shape, DType dtype) {
  Tensor t = described(shape, dtype, Place::persistent);
  t.data = persistent_.take(t.bytes());
  zero(t);
  return t;
}

Tensor Context::external(const void* memory, const Shape& shape, DType dtype) {
  LAT_CHECK(on_cpu(), Code::usage, "external", "a device does not read the host's memory");
  Tensor t = described(shape, dtype, Place::persistent);
  t.data = const_cast<void*>(memory);
  return t;
}

void Context::give_back(const Tensor& t) { persistent_.give_back(t.data, t.bytes()); }

Tensor Context::keep_parameters(const Shape& shape, DType dtype) {
  Tensor t = described(shape, dtype, Place::parameters);
  t.data = parameters_.take(t.bytes());
  zero(t);
  return t;
}

std::string Context::device_name() const { return on_cpu() ? "CPU" : device_memory()->name(); }

void Context::zero(const Tensor& t) {
  if (on_cpu())
    std::memset(t.data, 0, static_cast<size_t>(t.bytes()));
  else
    device_->zero(t.data, t.bytes());
}

void Context::read(void* to, const Tensor& from) const {
  if (on_cpu())
    std::memcpy(to, from.data, static_cast<size_t>(from.bytes()));
  else
    device_->read(to, from.data, from.bytes());
}

void Context::copy(const Tensor& to, const Tensor& from) {
  if (on_cpu())
    std::memcpy(to.data, from.data, static_cast<size_t>(from.bytes()));
  else
    device_->copy(to.data, from.data, from.bytes());
}

int32_t Context::row_of(K kernel, DType real, const Arg* args) {
  const int32_t row = static_cast<int32_t>(kernel);
  return fast_ && real == DType::f32 ? fast_->quicker(row, args) : row;
}

size_t Context::push(std::initializer_list<Operand> operands) {
  Program& p = *program_;
  const size_t first = p.args.size();
  for (const Operand& o : operands) {
    p.args.push_back(o.arg);
    p.bytes.push_back(o.bytes);
    p.places.push_back(o.place);
  }
  return first;
}

void Context::record(int32_t index, const Kernel& kernel, DType real, size_t first) {
  Program& p = *program_;
  const Plan plan = kernel.plan[type_index(real)](p.args.data() + first);
  p.calls.push_back({.kernel = index,
                     .first = static_cast<int32_t>(first),
                     .count = static_cast<int32_t>(p.args.size() - first),
                     .parts = static_cast<int32_t>(plan.parts),
                     .real = real,
                     .op = op,
                     .run = kernel.run[type_index(real)],
                     .foreign = index == kForeign ? &kernel : nullptr});
  p.workspace = std::max(p.workspace, plan.workspace);
  p.work_bytes = std::max(p.work_bytes, work_.used() - work_.offset(p.work));
}

void Context::call(K kernel, DType real, std::initializer_list<Operand> operands) {
  if (!recording()) return call_now(kernel, real, operands);
  const size_t first = push(operands);
  const int32_t index = row_of(kernel, real, program_->args.data() + first);
  record(index, rows_[index], real, first);
}

void Context::device_call(const Kernel& kernel, DType real,
                          std::initializer_list<Operand> operands) {
  LAT_CHECK(operands.size() == std::strlen(kernel.roles), Code::shape, kernel.name, "has ",
            std::strlen(kernel.roles), " arguments and got ", operands.size());
  if (!on_cpu()) device_->foreign_row(kernel.name);  // refused before anything is recorded
  if (recording()) return record(kForeign, kernel, real, push(operands));
  const FloatGuard guard;
  const Arguments args(operands, kernel.name);
  if (!on_cpu())
    device_->call(kForeign, type_index(real), args.data(), &kernel);
  else
    run_now(kernel, real, args.data());
}

bool Context::written_since(size_t call, const Tensor& t) const {
  const char* const begin = static_cast<const char*>(t.data);
  for (size_t i = call; i < recorded_calls(); ++i) {
    const Call& c = program_->calls[i];
    for (int32_t j = 0; j < c.count; ++j) {
      const size_t a = static_cast<size_t>(c.first + j);
      if (std::strchr("wWaA", kernel_of(c, rows_).roles[j]) == nullptr) continue;
      const char* const at = static_cast<const char*>(program_->args[a].p);
      if (at < begin + t.bytes() && begin < at + program_->bytes[a]) return true;
    }
  }
  return false;
}

void Context::call_now(K kernel, DType real, std::initializer_list<Operand> operands) {
  const FloatGuard guard;
  const Arguments args(operands, rows_[static_cast<int32_t>(kernel)].name);
  if (!on_cpu()) return device_->call(static_cast<int32_t>(kernel), type_index(real), args.data());
  run_now(rows_[row_of(kernel, real, args.data())], real, args.data());
}

void Context::run_now(const Kernel& kernel, DType real, const Arg* args) {
  const Plan plan = kernel.plan[type_index(real)](args);
  team_.reserve_workspace(plan.workspace);
  team_.run(kernel.run[type_index(real)], args, plan.parts);
}

void Context::replay(const Program& program, size_t begin, size_t end) {
  replayed_bytes_ = std::max(replayed_bytes_, program.work_bytes);
  if (kernels::planted(kernels::Bug::replay_skips_last) && end > 8) --end;
  if (!on_cpu()) {
    work_.commit(work_.offset(program.work) + program.work_bytes);
    for (size_t i = begin; i < end; ++i) {
      const Call& c = program.calls[i];
      device_->call(c.kernel, c.type(), program.args.data() + c.first, c.foreign);
    }
    return;
  }
  const FloatGuard guard;
  team_.reserve_workspace(program.workspace);
  const Arg* const args = program.args.data();
  for (size_t i = begin; i < end;) {
    const Call& c = program.calls[i];
    const i64 together = std::min(i64{c.together}, static_cast<i64>(end - i));
    if (together == 1) {
      team_.run(c.run, args + c.first, c.parts);
    } else {
      Tiled run{&c, args, together};
      const Arg self{.p = &run};
      team_.run(run_tiles, &self, c.parts);
    }
    i += static_cast<size_t>(together);
  }
}

void Context::replay(const Program& program, std::unique_ptr<gpu::Graph>& graph) {
  if (on_cpu()) return replay(program);
  if (!graph) {
    work_.commit(work_.offset(program.work) + program.work_bytes);
    replayed_bytes_ = std::max(replayed_bytes_, program.work_bytes);
    graph = device_->capture(program);
  }
  device_->run(*graph);
}

bool Context::alive(const Tensor& t) const {
  if (t.place != Place::step && t.place != Place::work && t.var == 0) return true;
  return t.depth < generation_.size() && generation_[t.depth] == t.generation;
}

void Context::check_alive(const Tensor& t, const char* name) const {
  LAT_CHECK(t, Code::state, name, "an input is an empty tensor");
  LAT_CHECK(t.ctx == this, Code::state, name, "an input ", t.shape().text(),
            " belongs to another context; copy it through the host");
  LAT_CHECK(alive(t), Code::state, name, "an input ", t.shape().text(),
            " was made in a step that has been rewound; keep it in a Buffer, return it from the "
            "Step, or read it with tap");
}

Context::Mark Context::enter_scope() {
  LAT_CHECK(generation_.size() < 63, Code::state, "scope", "scopes nest more than 63 deep");
  if (kernels::planted(kernels::Bug::generation_not_bumped)) --next_generation_;
  generation_.push_back(next_generation_++);
  return {step_.used(), work_.used(), tape.mark()};
}

void Context::leave_scope(const Mark& mark) {
  generation_.pop_back();
  step_.rewind(mark.step);
  work_.rewind(mark.work);
  tape.rewind(mark.tape);
}

void Context::begin_recording(Program* program) {
  LAT_CHECK(!recording(), Code::state, "step", "a recording is already under way");
  program->clear();
  program->work = static_cast<char*>(work_.at(work_.used()));
  program_ = program;
}

void Context::end_recording() { program_ = nullptr; }

i64 Context::memory_bytes() const {
  return parameters_.peak() + step_.peak() + replayed_bytes_ + persistent_.arena().peak();
}

Shards::Shards(Context& ctx, int first, int count)
    : ctx_(ctx), first_(ctx.first_shard), count_(ctx.shard_count) {
  LAT_CHECK(first >= 0 && count >= 1 && first + count <= ctx.options().shards, Code::usage,
            "shards", "shards ", first, " .. ", first + count - 1, " of ", ctx.options().shards);
  ctx.first_shard = first;
  ctx.shard_count = count;
}

Shards::~Shards() {
  ctx_.first_shard = first_;
  ctx_.shard_count = count_;
}

bool Context::step_was_finite() {
  int32_t ok = 0;
  read(&ok, ok_);
  if (ok != 0 || on_cpu()) return ok != 0;
  ok = 1;
  write(ok_, &ok);
  return false;
}

Word::Word(Context& ctx, std::string name, double value)
    : name_(std::move(name)), buffer_(ctx, {}), last_(value) {
  put_values(buffer_, {&value, 1});
}

void Word::set(double value) {
  if (value == last_) return;
  put_values(buffer_, {&value, 1});
  last_ = value;
}

double Word::value() const { return values_of(buffer_)[0]; }

double item(const Tensor& scalar) {
  LAT_CHECK(scalar.size() == 1, Code::shape, "item", "tensor ", scalar.shape().text(),
            " is not one number");
  return to_host(scalar)[0];
}

std::vector<double> to_host(const Tensor& t) {
  LAT_CHECK(t, Code::state, "to_host", "the tensor is empty");
  t.ctx->check_alive(t, "to_host");
  LAT_CHECK(!t.ctx->recording(), Code::state, "to_host",
            "a value was read on the host inside a step. Return it from the body, tap it, or set "
            "what changes as a Word or key; --eager allows reading");
  return values_of(t);
}

Tensor from_host(Context& ctx, const Shape& shape, std::span<const double> values) {
  LAT_CHECK(!ctx.recording(), Code::state, "from_host",
            "host values cannot enter a recorded body; pass them as arguments of the Step");
  const Tensor t = ctx.empty(shape);
  set_values(t, values);
  return t;
}

Tensor from_host(Context& ctx, const Shape& shape, std::initializer_list<double> values) {
  return from_host(ctx, shape, std::span<const double>(values.begin(), values.size()));
}

void set_values(const Tensor& t, std::span<const double> values) {
  LAT_CHECK(t && static_cast<i64>(values.size()) == t.size(), Code::shape, "set_values",
            values.size(), " values for a tensor of ", t.size());
  t.ctx->check_alive(t, "set_values");
  put_values(t, values);
}

}  // namespace lat
