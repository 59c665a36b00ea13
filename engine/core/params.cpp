#include "engine/core/params.h"

#include <algorithm>
#include <cmath>

#include "engine/core/sha256.h"
#include "kernels/common/planted.h"

namespace lat {

using kernels::K;

namespace {

constexpr i64 kSlotAlign = 16;         // elements: every slot starts a vector
constexpr i64 kInitStep = 0xffff;      // Step id of initial draws
constexpr i64 kStream = i64{1} << 32;  // streams per Step id

}  // namespace

namespace {

// Gram & Schmidt, twice, so that what rounding leaves is taken away too: the rows of v (n, d), n <= d.
void orthonormalise(std::vector<double>& v, size_t n, size_t d) {
  const auto dot = [&](size_t a, size_t b) {
    double sum = 0;
    for (size_t k = 0; k < d; ++k) sum = std::fma(v[a * d + k], v[b * d + k], sum);
    return sum;
  };
  for (size_t r = 0; r < n; ++r) {
    for (int pass = 0; pass < 2; ++pass)
      for (size_t q = kernels::planted(kernels::Bug::orthogonal_but_the_first); q < r; ++q) {
        const double c = dot(r, q);
        for (size_t k = 0; k < d; ++k) v[r * d + k] = std::fma(-c, v[q * d + k], v[r * d + k]);
      }
    const double norm = std::sqrt(dot(r, r));
    for (size_t k = 0; k < d; ++k) v[r * d + k] /= norm;
  }
}

// Normals (rows, cols) become a times a random orthogonal matrix.
void make_orthogonal(const Tensor& to, double a) {
  LAT_CHECK(to.rank == 2, Code::usage, "params", "an orthogonal start is for a matrix, not for ",
            to.shape().text());
  const size_t rows = static_cast<size_t>(to.dim[0]), cols = static_cast<size_t>(to.dim[1]);
  const bool tall = rows >= cols;
  const size_t n = tall ? cols : rows, d = tall ? rows : cols;
  std::vector<double> w = to_host(to), v(w.size());
  const auto at = [&](size_t i, size_t k) { return tall ? k * cols + i : i * cols + k; };
  for (size_t i = 0; i < n; ++i)
    for (size_t k = 0; k < d; ++k) v[i * d + k] = w[at(i, k)];
  orthonormalise(v, n, d);
  for (size_t i = 0; i < n; ++i)
    for (size_t k = 0; k < d; ++k) w[at(i, k)] = a * v[i * d + k];
  set_values(to, w);
}

}  // namespace

Slot Params::declare(const std::string& name, const Shape& shape, Init init, bool trained) {
  LAT_CHECK(!materialised(), Code::state, "params", "'", name,
            "' is declared after materialise; declare every layer first");
  const std::string full = prefix_ + name;
  for (const Entry& e : entries_)
    LAT_CHECK(e.name != full, Code::usage, "params", "the name '", full,
              "' is taken; use a Scope, or the same layer object to share weights");
  i64& size = trained ? trained_size_ : state_size_;
  entries_.push_back({full, shape, init, {}, size, trained});
  size += (shape.size() + kSlotAlign - 1) / kSlotAlign * kSlotAlign;
  return {static_cast<int32_t>(entries_.size() - 1)};
}

Slot Params::add(const std::string& name, const Shape& shape, Init init) {
  return declare(name, shape, init, true);
}

Slot Params::add_state(const std::string& name, const Shape& shape, Init init) {
  return declare(name, shape, init, false);
}

void Params::widen(const std::string& prefix, double factor) {
  LAT_CHECK(!materialised(), Code::state, "params", "'", prefix, "' is widened after materialise");
  for (Entry& e : entries_)
    if (e.name.starts_with(prefix) && e.name.ends_with(".weight")) e.init.a *= factor;
}

void Params::materialise(Context& ctx) {
  LAT_CHECK(!materialised(), Code::state, "params", "materialise was called twice");
  ctx_ = &ctx;
  values_ = ctx.keep_parameters({trained_size_}, ctx.real());
  grads_ = ctx.keep_parameters({ctx.options().shards, trained_size_}, ctx.real());
  state_ = ctx.keep_parameters({state_size_}, ctx.real());
  cache_.resize(entries_.size() + 1);
  const Scratch scratch(ctx);
  const Tensor clock = ctx.keep({16}, DType::u8);
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& e = entries_[i];
    const Tensor to = memory(static_cast<int32_t>(i));
    if (e.init.kind == Init::constant) {
      ctx.call_now(K::fill, ctx.real(), {to, to.size(), e.init.a});
      continue;
    }
    const bool uniform = e.init.kind == Init::uniform, orthogonal = e.init.kind == Init::orthogonal;
    const Tensor u = ctx.empty(e.shape);
    ctx.call_now(uniform ? K::uniform : K::normal, ctx.real(),
                 {u, clock, u.size(), u.size(), ctx.options().seed,
                  kInitStep * kStream + static_cast<i64>(i)});
    ctx.call_now(K::affine, ctx.real(),
                 {to, u, u.size(),
                  uniform      ? 2 * e.init.a
                  : orthogonal ? 1.0
                               : e.init.a,
                  uniform ? -e.init.a : 0.0});
    if (orthogonal) make_orthogonal(to, e.init.a);
  }
  ctx.give_back(clock);
}

