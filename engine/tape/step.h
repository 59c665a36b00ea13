#pragma once
// A training step, an evaluation, an actor's move, as a callable (DESIGN 3).
//
//   Step learn(ctx, "learn", [&](Tensor x) { ...; return loss; });
//   const Tensor& loss = learn(x);          // stays valid until learn's next call
//
// The first call records the body; from then on the recording is replayed without running the body: nothing is
// allocated. Calls 2, 4, 8, ... also re-record without executing and compare. One recording per (argument shapes, key):
// the key is the only host value the body may use that changes; everything else that changes is a Word.
#include <array>
#include <deque>
#include <memory>
#include <type_traits>
#include <utility>

#include "engine/core/context.h"

namespace lat {

// A changing host value that a body may use: phase, train or eval, number of terms, shard.
struct Key {
  i64 value = 0;
};

class StepBase {
 public:
  StepBase(const StepBase&) = delete;
  StepBase& operator=(const StepBase&) = delete;

  const std::string& name() const { return name_; }
  Context& ctx() const { return ctx_; }
  // The next call draws as call number `tick` of this Step, its first row being `row` of the global batch.
  void seek(u64 tick, u64 row = 0);
  u64 tick() const;
  // A value that the body tapped, of the last call. Code::usage when there is none, with the nearest name.
  const Tensor& tapped(const std::string& name) const;
  // What the last call replayed, and the recording that the passes (core/passes.h) made it from: empty under --eager.
  const Program& program() const;
  const Program& recorded() const;
  // The slots that the last call's arguments were copied into, in order; its random stream's (tick, row), u8 (16).
  std::span<const Buffer> arguments() const;
  const Tensor& clock() const { return clock_; }
  // The same call once more, op by op: the name of the first op whose result is not finite; "" when all are.
  std::string first_not_finite();
  u64 calls() const { return calls_; }

 protected:
  StepBase(Context& ctx, std::string name);
  virtual ~StepBase();

  struct Recording {
    i64 key;
    std::vector<Buffer> slots;  // the arguments
    Program recorded, program;
    std::unique_ptr<gpu::Graph> graph;  // of program, on a device
    std::vector<Buffer> results;        // in the order in which keep() met them
    std::vector<std::pair<std::string, Buffer>> taps;
    u64 calls = 0;
  };
  // Runs the body on these arguments; its result stays in the derived class.
  virtual void body(size_t recording, Key key, std::span<const Tensor> args) = 0;
  // Called once per result tensor by the derived class, right after the body: where it will be found.
  Tensor kept(size_t recording, size_t index, const Tensor& t);

  // Returns the index of the recording that ran.
  size_t run(Key key, std::span<const Tensor> args);
  // The recording for such arguments, made now if there is none, without running it.
  void prepare(Key key, std::span<const Tensor> args);
  bool nested() const { return ctx_.step != nullptr; }
  size_t last_recording() const;

 private:
  friend void tap(const std::string& name, const Tensor& t);
  size_t find(Key key, std::span<const Tensor> args);
  void execute(size_t r, std::span<const Tensor> args, Program* program);
  using Slots = std::array<Tensor, 16>;
  std::span<const Tensor> slots_of(size_t r, Slots& slots) const;
  void record(size_t r);

  Context& ctx_;
  std::string name_;
  u32 id_;
  Buffer clock_;
  std::vector<std::unique_ptr<Recording>> recordings_;
  size_t running_ = 0;  // the recording whose body runs
  size_t last_ = 0;
  u64 calls_ = 0;
};

// Copies t to a slot of the Step whose body runs, to be read between steps: logging, NaN reports, program outputs.
void tap(const std::string& name, const Tensor& t);

// Calls f on every tensor of a body's result.
template <class F>
void each_tensor(Tensor& t, F&& f) {
  f(t);
}
template <class R, class F>
requires requires(R& r) { r.begin(); }
void each_tensor(R& r, F&& f) {
  for (auto& t : r) each_tensor(t, f);
}
template <class R, class F>
requires requires(R& r, F& f) { r.each_tensor(f); }
void each_tensor(R& r, F&& f) { r.each_tensor(f); }

// The signature of a body: R(Tensor...) or R(Key, Tensor...).
template <class F>
struct Signature : Signature<decltype(&F::operator())> {};
template <class R_, class C, class... A>
struct Signature<R_ (C::*)(A...) const> {
  using R = R_;
  static constexpr bool kKeyed = (std::is_same_v<A, Key> || ...);
  static constexpr size_t kArgs = sizeof...(A) - (kKeyed ? 1 : 0);
};
template <class R_, class C, class... A>
struct Signature<R_ (C::*)(A...)> : Signature<R_ (C::*)(A...) const> {};

template <class F>
class Step : public StepBase {
  using R = typename Signature<F>::R;
  static constexpr size_t kArgs = Signature<F>::kArgs;
  // A tensor goes by value, so that a Step called twice inside another one gives two results.
  static constexpr bool kByValue = std::is_void_v<R> || std::is_trivially_copyable_v<R>;
  using Returned = std::conditional_t<kByValue, R, std::add_lvalue_reference_t<const R>>;

 public:
  Step(Context& ctx, std::string name, F f) : StepBase(ctx, std::move(name)), f_(std::move(f)) {}

  // The body's result, in slots that hold it until the next call with the same shapes and key.
  template <class... A>
  Returned operator()(const A&... args) {
    return (*this)(Key{}, args...);
  }
  template <class... A>
  Returned operator()(Key key, const A&... args) {
    static_assert(sizeof...(A) == kArgs, "a Step is called with its body's arguments");
    const std::array<Tensor, kArgs> list{Tensor(args)...};
    if constexpr (std::is_void_v<R>) {
      if (nested())
        invoke(key, list.data(), std::make_index_sequence<kArgs>{});
      else
        run(key, list);
    } else {
      if (nested()) {
        inlined_ = invoke(key, list.data(), std::make_index_sequence<kArgs>{});
        return inlined_;
      }
      return results_[run(key, list)];
    }
  }

  // Records the body for such arguments, if that has not been done, and runs nothing: program() and recorded() then say
  // what a call will do and need. Not under --eager.
  template <class... A>
  void prepare(const A&... args) {
    prepare(Key{}, args...);
  }
  template <class... A>
  void prepare(Key key, const A&... args) {
    static_assert(sizeof...(A) == kArgs, "a Step is prepared with its body's arguments");
    const std::array<Tensor, kArgs> list{Tensor(args)...};
    StepBase::prepare(key, list);
  }

  // The result of the last call.
  const auto& last() const { return results_[last_recording()]; }

 private:
  struct None {};
  using Stored = std::conditional_t<std::is_void_v<R>, None, R>;

  template <size_t... I>
  R invoke(Key key, const Tensor* args, std::index_sequence<I...>) {
    if constexpr (Signature<F>::kKeyed)
      return f_(key, args[I]...);
    else
      return f_(args[I]...);
  }

  void body(size_t recording, Key key, std::span<const Tensor> args) override {
    if constexpr (std::is_void_v<R>) {
      invoke(key, args.data(), std::make_index_sequence<kArgs>{});
    } else {
      R result = invoke(key, args.data(), std::make_index_sequence<kArgs>{});
      size_t index = 0;
      each_tensor(result, [&](Tensor& t) { t = kept(recording, index++, t); });
      if (results_.size() <= recording) results_.resize(recording + 1);
      results_[recording] = std::move(result);
    }
  }

  F f_;
  std::deque<Stored> results_;  // one for each recording
  Stored inlined_;
};

}  // namespace lat
