// The generative query network: scenes from views.
//
//   r = sum_n psi(x_n, v_n)                                                  what the views tell of the scene
//   log p(x|v,r) >= E_q[ log p(x|z,v,r) ] - sum_l KL( q(z_l|x,v,r,z_<l) || p(z_l|v,r,z_<l) )
//
// Eslami, Rezende et al. 2018, "Neural scene representation and rendering", eqs. S1 to S16. z is drawn in L layers by a
// recurrent generator that paints a canvas u; a second recurrent network, which sees x, gives the posterior.
// p(x|z) = N(eta(u), sigma^2), sigma annealed.
#include <algorithm>
#include <cmath>

#include "models/scene_model.h"

namespace lat::models {

namespace {

constexpr i64 kPose = 7;

struct Config {
  std::string net = "tower";
  i64 width = 128;
  i64 r = 256;
  std::string core = "lstm";
  i64 layers = 12;
  i64 channels = 128;
  i64 canvas = 128;
  i64 kernel = 5;
  i64 latent = 3;
  double sigma = 2;
  double sigma_last = 0.7;
  double anneal = 0.5;
  bool checkpoint = false;

  template <class F>
  void fields(F&& f) {
    f("net", net, "of the representation: pyramid, tower or pool");
    f("width", width, "channels inside the representation", 4, 4096);
    f("r", r, "channels of r", 1, 4096);
    f("core", core, "lstm, or linear: h = the first quarter of the gates, for closed forms");
    f("layers", layers, "L, draws of z for one image", 1, 64);
    f("channels", channels, "of the recurrent cores", 1, 4096);
    f("canvas", canvas, "channels of the canvas", 1, 4096);
    f("kernel", kernel, "pixels a side of the cores' filters", 1, 15);
    f("latent", latent, "channels of z in one layer", 1, 4096);
    f("sigma", sigma, "standard deviation of a pixel at the first step", 1e-3, 100);
    f("sigma_last", sigma_last, "... and at the last", 1e-3, 100);
    f("anneal", anneal, "share of the steps in which sigma falls, linearly", 0, 1);
    f("checkpoint", checkpoint,
      "compute a layer's tensors again in the backward pass: less memory, more time, same bits");
  }
};

// (B,H,W,C) -> (B,H/2,W/2,C): the mean of each 2 x 2 pixels
Tensor halve(const Tensor& x) {
  const i64 B = x.dim[0], H = x.dim[1], W = x.dim[2], C = x.dim[3];
  const Tensor rows =
      mean(reshape(x, {B, H, W / 2, 2, C}), {.first = 3, .last = 3});  // (B,H,W/2,C)
  return mean(reshape(rows, {B, H / 2, 2, W / 2, C}), {.first = 2, .last = 2});
}

// The same vector at every pixel: (B,D) -> (B,h,w,D)
Tensor everywhere(const Tensor& v, i64 h, i64 w) {
  return expand(reshape(v, {v.dim[0], 1, 1, v.dim[1]}), {v.dim[0], h, w, v.dim[1]});
}

// psi(x, v) of one view.       Eslami et al. 2018, figure S1
class Representation {
 public:
  virtual ~Representation() = default;
  virtual Tensor operator()(const Tensor& x, const Tensor& v) const = 0;  // (N,H,W,3), (N,7)
};

// Halved twice with a shortcut each: (N,H/4,W/4,R).
class Tower : public Representation {
 public:
  Tower(Params& p, const Config& c, bool pool)
      : pool_(pool),
        first(p, "view.first", 3, c.width, 2, {.stride = 2}),
        around(p, "view.around", c.width, c.width / 2, 3, {.pad = 1}),
        second(p, "view.second", c.width / 2, c.width, 2, {.stride = 2}),
        shortcut(p, "view.shortcut", c.width, c.width, 1, {}),
        posed(p, "view.posed", c.width + kPose, c.width / 2, 3, {.pad = 1}),
        deep(p, "view.deep", c.width / 2, c.width, 3, {.pad = 1}),
        posed_shortcut(p, "view.posed_shortcut", c.width + kPose, c.width, 1, {}),
        last(p, "view.last", c.width, c.r, 1, {}) {}

