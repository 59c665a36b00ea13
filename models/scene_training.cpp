#include "models/scene_training.h"

#include <algorithm>
#include <cmath>

namespace lat::models {

namespace {

constexpr i64 kPose = 7;

double square(double x) { return x * x; }

}  // namespace

struct SceneTraining::Steps {
  Steps(Context& ctx, SceneModel& m, Slots test)
      : slots(std::move(test)),
        bound(ctx, "bound", bound_of(ctx, [&] { return m.loss(slots.views(), Rng(ctx)); })),
        represent(ctx, "represent", {[&](Tensor images, Tensor poses, Tensor present) {
                    const NoGrad off(ctx);
                    return m.represent(images, poses, present);
                  }}),
        predict(ctx, "predict", {[&](Tensor r, Tensor pose) {
                  const NoGrad off(ctx);
                  return m.predict(r, pose, Rng(ctx));
                }}) {}

  Slots slots;
  BoundStep bound;
  Step<Body<Tensor, Tensor, Tensor, Tensor>> represent;
  Step<Body<Tensor, Tensor, Tensor>> predict;
};

SceneTraining::SceneTraining(const Context::Options& context, std::unique_ptr<SceneModel> model,
                             const rooms::Scenes& world, const SceneExample& example,
                             const TrainConfig& config)
    : DrawnTraining(context, std::move(model), config),
      world_(world),
      test_(world),
      example_(example) {
  world_.seed = test_.seed = context.seed;
  world_.test = false;
  test_.test = true;
  batch_ = slots(config.batch);
  scenes().build(ctx(), example);
  ready();
  steps_ = std::make_unique<Steps>(ctx(), scenes(), slots(config.test_batch));
}

SceneTraining::~SceneTraining() = default;

SceneTraining::Slots SceneTraining::slots(i64 B) {
  const i64 N = example_.contexts, S = example_.size;
  const auto buffer = [&](const Shape& shape) { return Buffer(ctx(), shape); };
  return {B,
          buffer({B, N, S, S, 3}),
          buffer({B, N, kPose}),
          buffer({B, N}),
          buffer({B, S, S, 3}),
          buffer({B, kPose})};
}

void SceneTraining::draw(Slots& to, const rooms::Scenes& world, i64 first, i64 contexts) {
  const i64 N = example_.contexts, size = 3 * pixels();
  std::vector<float> images(static_cast<size_t>(to.batch * N * size)), poses, present, image, pose;
  std::vector<float> all(static_cast<size_t>((N + 1) * size)),
      cameras(static_cast<size_t>((N + 1) * kPose));
  for (i64 b = 0; b < to.batch; ++b) {
    world.views(first + b, N + 1, example_.size, all.data(), cameras.data());
    std::copy(all.begin(), all.end() - size, images.begin() + b * N * size);
    image.insert(image.end(), all.end() - size, all.end());
    poses.insert(poses.end(), cameras.begin(), cameras.end() - kPose);
    pose.insert(pose.end(), cameras.end() - kPose, cameras.end());
    const i64 known = contexts < 0 ? (first + b) % (N + 1) : contexts;
    for (i64 n = 0; n < N; ++n) present.push_back(n < known ? 1.0f : 0.0f);
  }
  write(to.images, images);
  write(to.poses, poses);
  write(to.present, present);
  write(to.image, image);
  write(to.pose, pose);
}

void SceneTraining::feed(i64 step) { draw(batch_, world_, step * batch_.batch, -1); }

std::vector<Term> SceneTraining::learn(Adam& adam) {
  return scenes().train_step(batch_.views(), Rng(ctx()), adam);
}

Evaluation SceneTraining::evaluate(i64 limit) {
  const i64 B = config().test_batch;
  return means(steps_->bound, (limit > 0 ? limit : kTest) / B * B,
               [&](i64 first) { draw(steps_->slots, test_, first, example_.contexts); });
}

SceneFigures SceneTraining::judge(i64 contexts, i64 scenes, i64 samples) {
  settle();
  const i64 B = config().test_batch, S = example_.size, size = 3 * pixels();
  LAT_CHECK(contexts >= 0 && contexts <= example_.contexts, Code::usage, "judge", contexts,
            " views are given; this model takes 0 to ", example_.contexts);
  SceneFigures out;
  double errors = 0, object_errors = 0, object_pixels = 0;
  std::vector<float> image(static_cast<size_t>(size));
  std::vector<uint8_t> mask(static_cast<size_t>(pixels()));
  steps_->bound.seek(0);
  steps_->predict.seek(0);
  Slots& slots = steps_->slots;
  for (i64 first = 0; first < scenes; first += B) {
    draw(slots, test_, first, contexts);
    const i64 rows = std::min(B, scenes - first);
    const Bound& bound = steps_->bound();
    const std::vector<double> recon = to_host(bound.recon), kl = to_host(bound.kl);
    std::vector<double> sums(static_cast<size_t>(B * size)), squares(sums.size());
    const Tensor r = steps_->represent(slots.images, slots.poses, slots.present);
    for (i64 k = 0; k < samples; ++k) {
      const std::vector<double> x = to_host(steps_->predict(r, slots.pose));
      for (size_t i = 0; i < x.size(); ++i) sums[i] += x[i], squares[i] += square(x[i]);
    }
    const double count = static_cast<double>(samples);
    for (i64 b = 0; b < rows; ++b) {
      out.nll.push_back(recon[static_cast<size_t>(b)] + kl[static_cast<size_t>(b)]);
      const rooms::Scene scene = test_.scene(first + b);
      rooms::render(scene, test_.camera(scene, first + b, example_.contexts), S, image.data(),
                    mask.data());
      double variance = 0;
      for (i64 i = 0; i < size; ++i) {
        const size_t at = static_cast<size_t>(b * size + i);
        const double m = sums[at] / count, object = mask[static_cast<size_t>(i / 3)] / 255.0;
        variance += std::max(0.0, squares[at] / count - m * m) * count / std::max(1.0, count - 1);
        const double error = square(m - image[static_cast<size_t>(i)]);
        errors += error;
        object_errors += object * error;
        object_pixels += object;
      }
      out.variance.push_back(variance / static_cast<double>(size));
    }
  }
  out.rmse = std::sqrt(errors / static_cast<double>(scenes * size));
  out.rmse_objects = std::sqrt(object_errors / std::max(object_pixels, 1.0));
  return out;
}

SceneBaselines SceneTraining::baselines(i64 scenes, i64 others) const {
  const i64 S = example_.size, size = 3 * pixels(), N = example_.contexts;
  double camera = 0, objects = 0, object_pixels = 0, nearest = 0;
  std::vector<float> image(static_cast<size_t>(size)), other(image.size());
  std::vector<uint8_t> mask(static_cast<size_t>(pixels()));
  for (i64 i = 0; i < scenes; ++i) {
    const rooms::Scene scene = test_.scene(i);
    const rooms::Camera from = test_.camera(scene, i, N);
    rooms::render(scene, from, S, image.data(), mask.data());
    std::vector<double> mean(image.size());
    for (i64 k = 0; k < others; ++k) {
      rooms::render(world_.scene(k), from, S, other.data());
      for (size_t d = 0; d < mean.size(); ++d) mean[d] += other[d] / static_cast<double>(others);
    }
    const Seen seen = views(i, N);
    const auto pose = from.pose();
    i64 best = 0;
    double least = 1e300;
    for (i64 n = 0; n < N; ++n) {
      double distance = 0;
      for (size_t d = 0; d < kPose; ++d)
        distance += square(seen.poses[static_cast<size_t>(n * kPose) + d] - pose[d]);
      if (distance < least) least = distance, best = n;
    }
    for (i64 d = 0; d < size; ++d) {
      const size_t at = static_cast<size_t>(d);
      const double object = mask[static_cast<size_t>(d / 3)] / 255.0;
      const double error = square(mean[at] - image[at]);
      camera += error;
      objects += object * error;
      object_pixels += object;
      nearest += square(seen.images[static_cast<size_t>(best * size + d)] - image[at]);
    }
  }
  const double all = static_cast<double>(scenes * size);
  return {std::sqrt(camera / all), std::sqrt(objects / std::max(object_pixels, 1.0)),
          std::sqrt(nearest / all)};
}

SceneTraining::Seen SceneTraining::views(i64 scene, i64 n) const {
  Seen out{n, std::vector<float>(static_cast<size_t>(n * 3 * pixels())),
           std::vector<float>(static_cast<size_t>(n * kPose))};
  test_.views(scene, n, example_.size, out.images.data(), out.poses.data());
  return out;
}

SceneTraining::Seen SceneTraining::views(const rooms::Scene& scene,
                                         const std::vector<rooms::Camera>& cameras) const {
  Seen out{static_cast<i64>(cameras.size()), {}, {}};
  std::vector<float> image(static_cast<size_t>(3 * pixels()));
  for (const rooms::Camera& camera : cameras) {
    rooms::render(scene, camera, example_.size, image.data());
    const auto pose = camera.pose();
    out.images.insert(out.images.end(), image.begin(), image.end());
    out.poses.insert(out.poses.end(), pose.begin(), pose.end());
  }
  return out;
}

SceneTraining::Known SceneTraining::representation(const Seen& seen) {
  const Scratch scratch(ctx());
  const i64 N = example_.contexts, S = example_.size;
  LAT_CHECK(seen.n <= N, Code::usage, "represent", seen.n,
            " views are given; this model takes at most ", N);
  std::vector<double> images(static_cast<size_t>(N * 3 * pixels())),
      poses(static_cast<size_t>(N * kPose)), present(static_cast<size_t>(N));
  std::copy(seen.images.begin(), seen.images.end(), images.begin());
  std::copy(seen.poses.begin(), seen.poses.end(), poses.begin());
  std::fill_n(present.begin(), seen.n, 1.0);
  const Tensor r =
      steps_->represent(from_host(ctx(), {1, N, S, S, 3}, images),
                        from_host(ctx(), {1, N, kPose}, poses), from_host(ctx(), {1, N}, present));
  return {r.shape(), to_host(r)};
}

std::vector<float> SceneTraining::predictions(const Known& r, const std::array<float, 7>& pose,
                                              i64 samples, u64 seed) {
  const Scratch scratch(ctx());
  const NoGrad off(ctx());
  const std::vector<double> camera(pose.begin(), pose.end());
  Shape all = r.shape;
  all.dim[0] = static_cast<int32_t>(samples);
  const Tensor known = expand(from_host(ctx(), r.shape, r.values), all);
  const Tensor v = expand(from_host(ctx(), {1, kPose}, camera), {samples, kPose});
  steps_->predict.seek(seed);
  std::vector<float> out;
  for (const double x : to_host(steps_->predict(known, v))) out.push_back(static_cast<float>(x));
  return out;
}

}  // namespace lat::models
