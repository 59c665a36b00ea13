#pragma once
// The one list of ops. Sources first, then attributes. Real tensors are tracked; every op has a derivative, and a
// gradient can itself be differentiated (exceptions say so). Sizes that do not fit fail with Code::shape, naming both.
#include <initializer_list>
#include <span>
#include <vector>

#include "engine/core/params.h"
#include "engine/tape/tape.h"

namespace lat {

// --- elementwise: one line of kernels/elementwise/unary.def each; p and q are the line's two attributes
#define UNARY(name, ...) Tensor name(const Tensor& x, double p = 0, double q = 0);
#include "kernels/elementwise/unary.def"
#undef UNARY

// Shapes broadcast as NumPy's do: aligned at the last axis, an extent of 1 stretches.
#define BINARY(name, ...) Tensor name(const Tensor& a, const Tensor& b);
#include "kernels/elementwise/binary.def"
#undef BINARY

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator-(const Tensor& a) { return neg(a); }
inline Tensor operator+(const Tensor& a, double b) { return affine(a, 1, b); }
inline Tensor operator+(double a, const Tensor& b) { return affine(b, 1, a); }
inline Tensor operator-(const Tensor& a, double b) { return affine(a, 1, -b); }
inline Tensor operator-(double a, const Tensor& b) { return affine(b, -1, a); }
inline Tensor operator*(const Tensor& a, double b) { return affine(a, b, 0); }
inline Tensor operator*(double a, const Tensor& b) { return affine(b, a, 0); }
inline Tensor operator/(const Tensor& a, double b) { return affine(a, 1 / b, 0); }

// 1/2 x^2 where |x| <= 1, else |x| - 1/2: its slope is x clipped to [-1, 1]          Huber 1964
inline Tensor huber(const Tensor& x) {
  const Tensor c = clamp(x, -1, 1);
  return c * (x - 0.5 * c);
}

// The activation that linear and conv apply after the bias.
enum class Act : int32_t { none = 0, relu = 1, tanh = 2, sigmoid = 3 };
Tensor activate(const Tensor& x, Act act);

// --- making
Tensor fill(Context& ctx, const Shape& shape, double value);
Tensor zeros_like(const Tensor& x);
// Bytes as reals: y = scale * x.  x (u8) any shape.
Tensor from_bytes(const Tensor& x, double scale);

// --- shape
// Free: the same memory. One extent may be -1.
Tensor reshape(const Tensor& x, std::initializer_list<i64> dims);
Tensor reshape(const Tensor& x, const Shape& shape);
// (B, ...) -> (B, D)
Tensor flatten(const Tensor& x);
// Free: rows [begin, end) of the leading axis.
Tensor slice(const Tensor& x, i64 begin, i64 end);
// Free: (T, ...) -> T tensors (...).
std::vector<Tensor> unstack(const Tensor& x);
// T tensors (...), real or i32 -> (T, ...).
Tensor stack(std::span<const Tensor> xs);
// Joined along an axis; the other extents equal. Negative axes count from the end.
Tensor concat(std::span<const Tensor> xs, int axis = -1);
inline Tensor concat(std::initializer_list<Tensor> xs, int axis = -1) {
  return concat(std::span<const Tensor>(xs.begin(), xs.size()), axis);
}
// Elements [begin, end) of an axis, copied.
Tensor narrow(const Tensor& x, int axis, i64 begin, i64 end);
// Stretches to a shape by NumPy's rules.
Tensor expand(const Tensor& x, const Shape& shape);
// Axis i of the result is axis axes[i] of x; copied.
Tensor permute(const Tensor& x, std::initializer_list<int> axes);

// --- reduction
// Over axes [first, last]; -1 is the last axis. keep: reduced axes stay with extent 1.
struct Reduce {
  int first = 0;
  int last = -1;
  bool keep = false;
};
Tensor sum(const Tensor& x, Reduce over = {});  // all axes: ()
Tensor mean(const Tensor& x, Reduce over = {});
// Summed down to a shape that broadcasts to x's.
Tensor sum_to(const Tensor& x, const Shape& shape);

// --- choice, over the last axis
// The first index of the largest: (...,K) -> (...) i32. No gradient; a NaN is never the largest.
Tensor arg_max(const Tensor& x);
// 1 at the index, else 0: (...) i32 -> (...,K)
Tensor one_hot(const Tensor& index, i64 classes);
// Rows of the leading axis: table (N,...), index (B) i32 in 0 .. N-1 -> (B,...). No gradient: Code::unsupported where
// one is asked for; a product with one_hot has one.
Tensor gather(const Tensor& table, const Tensor& index);
// x[..., index]: x (...,K), index (...) i32 -> (...); 0 where an index is outside of 0 .. K-1.
Tensor pick(const Tensor& x, const Tensor& index);

// --- products
struct Transposed {
  bool a = false;
  bool b = false;
};
// op(a) (M,K) x op(b) (K,N) -> (M,N); with a leading batch axis on both, or on a alone.
Tensor matmul(const Tensor& a, const Tensor& b, Transposed t = {});
// act(x w + bias): x (...,K), w (K,N), bias (N) or empty -> (...,N). Leading axis of w: a batch of layers.
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias, Act act = Act::none);

