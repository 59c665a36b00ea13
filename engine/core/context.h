#pragma once
// A context owns everything that can change a result: device, working real type, arenas, random key, thread team.
// Contexts share nothing. Not for concurrent use: one context, one thread (its team is its own).
#include <concepts>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "engine/core/accelerator.h"
#include "engine/core/arena.h"
#include "engine/core/fast.h"
#include "engine/core/records.h"
#include "engine/core/team.h"
#include "engine/core/tensor.h"

namespace lat {

class StepBase;

class Context {
 public:
  struct Options {
    DType real = DType::f32;  // parameters, buffers, words and noise follow it
    int threads = 1;
    kernels::Isa isa = kernels::best_isa();
    std::string device = "cpu";  // cpu, auto, cuda, cuda:N, emulated (core/accelerator.h)
    u64 seed = 0;
    bool fast =
        false;  // numerics `fast` (core/fast.h, core/device_fast.h): f32 products may be a library's
    bool eager = false;   // Steps run their body at every call
    int shards = 1;       // G: parameter gradients are summed over G shards of the batch (DESIGN 4)
    bool poison = false;  // fresh eager tensors hold NaN, so that an element never written shows
  };

  explicit Context(const Options& options);
  Context() : Context(Options{}) {}
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Options& options() const { return options_; }
  const Fast* fast() const {
    return fast_.get();
  }  // null where numerics are exact, and on a device
  DType real() const { return options_.real; }
  const kernels::Kernel* rows() const { return rows_; }
  bool on_cpu() const { return !device_; }
  Accelerator* device() const { return device_.get(); }  // null: the CPU
  std::string device_name() const;                       // CPU, or what the device is called

  // New contents of a tensor: fill(void*) writes them to its memory, or to memory that is then queued to the device.
  template <std::invocable<void*> F>
  void write(const Tensor& to, F&& fill) {
    void* const place = on_cpu() ? to.data : device_->stage(to.bytes());
    fill(place);
    if (!on_cpu()) device_->send(to.data, place, to.bytes());
  }
  void write(const Tensor& to, const void* from) {
    write(to, [&](void* place) { std::memcpy(place, from, static_cast<size_t>(to.bytes())); });
  }
  // The contents of a tensor, once what is queued has run.
  void read(void* to, const Tensor& from) const;
  // The same in place where that can be; else read into `storage`.
  const void* view(const Tensor& t, std::vector<char>& storage) const {
    if (on_cpu()) return t.data;
    storage.resize(static_cast<size_t>(t.bytes()));
    read(storage.data(), t);
    return storage.data();
  }
  void copy(const Tensor& to, const Tensor& from);

  // A tensor of the scope at hand; its contents are whatever was there.
  Tensor empty(const Shape& shape, DType dtype);
  Tensor empty(const Shape& shape) { return empty(shape, real()); }
  // A tensor that lives until give_back; zero-filled. Prefer Buffer (core/buffer.h).
  Tensor keep(const Shape& shape, DType dtype);
  void give_back(const Tensor& t);
  // A tensor over memory of the host's that outlives its use and is only read; on the CPU alone.
  Tensor external(const void* memory, const Shape& shape, DType dtype);
  // A tensor over `bytes` of the parameter arena; zero-filled, for life.
  Tensor keep_parameters(const Shape& shape, DType dtype);

  // Records the call when a Step records, runs it at once otherwise. Arguments in the kernel's own order.
  void call(kernels::K kernel, DType real, std::initializer_list<Operand> operands);
  // The same, run at once even while a Step records (initial values, host copies).
  void call_now(kernels::K kernel, DType real, std::initializer_list<Operand> operands);
  // A call of a kernel that is no row of the table: one of a layer above, an environment's. The row must outlive what is
  // recorded; its function of the context's instruction set is the caller's choice. A device has a version of it by the
  // same name in its library (kernels/devices.h); Code::unsupported when it has none. Not for program files.
  void device_call(const kernels::Kernel& kernel, DType real,
                   std::initializer_list<Operand> operands);
  // Runs a recorded program: nothing is allocated, none of the user's code runs. A device runs `graph`, which it makes
  // at the first time.
  void replay(const Program& program, std::unique_ptr<gpu::Graph>& graph);
  // The same call by call.
  void replay(const Program& program) { replay(program, 0, program.calls.size()); }
  // Its calls begin .. end - 1.
  void replay(const Program& program, size_t begin, size_t end);

  bool recording() const { return program_ != nullptr; }
  // Calls that the Step at hand has recorded so far; 0 outside of one.
  size_t recorded_calls() const { return program_ ? program_->calls.size() : 0; }
  // Whether one of them, from number `call` on, writes to t's memory.
  bool written_since(size_t call, const Tensor& t) const;
  // The op whose calls are being made, for messages and profiles; the Step whose body runs.
  const Op* op = nullptr;
  StepBase* step = nullptr;

  // A Step's own stream of random numbers while its body runs; outside of Steps the context's.
  struct Draws {
    u32 step = 0;  // Step id; 0: eager
    u32 next = 0;  // draw number
    Tensor clock;  // u64 (tick, first global row), stored as uint8_t (16)
  };
  Draws draws;
  u32 next_step_id = 1;

  // Shards of the global batch that the body at hand computes (set by Shards).
  int first_shard = 0;
  int shard_count;

