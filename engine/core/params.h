#pragma once
// Parameters: names and shapes first, then one allocation. Values, gradients and moments are flat buffers, so that the
// optimiser, averaging, checkpoints and all-reduce are one call each.
#include <string>
#include <vector>

#include "engine/core/context.h"

namespace lat {

// How a slot starts. uniform: U(-a, a); normal: N(0, a^2); orthogonal: a matrix whose columns, or rows where these are
// fewer, are a times orthonormal, evenly over all such matrices (Saxe, McClelland & Ganguli 2014, section 3).
struct Init {
  enum Kind { constant, uniform, normal, orthogonal } kind = constant;
  double a = 0;
};

// What the optimiser does with a slot. Runs of slots with equal groups are one call.
struct Group {
  double lr = 1;     // multiplies the learning rate
  double decay = 0;  // decoupled weight decay
  bool frozen = false;
  bool operator==(const Group&) const = default;
};

// A place in Params; what layers hold.
struct Slot {
  int32_t index = -1;
};

class Params {
 public:
  struct Entry {
    std::string name;
    Shape shape;
    Init init;
    Group group;
    i64 offset;    // elements into the flat buffer; a multiple of 16
    bool trained;  // false: state (statistics, codebooks), no gradient
  };

  Params() = default;
  Params(const Params&) = delete;
  Params& operator=(const Params&) = delete;

  // Declares a trained slot, or named state. A name used twice is an error.
  Slot add(const std::string& name, const Shape& shape, Init init);
  Slot add_state(const std::string& name, const Shape& shape, Init init);
  // Weights (slots called ...weight) whose names start so begin `factor` times as wide. Before materialise.
  void widen(const std::string& prefix, double factor);
  // One allocation; values drawn from the context's seed: a function of seed and slot index alone.
  void materialise(Context& ctx);

  // The slot's value: a leaf on the tape, or what a Bind put in its place.
  Tensor operator[](Slot slot) const;
  // All trained slots as one flat leaf (n).
  Tensor values() const;
  // The same memory without the tape.
  const Tensor& memory_of_values() const { return values_; }
  // Their gradients, (G,n): one plane per shard. The optimiser consumes them: they are zero after it.
  const Tensor& grads() const { return grads_; }
  // A slot's gradient in plane 0, joined when G = 1.
  Tensor grad(Slot slot) const;
  // All state slots as one flat tensor (m).
  const Tensor& state() const { return state_; }
  // A slot's memory without the tape, for loading and saving.
  Tensor memory(int32_t index) const;

  i64 size() const { return trained_size_; }  // of the flat buffer, padding included
  i64 count() const;                          // of trained numbers
  const std::vector<Entry>& entries() const { return entries_; }
  Context& ctx() const { return *ctx_; }
  bool materialised() const { return ctx_ != nullptr; }
  void set_group(const std::string& prefix, Group group);

  // SHA-256 of all values and state, slot after slot, little-endian.
  std::string hash() const;

  // Counts writes; differentiating through a node that read an older version is an error.
  u32 version() const { return version_; }
  void written() const { ++version_; }

  // Names declared while a Scope lives get its prefix.
  class Scope {
   public:
    Scope(Params& p, const std::string& prefix) : params_(p), saved_(p.prefix_) {
      p.prefix_ += prefix + ".";
    }
    ~Scope() { params_.prefix_ = saved_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Params& params_;
    std::string saved_;
  };

 private:
  friend class Bind;  // engine/ops/ops.h
  Slot declare(const std::string& name, const Shape& shape, Init init, bool trained);
  Tensor view(const Tensor& flat, const Entry& e) const;
  Tensor leaf(Tensor t, size_t cache) const;

  struct Cached {
    u32 var = 0, generation = 0, version = 0;
  };
  Context* ctx_ = nullptr;
  std::string prefix_;
  std::vector<Entry> entries_;
  i64 trained_size_ = 0, state_size_ = 0;
  Tensor values_, grads_, state_;
  const std::vector<Tensor>* bound_ = nullptr;
  mutable std::vector<Cached> cache_;  // one for each slot, one for values()
  mutable u32 version_ = 0;
};

}  // namespace lat
