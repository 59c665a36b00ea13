// Linear recurrences along time, and the estimates of return that are made of them.
#include "engine/ops/common.h"
#include "engine/ops/table.h"
#include "kernels/common/planted.h"

namespace lat {

using kernels::Bug;
using kernels::planted;

namespace {

// (T,...) -> (...)
Shape step_shape(const Tensor& x) {
  return Shape(std::span<const int32_t>(x.dim + 1, static_cast<size_t>(x.rank - 1)));
}

}  // namespace

// inputs a, b, start or empty; attribute: reverse
const Op k_scan{
    "scan",
    [](Emit& e) {
      const Tensor &a = e.in(0), &b = e.in(1), &start = e.in(2);
      e.check(a.rank >= 1 && a.shape() == b.shape() && a.dtype == b.dtype,
              "expects two tensors (T,...) of one shape, got ", a.shape().text(), " and ",
              b.shape().text());
      if (start)
        e.check(start.shape() == step_shape(a) && start.dtype == a.dtype, "starts from ",
                step_shape(a).text(), ", got ", start.shape().text());
      const Tensor y = e.out(a.shape());
      e.call(K::scan, {y, a, b, optional(start), a.dim[0], step_shape(a).size(), e.whole(0)});
    },
    [](Back& back) {
      const Tensor a = back.in(0), start = back.in(2), dy = back.grad();
      const auto like = [&](const Tensor& t, bool wanted) {
        return wanted ? back.ctx().empty(t.shape(), t.dtype) : Tensor{};
      };
      const Tensor da = like(a, back.wants(0)), db = like(a, true),
                   dstart = like(start, back.wants(2));
      back.ctx().call(K::scan_d1, a.dtype,
                      {optional(da), db, optional(dstart), dy, a, back.out(), optional(start),
                       a.dim[0], step_shape(a).size(), back.whole(0)});
      if (da) back.add(0, da);
      back.add(1, db);
      if (dstart) back.add(2, dstart);
    },
    [](Emit& e) {
      const std::vector<Tensor> a = unstack(e.in(0)), b = unstack(e.in(1));
      std::vector<Tensor> y(a.size());
      Tensor carry = e.in(2);
      for (size_t k = 0; k < a.size(); ++k) {
        const size_t t = e.whole(0) != 0 ? a.size() - 1 - k : k;
        carry = y[t] = carry ? a[t] * carry + b[t] : b[t];
      }
      if (!y.empty()) e.result(stack(y));
    }};
Tensor scan(const Tensor& a, const Tensor& b, const Tensor& first) {
  return emit1(k_scan, {a, b, first}, {0});
}
Tensor scan_reverse(const Tensor& a, const Tensor& b, const Tensor& last) {
  return emit1(k_scan, {a, b, last}, {1});
}

namespace {

void check_episodes(const char* op, const Tensor& reward, std::initializer_list<Tensor> others,
                    const Tensor& truncated) {
  LAT_CHECK(reward && reward.rank >= 1 && reward.dim[0] >= 1, Code::shape, op,
            "expects rewards (T,B), T >= 1");
  for (const Tensor& t : others)
    LAT_CHECK(t && t.shape() == reward.shape(), Code::shape, op, "rewards ", reward.shape().text(),
              " beside ", t.shape().text(), "; expected one number of each for every step");
  LAT_CHECK(!truncated || (truncated.shape() == reward.shape() &&
                           (truncated.dtype == DType::u8 || truncated.dtype == reward.dtype)),
            Code::shape, op, "expects truncated ", reward.shape().text(), " u8 or ",
            name_of(reward.dtype), ", got ", truncated.shape().text(), " ",
            name_of(truncated.dtype));
}

// value (1 - flag), flag 1 or 0
Tensor unless(const Tensor& flag, double value) {
  return (flag.dtype == DType::u8 ? from_bytes(flag, -value) : flag * -value) + value;
}

// discount lambda, 0 where a trajectory is cut off.
Tensor trace(const Tensor& discount, double lambda, const Tensor& truncated) {
  const bool cut = truncated && !planted(Bug::gae_through_truncation);
  const double further = planted(Bug::gae_without_gamma) ? lambda / 0.99 : lambda;
  return cut ? discount * unless(truncated, further) : discount * further;
}

}  // namespace

Tensor discounts(const Tensor& terminated, double gamma) {
  return planted(Bug::discount_through_the_end) ? zeros_like(unless(terminated, 1)) + gamma
                                                : unless(terminated, gamma);
}

Tensor gae(const Tensor& reward, const Tensor& value, const Tensor& next_value,
           const Tensor& discount, double lambda, const Tensor& truncated) {
  check_episodes("gae", reward, {value, next_value, discount}, truncated);
  return scan_reverse(trace(discount, lambda, truncated), reward + discount * next_value - value);
}

Tensor lambda_return(const Tensor& reward, const Tensor& next_value, const Tensor& discount,
                     double lambda, const Tensor& truncated) {
  check_episodes("lambda_return", reward, {next_value, discount}, truncated);
  const Tensor a = trace(discount, lambda, truncated);
  const i64 T = reward.dim[0];
  const Tensor last = reshape(slice(next_value, T - 1, T), step_shape(reward));
  return scan_reverse(a, reward + (discount - a) * next_value, last);
}

}  // namespace lat