Tensor Params::view(const Tensor& flat, const Entry& e) const {
  Tensor t = flat;
  t.data = static_cast<char*>(flat.data) + e.offset * size_of(flat.dtype);
  std::copy(e.shape.dim, e.shape.dim + kMaxRank, t.dim);
  t.rank = static_cast<uint8_t>(e.shape.rank);
  return t;
}

Tensor Params::leaf(Tensor t, size_t cache) const {
  if (!ctx_->tracking) return t;
  ctx_->stamp(t);
  Cached& c = cache_[cache];
  Tape& tape = ctx_->tape;
  const bool fresh = c.version == version_ || kernels::planted(kernels::Bug::stale_leaf);
  if (c.var != 0 && c.generation == tape.generation && fresh) {
    t.var = c.var;
    return t;
  }
  t = tape.leaf(t, this, version_);
  c = {t.var, tape.generation, version_};
  return t;
}

Tensor Params::operator[](Slot slot) const {
  LAT_CHECK(materialised(), Code::state, "params", "used before materialise");
  LAT_CHECK(slot.index >= 0 && slot.index < static_cast<int32_t>(entries_.size()), Code::usage,
            "params", "slot ", slot.index, " of ", entries_.size());
  const size_t i = static_cast<size_t>(slot.index);
  const Entry& e = entries_[i];
  if (!e.trained) return view(state_, e);
  if (bound_) return (*bound_)[i];
  return leaf(view(values_, e), i);
}

Tensor Params::values() const { return leaf(values_, entries_.size()); }

Tensor Params::grad(Slot slot) const {
  Tensor plane = grads_;
  plane.rank = 1;
  plane.dim[0] = grads_.dim[1];
  return view(plane, entries_[static_cast<size_t>(slot.index)]);
}

Tensor Params::memory(int32_t index) const {
  const Entry& e = entries_[static_cast<size_t>(index)];
  return view(e.trained ? values_ : state_, e);
}

i64 Params::count() const {
  i64 n = 0;
  for (const Entry& e : entries_) n += e.trained ? e.shape.size() : 0;
  return n;
}

void Params::set_group(const std::string& prefix, Group group) {
  for (Entry& e : entries_)
    if (e.name.starts_with(prefix)) e.group = group;
}

std::string Params::hash() const {
  Sha256 sha;
  std::vector<char> storage;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Tensor t = memory(static_cast<int32_t>(i));
    sha.update(ctx_->view(t, storage), static_cast<size_t>(t.bytes()));
  }
  return sha.hex();
}

}  // namespace lat
