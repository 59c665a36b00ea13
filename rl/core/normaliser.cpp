#include "rl/core/normaliser.h"

#include "rl/table.h"

namespace lat::rl {

namespace {
constexpr double kBound = 10;
}

Normaliser::Normaliser(Context& ctx, i64 D, std::string name)
    : ctx_(ctx), D_(D), name_(std::move(name)), moments_(ctx, {3, D}, DType::f64) {}

void Normaliser::update(const Tensor& x) {
  LAT_CHECK(x.rank == 2 && x.dim[1] == D_ && x.dim[0] >= 1, Code::shape, name_,
            "keeps moments of rows of ", D_, " numbers, got ", x.shape().text());
  ctx_.device_call(table_of(ctx_.options().isa).join_moments, x.dtype,
                   {moments_.tensor(), x, ctx_.ok(), x.dim[0], D_});
}

Tensor Normaliser::standardised(const Tensor& x, bool centre) const {
  LAT_CHECK(x.rank >= 1 && x.cols() == D_, Code::shape, name_, "keeps moments of rows of ", D_,
            " numbers, got ", x.shape().text());
  const Tensor y = ctx_.empty(x.shape(), x.dtype);  // (B,D)
  ctx_.device_call(table_of(ctx_.options().isa).standardise, x.dtype,
                   {y, x, moments_.tensor(), x.rows(), D_, centre, kBound});
  return y;
}

Tensor Normaliser::apply(const Tensor& x) const { return standardised(x, true); }
Tensor Normaliser::scale(const Tensor& x) const { return standardised(x, false); }

std::vector<double> Normaliser::row(i64 k) const {
  const std::vector<double> all = to_host(moments_.tensor());
  return {all.begin() + k * D_, all.begin() + (k + 1) * D_};
}

std::vector<double> Normaliser::mean() const { return row(1); }

std::vector<double> Normaliser::variance() const {
  std::vector<double> v = row(2);
  const std::vector<double> n = row(0);
  for (size_t d = 0; d < v.size(); ++d) v[d] = n[d] > 0 ? v[d] / n[d] : 0;
  return v;
}

RewardScaler::RewardScaler(Context& ctx, i64 copies, double gamma)
    : gamma_(gamma), moments_(ctx, 1, "reward"), return_(ctx, {copies}) {}

Tensor RewardScaler::apply(const Tensor& reward, const Tensor& terminated, const Tensor& truncated,
                           bool learn) {
  if (learn) {
    const Tensor running = return_.tensor() * gamma_ + reward;  // (E)
    moments_.update(reshape(running, {-1, 1}));
    assign(return_, running * (1.0 - terminated - truncated));
  }
  return reshape(moments_.scale(reshape(reward, {-1, 1})), reward.shape());  // (E)
}

}  // namespace lat::rl