  Tensor operator()(const Tensor& x, const Tensor& v) const override {
    const Tensor a = first(x, Act::relu);                                // (N,H/2,W/2,C)
    const Tensor skip = halve(shortcut(a, Act::relu));                   // (N,H/4,W/4,C)
    const Tensor b = relu(second(around(a, Act::relu)) + skip);          // (N,H/4,W/4,C)
    const Tensor seen = concat({b, everywhere(v, b.dim[1], b.dim[2])});  // (N,H/4,W/4,C+7)
    const Tensor d = deep(posed(seen, Act::relu)) + posed_shortcut(seen, Act::relu);
    const Tensor r = last(relu(d), Act::relu);  // (N,H/4,W/4,R)
    return pool_ ? mean(r, {.first = 1, .last = 2, .keep = true}) : r;
  }

 private:
  bool pool_;
  Conv2d first, around, second, shortcut, posed, deep, posed_shortcut, last;
};

// Halved three times, then all pixels at once: (N,1,1,R).
class Pyramid : public Representation {
 public:
  Pyramid(Params& p, const Config& c, i64 size)
      : first(p, "view.first", 3 + kPose, c.width / 4, 2, {.stride = 2}),
        second(p, "view.second", c.width / 4, c.width / 2, 2, {.stride = 2}),
        third(p, "view.third", c.width / 2, c.width, 2, {.stride = 2}),
        last(p, "view.last", c.width, c.r, size / 8, {}) {}

  Tensor operator()(const Tensor& x, const Tensor& v) const override {
    const Tensor seen = concat({x, everywhere(v, x.dim[1], x.dim[2])});  // (N,H,W,10)
    return last(third(second(first(seen, Act::relu), Act::relu), Act::relu), Act::relu);
  }

 private:
  Conv2d first, second, third, last;
};

class Gqn : public Configured<Config, SceneModel> {
 public:
  void build(Context& ctx, const SceneExample& example) override {
    const Config& c = config;
    LAT_CHECK(example.size % 8 == 0, Code::usage, "gqn", "images of ", example.size,
              " pixels a side; expected a multiple of 8");
    LAT_CHECK(c.net == "tower" || c.net == "pyramid" || c.net == "pool", Code::usage, "model.net",
              "'", c.net, "' is none of pyramid, tower, pool");
    LAT_CHECK(c.core == "lstm" || c.core == "linear", Code::usage, "model.core", "'", c.core,
              "' is neither lstm nor linear");
    side_ = example.size / 4;
    vector_ = c.net != "tower";
    if (c.net == "pyramid")
      view_ = std::make_unique<Pyramid>(params_, c, example.size);
    else
      view_ = std::make_unique<Tower>(params_, c, c.net == "pool");
    const i64 scene = vector_ ? c.width : c.r + kPose;
    if (vector_)
      spread_ = std::make_unique<ConvTranspose2d>(params_, "spread", c.r + kPose, scene, side_,
                                                  Conv{.stride = side_});
    parts_ = std::make_unique<Parts>(Parts{
        ConvLstm(params_, "generator", scene, c.channels, c.kernel, c.latent),
        ConvLstm(params_, "inference", scene + c.channels, c.channels, c.kernel,
                 c.channels + c.canvas),
        Conv2d(params_, "see", 3, c.channels, 4, {.stride = 4}),
        Conv2d(params_, "look", c.canvas, c.canvas, 4, {.stride = 4}),
        Conv2d(params_, "prior", c.channels, 2 * c.latent, c.kernel, {.pad = c.kernel / 2}),
        Conv2d(params_, "posterior", c.channels, 2 * c.latent, c.kernel, {.pad = c.kernel / 2}),
        ConvTranspose2d(params_, "paint", c.channels, c.canvas, 4, {.stride = 4}),
        Conv2d(params_, "eta", c.canvas, 3, 1, {})});
    // As wide as ReLUs need it; a pixel of the spread map has one product with r.       He et al. 2015, eq. 10
    params_.widen("view.", std::sqrt(6.0));
    params_.widen("spread.", std::sqrt(6.0) * static_cast<double>(side_));
    params_.materialise(ctx);
    logvar_ = std::make_unique<Word>(ctx, "logvar", 2 * std::log(c.sigma));
  }

  // Each psi is rounded to a multiple of 2^-16, so that their sum is exact: its order does not matter.
  Tensor represent(const Tensor& images, const Tensor& poses, const Tensor& present) override {
    constexpr double kGrid = 192;  // |psi| < 64
    const i64 B = images.dim[0], N = images.dim[1], H = images.dim[2], W = images.dim[3];
    const Checkpoint segment(*images.ctx, config.checkpoint);
    const Tensor psi = (*view_)(reshape(images, {B * N, H, W, 3}), reshape(poses, {B * N, kPose}));
    const i64 h = psi.dim[1], w = psi.dim[2], R = psi.dim[3];
    const Tensor exact = reshape((psi + kGrid) - kGrid, {B, N, h, w, R});
    return sum(exact * reshape(present, {B, N, 1, 1, 1}), {.first = 1, .last = 1});  // (B,h,w,R)
  }

