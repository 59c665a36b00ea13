#include "models/completion_training.h"

#include <algorithm>
#include <numeric>

#include "engine/data/permutation.h"

namespace lat::models {

namespace {

// (n,h,w) bytes -> images of `size` rows: means of square blocks, rounded.
Images shrunk(const Images& from, i64 size) {
  if (size == 0 || size == from.h) return from;
  const i64 block = std::max<i64>(1, from.h / size), all = block * block;
  LAT_CHECK(from.h % size == 0 && from.w % block == 0, Code::usage, "data.size", size,
            " pixels a side cannot be made of ", from.h, " x ", from.w,
            " by means of square blocks: give a divisor of both");
  Images to{from.n, size, from.w / block, 1, {}, from.labels, {}, 0};
  to.pixels.reserve(static_cast<size_t>(to.n * to.h * to.w));
  for (i64 i = 0; i < to.n; ++i)
    for (i64 row = 0; row < to.h; ++row)
      for (i64 column = 0; column < to.w; ++column) {
        i64 sum = 0;
        for (i64 r = row * block; r < (row + 1) * block; ++r)
          for (i64 c = column * block; c < (column + 1) * block; ++c)
            sum += from.pixels[static_cast<size_t>((i * from.h + r) * from.w + c)];
        to.pixels.push_back(static_cast<uint8_t>((sum + all / 2) / all));
      }
  return to;
}

// Of pixel i among n in a row.
float place(i64 i, i64 n) { return (2 * static_cast<float>(i) + 1) / static_cast<float>(n) - 1; }

}  // namespace

CompletionTraining::CompletionTraining(const Context::Options& context,
                                       std::unique_ptr<CurveModel> model, const DataSet& data,
                                       i64 size, const CurveExample& example,
                                       const TrainConfig& config)
    : PointsTraining(context, std::move(model), example, config), seed_(context.seed) {
  LAT_CHECK(data.train.c == 1, Code::usage, data.name, "has ", data.train.c,
            " channels; pixels are completed in images of one");
  data_.name = data.name, data_.source = data.source, data_.files = data.files;
  data_.train = shrunk(data.train, size);
  data_.test = shrunk(data.test, size);
  LAT_CHECK(example.places == 2 && example.contexts + example.targets <= pixels(), Code::usage,
            "data.contexts", example.contexts, " pixels are given and ", example.targets,
            " asked for, of ", pixels(), " in an image");
}

void CompletionTraining::draw_points(bool test, i64 number, i64 n, float* x, float* y) const {
  const Images& images = test ? data_.test : data_.train;
  // Test images in their order, others shuffled anew in every pass; the pixels of each in an order of its own.
  const i64 pass = number / images.n;
  const i64 i = test ? number % images.n
                     : Permutation(images.n, seed_, static_cast<u64>(pass))(number % images.n);
  const Permutation order(pixels(), seed_ + (test ? 1 : 2), static_cast<u64>(number));
  for (i64 k = 0; k < n; ++k) {
    const i64 at = order(k);
    x[2 * k] = place(at / width(), height());
    x[2 * k + 1] = place(at % width(), width());
    y[k] = static_cast<float>(images.pixels[static_cast<size_t>(i * pixels() + at)]) / 255;
  }
}

std::vector<float> CompletionTraining::image(i64 number) const {
  const auto first =
      data_.test.pixels.begin() + (number % data_.test.n) * static_cast<std::ptrdiff_t>(pixels());
  std::vector<float> out;
  std::transform(first, first + pixels(), std::back_inserter(out),
                 [](uint8_t grey) { return static_cast<float>(grey) / 255; });
  return out;
}

std::vector<float> CompletionTraining::places() const {
  std::vector<float> out;
  for (i64 i = 0; i < pixels(); ++i) {
    out.push_back(place(i / width(), height()));
    out.push_back(place(i % width(), width()));
  }
  return out;
}

double CompletionTraining::mean_image_error(i64 n) const {
  std::vector<double> mean(static_cast<size_t>(pixels()));
  for (size_t i = 0; i < data_.train.pixels.size(); ++i)
    mean[i % mean.size()] += data_.train.pixels[i] / (255.0 * static_cast<double>(data_.train.n));
  double squares = 0;
  for (i64 k = 0; k < n; ++k) {
    const std::vector<float> truth = image(k);
    for (size_t i = 0; i < mean.size(); ++i) squares += (mean[i] - truth[i]) * (mean[i] - truth[i]);
  }
  return squares / static_cast<double>(n * pixels());
}

Evaluation CompletionTraining::evaluate(i64 limit) {
  constexpr i64 kDraws = 16;
  const i64 n = tested(limit), most = example().contexts;
  Evaluation e = bound(n);
  e.more.emplace_back("mse_0", mean_image_error(n));
  std::vector<i64> counts{most};
  for (const i64 few : {50, 10})
    if (few < most) counts.insert(counts.begin(), few);
  for (const i64 given : counts) {
    const std::vector<double> squares = judge_points(given, n, kDraws).squares;
    e.more.emplace_back(cat("mse_", given), std::accumulate(squares.begin(), squares.end(), 0.0) /
                                                static_cast<double>(n));
  }
  return e;
}

}  // namespace lat::models
