// Sums. The order of additions: kernels/reduce/reduce.h.
#include "engine/ops/common.h"
#include "engine/ops/table.h"

namespace lat {

namespace {

// Axes [first, last] of x as (outer, n, inner); shapes of the result with and without them.
struct Reduction {
  i64 outer = 1, n = 1, inner = 1;
  Shape kept, dropped;
};
Reduction reduction(const Tensor& x, int first, int last) {
  Reduction r;
  for (int a = 0; a < x.rank; ++a) {
    const bool over = a >= first && a <= last;
    (a < first ? r.outer : over ? r.n : r.inner) *= x.dim[a];
    r.kept.dim[r.kept.rank++] = over ? 1 : x.dim[a];
    if (!over) r.dropped.dim[r.dropped.rank++] = x.dim[a];
  }
  return r;
}

}  // namespace

// attributes: first axis, last axis, keep, scale
const Op k_sum{
    "sum",
    [](Emit& e) {
      const Tensor& x = e.in(0);
      const int first = static_cast<int>(e.whole(0)), last = static_cast<int>(e.whole(1));
      e.check(first >= 0 && last < x.rank && first <= last + 1, "axes ", first, " .. ", last,
              " of ", x.shape().text());
      const Reduction r = reduction(x, first, last);
      const Tensor y = e.out(e.attr(2) != 0 ? r.kept : r.dropped);
      if (r.inner == 1) {
        e.call(K::row_sum, {y, x, r.outer, r.n, e.attr(3)});
      } else if (e.attr(3) == 1) {
        e.call(K::col_sum, {y, x, r.outer, r.n, r.inner});
      } else {
        const Tensor s = e.ctx().empty(y.shape(), y.dtype);
        e.call(K::col_sum, {s, x, r.outer, r.n, r.inner});
        e.call(K::affine, {y, s, s.size(), e.attr(3), 0.0});
      }
    },
    [](Back& b) {
      const Tensor x = b.in(0);
      const Reduction r = reduction(x, static_cast<int>(b.whole(0)), static_cast<int>(b.whole(1)));
      Tensor g = b.grad();
      if (b.attr(3) != 1) g = affine(g, b.attr(3), 0);
      b.add(0, expand(reshape(g, r.kept), x.shape()));
    }};

namespace {

Tensor scaled_sum(const Tensor& x, Reduce over, bool mean) {
  const int first = over.first < 0 ? over.first + x.rank : over.first;
  const int last = over.last < 0 ? over.last + x.rank : over.last;
  const double n = static_cast<double>(reduction(x, first, last).n);
  return emit1(k_sum, {x},
               {static_cast<double>(first), static_cast<double>(last), over.keep ? 1.0 : 0.0,
                mean ? 1 / n : 1.0});
}

}  // namespace

Tensor sum(const Tensor& x, Reduce over) { return scaled_sum(x, over, false); }
Tensor mean(const Tensor& x, Reduce over) { return scaled_sum(x, over, true); }

Tensor sum_to(const Tensor& x, const Shape& shape) {
  Tensor y = x;
  const int extra = x.rank - shape.rank;
  LAT_CHECK(extra >= 0, Code::shape, "sum_to", x.shape().text(), " has fewer axes than ",
            shape.text());
  if (extra > 0) y = sum(y, {.first = 0, .last = extra - 1});
  for (int a = 0; a < shape.rank; ++a) {
    if (shape.dim[a] != 1 || y.dim[a] == 1) continue;
    int last = a;
    while (last + 1 < shape.rank && shape.dim[last + 1] == 1) ++last;
    y = sum(y, {.first = a, .last = last, .keep = true});
  }
  return reshape(y, shape);
}

}  // namespace lat