  std::vector<Term> loss(const Views& views, Rng rng) override {
    const Parts& p = *parts_;
    const Tensor asked = known(represent(views.images, views.poses, views.present), views.pose);
    const Tensor paints = p.generator.project(asked);                              // (B,h,w,4C)
    const Tensor sees = p.inference.project(concat({asked, p.see(views.image)}));  // (B,h,w,4C)
    LstmState g = start(asked), e = g;
    Tensor u = canvas(asked), kls;  // (B,H,W,canvas)
    for (i64 l = 0; l < config.layers; ++l) {
      const Checkpoint segment(*u.ctx, config.checkpoint);
      const Normal prior = split(p.prior(g.h));
      e = advance(p.inference, sees, e, concat({g.h, p.look(u)}));
      const Normal q = split(p.posterior(e.h));
      const Tensor z = q.rsample(rng);  // (B,hwZ)
      g = advance(p.generator, paints, g, as_map(z));
      u = u + p.paint(g.h);
      kls = kls ? kls + kl(q, prior) : kl(q, prior);  // (B) nats
    }
    const Normal likelihood{flatten(p.eta(u)), *logvar_};  // mean (B,3HW)
    return {{"recon", -likelihood.log_prob(flatten(views.image)), {}},
            {"kl", kls, {}}};  // (B) nats
  }

  Tensor predict(const Tensor& r, const Tensor& pose, Rng rng) override {
    const Parts& p = *parts_;
    const Tensor asked = known(r, pose), paints = p.generator.project(asked);
    LstmState g = start(asked);
    Tensor u = canvas(asked);
    for (i64 l = 0; l < config.layers; ++l) {
      const Tensor z = split(p.prior(g.h)).rsample(rng);  // (B,hwZ)
      g = advance(p.generator, paints, g, as_map(z));
      u = u + p.paint(g.h);
    }
    return p.eta(u);
  }

  // sigma of this step.
  void schedule(i64 step, i64 steps) override {
    const double end = config.anneal * static_cast<double>(steps);
    const double t = end > 0 ? std::min(1.0, static_cast<double>(step) / end) : 1.0;
    logvar_->set(2 * std::log(config.sigma + (config.sigma_last - config.sigma) * t));
  }
  Tensor logvar() override { return *logvar_; }

 private:
  struct Parts {
    ConvLstm generator, inference;
    Conv2d see, look, prior, posterior;
    ConvTranspose2d paint;
    Conv2d eta;
  };

  // What is the same in every layer, r and the camera: at every pixel (B,h,w,R+7), or a vector r spread over the map (B,h,w,C).
  Tensor known(const Tensor& r, const Tensor& pose) const {
    if (vector_) return (*spread_)(concat({r, everywhere(pose, 1, 1)}), Act::relu);
    return concat({expand(r, {r.dim[0], side_, side_, r.dim[3]}), everywhere(pose, side_, side_)});
  }
  LstmState start(const Tensor& x) const {
    const Tensor zero = fill(*x.ctx, {x.dim[0], side_, side_, config.channels}, 0);
    return {zero, zero};
  }
  Tensor canvas(const Tensor& x) const {
    return fill(*x.ctx, {x.dim[0], 4 * side_, 4 * side_, config.canvas}, 0);
  }
  LstmState advance(const ConvLstm& core, const Tensor& projected, const LstmState& s,
                    const Tensor& x) const {
    if (config.core == "lstm") return core.step(projected, s, x);
    return {narrow(projected + core.recall(s.h, x), -1, 0, config.channels), s.c};
  }
  // (B,h,w,2Z) -> N(mu, e^logvar) over (B,hwZ), and back
  Normal split(const Tensor& x) const {
    return {flatten(narrow(x, -1, 0, config.latent)),
            flatten(narrow(x, -1, config.latent, 2 * config.latent))};
  }
  Tensor as_map(const Tensor& z) const {
    return reshape(z, {z.dim[0], side_, side_, config.latent});
  }

  i64 side_ = 0;         // pixels a side of the cores' maps
  bool vector_ = false;  // whether r is a vector, or a map
  std::unique_ptr<Representation> view_;
  std::unique_ptr<ConvTranspose2d> spread_;
  std::unique_ptr<Parts> parts_;
  std::unique_ptr<Word> logvar_;
};

}  // namespace

std::unique_ptr<Model> make_gqn() { return std::make_unique<Gqn>(); }

}  // namespace lat::models