// Convolution geometry: the same stride and zero padding on both axes.
struct Conv {
  i64 stride = 1;
  i64 pad = 0;
};
// act(x * f + bias): x (B,H,W,C), f (R,S,C,K), bias (K) or empty -> (B,P,Q,K), P = (H + 2 pad - R) / stride + 1.
Tensor conv2d(const Tensor& x, const Tensor& f, const Tensor& bias, Conv geometry,
              Act act = Act::none);
// The data gradient, which is the transposed convolution: y (B,P,Q,K), f (R,S,C,K), bias (C) or empty -> (B,H,W,C).
Tensor conv2d_data(const Tensor& y, const Tensor& f, const Tensor& bias, i64 H, i64 W,
                   Conv geometry, Act act = Act::none);
// The filter gradient: x (B,H,W,C), y (B,P,Q,K) -> (R,S,C,K).
Tensor conv2d_filter(const Tensor& x, const Tensor& y, i64 R, i64 S, Conv geometry);

// --- softmax, over the last axis
Tensor log_softmax(const Tensor& x);
inline Tensor softmax(const Tensor& x) { return exp(log_softmax(x)); }

// --- normalisation: kernels/norm/norm.h; gain and bias (C) or empty, the variance biased
// Over the last axis (Ba, Kiros & Hinton 2016): (x - mean) / sqrt(variance + eps) gain + bias, x (...,C)
Tensor layer_norm(const Tensor& x, const Tensor& gain, const Tensor& bias, double eps = 1e-5);
// Over all places and C / groups neighbouring channels of an example (Wu & He 2018): x (B,...,C), as images (B,H,W,C).
// groups must divide C.
Tensor group_norm(const Tensor& x, i64 groups, const Tensor& gain, const Tensor& bias,
                  double eps = 1e-5);

// --- random: the stream of the Step whose body runs (DESIGN 4); bits equal on every device
class Rng {
 public:
  explicit Rng(Context& ctx) : ctx_(&ctx) {}
  Context& ctx() const { return *ctx_; }
  // The stream of the next draw: Step id and draw number.
  i64 next() const;

 private:
  Context* ctx_;
};
Tensor normal(Rng rng, const Shape& shape);     // N(0, 1)
Tensor uniform(Rng rng, const Shape& shape);    // U(0, 1)
Tensor bernoulli(Rng rng, const Tensor& prob);  // 1 with this probability, else 0; no gradient
// 0 .. n-1 in a random order, i32 (n)
Tensor permutation(Rng rng, i64 n);
// mu + exp(logvar / 2) * eps, eps ~ N(0, 1)     Kingma & Welling 2014, section 2.4
Tensor reparameterise(Rng rng, const Tensor& mu, const Tensor& logvar);

// --- likelihoods: (..., D) -> (...), nats, summed over the last axis
// KL( N(mu, e^logvar) || N(0, 1) )              Kingma & Welling 2014, appendix B
Tensor gaussian_kl(const Tensor& mu, const Tensor& logvar);
// log N(x; mu, e^logvar); mu and logvar stretch to x's shape.
Tensor gaussian_log_prob(const Tensor& x, const Tensor& mu, const Tensor& logvar);
// log Bernoulli(x; sigmoid(logits)), x in [0, 1].
Tensor bernoulli_log_prob(const Tensor& logits, const Tensor& x);
// log softmax(logits)[label]: logits (B,K), label (B) i32 -> (B).
Tensor categorical_log_prob(const Tensor& logits, const Tensor& label);

// --- recurrence: equations in kernels/recurrent/recurrent.h, columns gate after gate (r z n; i f g o).
// A sequence is time-major, (T,B,...): a time step is then a free view. Where a mask (u8, one number per row of the
// state; 1 or 0) is 0, the state is held and no gradient reaches that step's input.
// Cho et al. 2014: projected input x (...,3H), projected state p (...,3H), state h (...,H) -> (...,H)
Tensor gru_cell(const Tensor& x, const Tensor& p, const Tensor& h, const Tensor& mask = {});
struct LstmState {
  Tensor h, c;

