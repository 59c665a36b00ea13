// Neural processes: functions from a few of their points.
//
//   p(y*|x*,C) = N(mu, sigma^2),  (mu, s) = g(x*, r),  sigma = 0.1 + 0.9 softplus(s),  r = mean over C of h(x, y)
//                                                   Garnelo et al. 2018, "Conditional Neural Processes", eqs. 1 to 4
//   log p(y*|x*,C) >= E_q(z|C,T)[ sum log N(y*; mu, sigma^2) ] - KL( q(z|C,T) || q(z|C) ),  (mu, s) = g(x*, r, z)
//                                                   Garnelo et al. 2018, "Neural Processes", eq. 9
//   r = r(x*): attention of x* over C                Kim et al. 2019, "Attentive Neural Processes", section 3
//
// C: the points that are given, T: those that are asked for. q(z|S) = N(m, (0.1 + 0.9 sigmoid(t))^2), (m, t) from the mean
// over S of another h.
#include <cmath>

#include "models/curve_model.h"

namespace lat::models {

namespace {

struct Config {
  i64 width = 128;
  i64 depth = 3;
  i64 latent = 0;
  i64 heads = 0;

  template <class F>
  void fields(F&& f) {
    f("width", width, "units of every layer, numbers in r", 4, 4096);
    f("depth", depth, "hidden layers of h and of g", 1, 16);
    f("latent", latent, "size of z; 0: none, a conditional neural process", 0, 4096);
    f("heads", heads, "of the attention over the given points; 0: their mean", 0, 64);
  }
};

// 0.1 + 0.9 s as a log-variance
Tensor logvar_of(const Tensor& s) { return 2 * log(0.1 + 0.9 * s); }

// The mean over the points that are there: h (B,N,W), present (B,N) -> (B,W); 0 where there are none. Each h is rounded to a
// multiple of 2^-16, so that the sum is exact: its order does not matter.
Tensor mean_of(const Tensor& h, const Tensor& present) {
  constexpr double kGrid = 192;  // |h| < 64
  const i64 B = h.dim[0], N = h.dim[1];
  const Tensor there = reshape(present, {B, N, 1});
  const Tensor total = sum(((h + kGrid) - kGrid) * there, {.first = 1, .last = 1});  // (B,W)
  const Tensor count = sum(there, {.first = 1, .last = 1});                          // (B,1)
  return total / maximum(count, fill(*h.ctx, {B, 1}, 1));
}

// The same for every place: (B,C) -> (B,M,C)
Tensor everywhere(const Tensor& v, i64 M) {
  return expand(reshape(v, {v.dim[0], 1, v.dim[1]}), {v.dim[0], M, v.dim[1]});
}

// Scaled dot products in several heads.         Vaswani et al. 2017, section 3.2; Kim et al. 2019, appendix A
class Attention {
 public:
  Attention(Params& p, i64 places, i64 width, i64 heads)
      : heads_(heads),
        key(p, "attention.key", {places, width, width}),
        query(p, "attention.query", width, width),
        match(p, "attention.match", width, width),
        value(p, "attention.value", width, width),
        out(p, "attention.out", width, width) {}

  // h (B,N,W) at x (B,N,D), asked for at (B,M,D) -> (B,M,W)
  Tensor operator()(const Tensor& at, const Tensor& x, const Tensor& h,
                    const Tensor& present) const {
    const i64 B = x.dim[0], N = x.dim[1], M = at.dim[1];
    const Tensor q = split(query(key(at))), k = split(match(key(x))), v = split(value(h));
    const double scale = 1 / std::sqrt(static_cast<double>(q.dim[2]));
    const Tensor scores = reshape(matmul(q, k, {.b = true}) * scale, {B, heads_, M, N});
    const Tensor absent = reshape((present - 1) * 1e9, {B, 1, 1, N});  // weigh exactly 0
    const Tensor weights = reshape(softmax(scores + absent), {B * heads_, M, N});
    const Tensor seen = reshape(matmul(weights, v), {B, heads_, M, -1});  // (B,heads,M,W/heads)
    return out(reshape(permute(seen, {0, 2, 1, 3}), {B, M, -1}));
  }

