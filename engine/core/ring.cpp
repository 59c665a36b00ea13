#include "engine/core/ring.h"

#include <algorithm>

#include "kernels/common/planted.h"

namespace lat {

using kernels::Bug;
using kernels::K;
using kernels::planted;

void Ring::push(std::span<const Tensor> values) {
  LAT_CHECK(ctx_.step, Code::state, "ring", "rows are pushed in the body of a Step");
  const i64 n = static_cast<i64>(values.size());
  if (!buffer_.tensor()) buffer_ = Buffer(ctx_, {rows_, n});
  const Tensor& rows = buffer_.tensor();
  LAT_CHECK(rows.dim[1] == n, Code::state, "ring", "a row had ", rows.dim[1], " numbers and now ",
            n);
  for (i64 i = 0; i < n; ++i) {
    const Tensor& t = values[static_cast<size_t>(i)];
    ctx_.check_alive(t, "ring");
    LAT_CHECK(t.rank == 0 && t.dtype == rows.dtype, Code::shape, "ring", "number ", i, " is ",
              t.shape().text(), "; expected one number of the working type");
    ctx_.call(K::put_row, ctx_.real(), {rows, ctx_.draws.clock, t, rows_, n, i, 1});
  }
}

void Ring::read(const void* from, i64 call) {
  const auto values = [&]<class T>(const T* p) { row_.values.assign(p, p + row_.values.size()); };
  row_.values.resize(static_cast<size_t>(buffer_.tensor().dim[1]));
  if (ctx_.real() == DType::f64)
    values(static_cast<const double*>(from));
  else
    values(static_cast<const float*>(from));
  row_.call = call;
}

const Ring::Row& Ring::newest(i64 calls) {
  const Tensor& rows = buffer_.tensor();
  if (!rows || calls < 1) return row_;
  const i64 bytes = rows.bytes() / rows_;
  const i64 wrong = planted(Bug::ring_row_of_neighbour) ? 1 : 0;
  const auto at = [&](i64 call) {
    return static_cast<const char*>(rows.data) + (call - 1 + wrong) % rows_ * bytes;
  };
  if (ctx_.on_cpu()) {
    read(at(calls), calls);
    return row_;
  }
  if (!fetch_) fetch_ = std::make_unique<Fetch>(*ctx_.device(), bytes);
  if (fetched_ > 0) {
    if (!fetch_->arrived()) return row_;
    // A call that was queued before the row arrived may have overwritten it on its way.
    const bool whole = calls - fetched_ < rows_ || planted(Bug::ring_row_overwritten);
    if (whole) read(fetch_->data(), fetched_);
    fetched_ = 0;
  }
  if (calls != row_.call) {
    fetch_->start(at(calls));
    fetched_ = calls;
  }
  return row_;
}

}  // namespace lat