  template <class F>
  void each_tensor(F&& f) {
    f(h);
    f(c);
  }
};
// Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000: x + p (...,4H), p may be empty; (...,H) each.
LstmState lstm_cell(const Tensor& x, const Tensor& p, const LstmState& state,
                    const Tensor& mask = {});
// The loop over time in one op, p = h w + bias: x (T,B,3H), h0 (B,H), w (H,3H), bias (3H) or empty, mask (T,B) or empty
// -> the states after each step (T,B,H).
Tensor gru(const Tensor& x, const Tensor& h0, const Tensor& w, const Tensor& bias,
           const Tensor& mask = {});
// p = h w: x (T,B,4H), start (B,H) each, w (H,4H), mask (T,B) or empty -> (T,B,H) each.
LstmState lstm(const Tensor& x, const LstmState& start, const Tensor& w, const Tensor& mask = {});

// --- linear recurrences along time: a, b (T,...) -> (T,...), the start (...), or empty: 0
// y[t] = a[t] y[t-1] + b[t], y[-1] = first
Tensor scan(const Tensor& a, const Tensor& b, const Tensor& first = {});
// y[t] = a[t] y[t+1] + b[t], y[T] = last
Tensor scan_reverse(const Tensor& a, const Tensor& b, const Tensor& last = {});

// What a step is worth, from what followed it. All (T,B), time-major: step t takes the reward r[t] and arrives where the
// value is next_value[t], before any reset. Two ways to end must not be confused. Where an episode *terminated*,
// nothing follows: the discount d[t] is 0. Where it was *truncated* (1, u8 or real: a time limit, the end of a recording),
// next_value[t] stands for what would have followed, and the recursion stops: row t + 1 is another episode's. After
// the last row it stops too.
// gamma (1 - terminated), terminated 1 or 0, u8 or real
Tensor discounts(const Tensor& terminated, double gamma);
// A[t] = delta[t] + d[t] lambda A[t+1], delta[t] = r[t] + d[t] next_value[t] - value[t]
//                                               Schulman et al. 2016, equations 11, 16
Tensor gae(const Tensor& reward, const Tensor& value, const Tensor& next_value,
           const Tensor& discount, double lambda, const Tensor& truncated = {});
// R[t] = r[t] + d[t] ((1 - lambda) next_value[t] + lambda R[t+1]), R[T] = next_value[T-1]
//                                               Sutton & Barto 2018, section 12.8; Hafner et al. 2020, equation 6
Tensor lambda_return(const Tensor& reward, const Tensor& next_value, const Tensor& discount,
                     double lambda, const Tensor& truncated = {});

// --- gradients
// The same value, no gradient.
Tensor stop_gradient(const Tensor& x);
// Forward: value. Backward: as if it were the surrogate, of the same shape.
Tensor straight_through(const Tensor& value, const Tensor& surrogate);

// d y / d xs, recorded: can be differentiated again. y is () unless its cotangent dy is given.
std::vector<Tensor> grad(const Tensor& y, std::span<const Tensor> xs, const Tensor& dy = {});
inline Tensor grad(const Tensor& y, const Tensor& x) {
  return grad(y, std::span<const Tensor>(&x, 1))[0];
}
// The same tensor as a leaf of the tape, so that gradients with respect to it can be asked for.
Tensor watch(Tensor x);
// Adds d loss / d params to the flat gradient buffer, unrecorded. loss ().
void backward(const Tensor& loss, const Params& params);

// While it lives, the layers of `params` read their values from theta, a flat tensor (n): target networks, averages,
// MAML's fast weights (Finn et al. 2017). Gradients reach theta.
class Bind {
 public:
  Bind(Params& params, const Tensor& theta);
  ~Bind();
  Bind(const Bind&) = delete;
  Bind& operator=(const Bind&) = delete;

 private:
  Params& params_;
  std::vector<Tensor> tensors_;
  const std::vector<Tensor>* outer_;
};

// --- effects: the only writes that outlive a step; ordered, untracked, skipped when the step is not finite
void assign(const Tensor& to, const Tensor& value);
// to += rate * (value - to): averages and target networks. rate ().
void lerp(const Tensor& to, const Tensor& value, const Tensor& rate);

// Every op of this list, for coverage tests and reports.
std::span<const Op* const> op_table();

}  // namespace lat