 private:
  // (B,N,W) -> (B heads,N,W/heads)
  Tensor split(const Tensor& x) const {
    const i64 B = x.dim[0], N = x.dim[1];
    return reshape(permute(reshape(x, {B, N, heads_, -1}), {0, 2, 1, 3}), {B * heads_, N, -1});
  }

  i64 heads_;
  Mlp key;
  Linear query, match, value, out;
};

class NeuralProcess : public Configured<Config, CurveModel> {
 public:
  void build(Context& ctx, const CurveExample& example) override {
    const Config& c = config;
    const i64 D = example.places, W = c.width;
    LAT_CHECK(c.heads == 0 || W % c.heads == 0, Code::usage, "model.heads", c.heads,
              " heads do not share a width of ", W, " evenly");
    const auto widths = [&](i64 in, i64 out) {
      std::vector<i64> all(static_cast<size_t>(c.depth + 2), W);
      all.front() = in, all.back() = out;
      return all;
    };
    encoder_ = std::make_unique<Mlp>(params_, "encoder", widths(D + 1, W));
    if (c.heads > 0) attention_ = std::make_unique<Attention>(params_, D, W, c.heads);
    if (c.latent > 0) {
      latent_ = std::make_unique<Mlp>(params_, "latent", widths(D + 1, W));
      posterior_ =
          std::make_unique<Mlp>(params_, "posterior", std::vector<i64>{W, W, 2 * c.latent});
    }
    decoder_ = std::make_unique<Mlp>(params_, "decoder", widths(D + W + c.latent, 2));
    params_.materialise(ctx);
  }

  std::vector<Term> loss(const Points& points, Rng rng) override {
    const i64 B = points.target_x.dim[0], M = points.target_x.dim[1];
    const double share = 1 / static_cast<double>(M);
    if (!draws()) return {{"recon", -share * log_prob(decode(points, {}), points), {}}};
    const Normal prior = belief(points.x, points.y, points.present);
    const Normal q =
        belief(concat({points.x, points.target_x}, 1), concat({points.y, points.target_y}, 1),
               concat({points.present, fill(rng.ctx(), {B, M}, 1)}, 1));
    const Prediction p = decode(points, q.rsample(rng));
    return {{"recon", -share * log_prob(p, points), {}}, {"kl", share * kl(q, prior), {}}};
  }

  Prediction predict(const Points& points, Rng rng) override {
    if (!draws()) return decode(points, {});
    return decode(points, belief(points.x, points.y, points.present).rsample(rng));
  }
  bool draws() const override { return config.latent > 0; }

 private:
  // (B) nats per curve
  static Tensor log_prob(const Prediction& p, const Points& points) {
    return Normal{p.mean, p.logvar}.log_prob(reshape(points.target_y, p.mean.shape()));
  }

  // q(z|points): (B,Z)
  Normal belief(const Tensor& x, const Tensor& y, const Tensor& present) const {
    const Tensor out = (*posterior_)(mean_of((*latent_)(concat({x, y})), present));  // (B,2Z)
    return {narrow(out, -1, 0, config.latent),
            logvar_of(sigmoid(narrow(out, -1, config.latent, 2 * config.latent)))};
  }

  // z (B,Z) or empty
  Prediction decode(const Points& points, const Tensor& z) const {
    const Tensor &x = points.x, &at = points.target_x;
    const i64 B = at.dim[0], M = at.dim[1];
    const Tensor h = (*encoder_)(concat({x, points.y}));  // (B,N,W)
    const Tensor r = attention_ ? (*attention_)(at, x, h, points.present)
                                : everywhere(mean_of(h, points.present), M);  // (B,M,W)
    const Tensor known = z ? concat({at, r, everywhere(z, M)}) : concat({at, r});
    const Tensor out = (*decoder_)(known);  // (B,M,2)
    return {reshape(narrow(out, -1, 0, 1), {B, M}),
            reshape(logvar_of(softplus(narrow(out, -1, 1, 2))), {B, M})};
  }

  std::unique_ptr<Mlp> encoder_, latent_, posterior_, decoder_;
  std::unique_ptr<Attention> attention_;
};

}  // namespace

std::unique_ptr<Model> make_neural_process() { return std::make_unique<NeuralProcess>(); }

}  // namespace lat::models