  // Whether ops are recorded on the tape.
  bool tracking = true;
  Tape tape;

  // 1 while every value checked so far in this step was finite; guards optimisers and assigns. A device runs steps
  // before anyone has asked how the last one went: there a step that failed stops the effects of all that follow, until
  // step_was_finite() is asked.
  Tensor ok() const { return ok_; }
  bool step_was_finite();

  // Dates a tensor: it ends with the scope at hand.
  void stamp(Tensor& t) const {
    t.depth = static_cast<uint16_t>(generation_.size() - 1);
    t.generation = generation_.back();
  }
  // True when the tensor may still be read: its scope, or that of its place on the tape, has not been rewound.
  bool alive(const Tensor& t) const;
  // Fails with the op's name when it may not, or belongs to another context.
  void check_alive(const Tensor& t, const char* op) const;

  // Scopes. Used by Scratch and Step.
  struct Mark {
    i64 step, work;
    Tape::Mark tape;
  };
  Mark enter_scope();
  void leave_scope(const Mark& mark);
  void begin_recording(Program* program);
  void end_recording();

  const Arena& step_arena() const { return step_; }
  const Arena& work_arena() const { return work_; }
  const Arena& parameter_arena() const { return parameters_; }
  const Arena& persistent_arena() const { return persistent_.arena(); }
  // Bytes of all arenas that have been in use. Of the work arena a recording takes addresses, a replay memory.
  i64 memory_bytes() const;

 private:
  // Records the call of a kernel, row `index` of the table or a foreign one; or runs it.
  void record(int32_t index, const kernels::Kernel& kernel, DType real, size_t first);
  void run_now(const kernels::Kernel& kernel, DType real, const kernels::Arg* args);
  size_t push(std::initializer_list<Operand> operands);
  // The row of the table to call for `kernel`.
  int32_t row_of(kernels::K kernel, DType real, const kernels::Arg* args);
  gpu::Device* device_memory() const { return device_ ? &device_->memory() : nullptr; }
  void zero(const Tensor& t);
  // A tensor without memory yet.
  Tensor described(const Shape& shape, DType dtype, Place place);

  Options options_;
  std::unique_ptr<Accelerator> device_;  // null: the CPU
  const kernels::Kernel* rows_;
  Arena parameters_, step_, work_;
  Heap persistent_;
  Team team_;
  std::unique_ptr<Fast> fast_;
  Program* program_ = nullptr;
  i64 replayed_bytes_ = 0;
  std::vector<u32> generation_;  // of each open scope, outermost first
  u32 next_generation_ = 1;
  Tensor ok_;
};

// Rewinds the tensors and the tape records made during its life.
class Scratch {
 public:
  explicit Scratch(Context& ctx) : ctx_(ctx), mark_(ctx.enter_scope()) {}
  ~Scratch() { ctx_.leave_scope(mark_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

 private:
  Context& ctx_;
  Context::Mark mark_;
};

// Ops made during its life are not recorded on the tape.
class NoGrad {
 public:
  explicit NoGrad(Context& ctx) : ctx_(ctx), saved_(ctx.tracking) { ctx.tracking = false; }
  ~NoGrad() { ctx_.tracking = saved_; }
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  Context& ctx_;
  bool saved_;
};

// The body at hand computes shards first .. first + count - 1 of the G = Options::shards of the global batch.
class Shards {
 public:
  Shards(Context& ctx, int first, int count);
  ~Shards();
  Shards(const Shards&) = delete;
  Shards& operator=(const Shards&) = delete;

 private:
  Context& ctx_;
  int first_, count_;
};

// A tensor that outlives steps: replay memory, recurrent state, a target network. RAII.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Context& ctx, const Shape& shape, DType dtype) : tensor_(ctx.keep(shape, dtype)) {}
  Buffer(Context& ctx, const Shape& shape) : Buffer(ctx, shape, ctx.real()) {}
  ~Buffer() {
    if (tensor_) tensor_.ctx->give_back(tensor_);
  }
  Buffer(Buffer&& o) noexcept : tensor_(o.tensor_) { o.tensor_ = {}; }
  Buffer& operator=(Buffer&& o) noexcept {
    std::swap(tensor_, o.tensor_);
    return *this;
  }
  const Tensor& tensor() const { return tensor_; }
  operator const Tensor&() const { return tensor_; }

 private:
  Tensor tensor_;
};

// A named number that the host sets between steps and the body reads as a () tensor: learning rate, KL weight.
class Word {
 public:
  Word(Context& ctx, std::string name, double value);
  const std::string& name() const { return name_; }
  void set(double value);  // nothing happens when it is what was set last
  double value() const;    // as the tensor's type holds it
  operator const Tensor&() const { return buffer_.tensor(); }

 private:
  std::string name_;
  Buffer buffer_;
  double last_;
};

// Host copies. Reading inside a recorded body fails: use tap, a Word or a key, or --eager.
double item(const Tensor& scalar);
std::vector<double> to_host(const Tensor& t);
// A tensor of the scope at hand with these values. Recorded bodies take data as arguments instead.
Tensor from_host(Context& ctx, const Shape& shape, std::span<const double> values);
Tensor from_host(Context& ctx, const Shape& shape, std::initializer_list<double> values);
// Overwrites a live tensor from the host, element for element.
void set_values(const Tensor& t, std::span<const double> values);

}  // namespace lat
