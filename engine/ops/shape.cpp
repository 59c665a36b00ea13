// Making, viewing and moving elements.
#include <algorithm>
#include <numeric>

#include "engine/ops/common.h"
#include "engine/ops/table.h"

namespace lat {

namespace {

Shape shape_of_attrs(std::span<const double> attrs) {
  Shape s;
  for (const double a : attrs) s.dim[s.rank++] = static_cast<int32_t>(a);
  return s;
}

std::vector<double> attrs_of(const Shape& s) { return {s.dim, s.dim + s.rank}; }

int axis_of(int axis, int rank, const char* op) {
  const int a = axis < 0 ? axis + rank : axis;
  LAT_CHECK(a >= 0 && a < rank, Code::shape, op, "axis ", axis, " of a tensor with ", rank,
            " axes");
  return a;
}

// Elements before and after an axis.
struct Around {
  i64 outer = 1, inner = 1;
};
Around around(const Tensor& x, int axis) {
  Around r;
  for (int a = 0; a < axis; ++a) r.outer *= x.dim[a];
  for (int a = axis + 1; a < x.rank; ++a) r.inner *= x.dim[a];
  return r;
}

// Elements [begin, end) of t's memory.
Tensor part_of(Tensor t, i64 begin, i64 end) {
  t.data = static_cast<char*>(t.data) + begin * size_of(t.dtype);
  t.rank = 1;
  t.dim[0] = static_cast<int32_t>(end - begin);
  return t;
}
Tensor rest_of(const Tensor& t, i64 begin) {
  return part_of(t, std::min(begin, t.size()), t.size());
}

Tensor with_shape(Tensor t, const Shape& s) {
  std::copy(s.dim, s.dim + kMaxRank, t.dim);
  t.rank = static_cast<uint8_t>(s.rank);
  return t;
}

}  // namespace

Tensor row(Tensor x, i64 t) {
  x.data = static_cast<char*>(x.data) + t * (x.bytes() / x.dim[0]);
  std::copy(x.dim + 1, x.dim + x.rank, x.dim);
  --x.rank;
  x.dim[x.rank] = 0;
  x.var = 0;
  return x;
}

Tensor fill(Context& ctx, const Shape& shape, double value) {
  const Tensor t = ctx.empty(shape);
  ctx.call(K::fill, t.dtype, {t, t.size(), value});
  return t;
}

Tensor zeros_like(const Tensor& x) {
  const Tensor t = x.ctx->empty(x.shape(), x.dtype);
  x.ctx->call(K::fill, t.dtype, {t, t.size(), 0.0});
  return t;
}

const Op k_from_bytes{"from_bytes", [](Emit& e) {
                        const Tensor& x = e.in(0);
                        e.check(x.dtype == DType::u8, "expects u8, got ", name_of(x.dtype));
                        const Tensor y = e.out(x.shape());
                        e.call(K::cast_u8, {y, x, x.size(), e.attr(0)});
                      }};
Tensor from_bytes(const Tensor& x, double scale) { return emit1(k_from_bytes, {x}, {scale}); }

const Op k_reshape{"reshape",
                   [](Emit& e) {
                     const Shape to = shape_of_attrs(e.attrs());
                     e.check(to.size() == e.in(0).size(), "cannot view ", e.in(0).shape().text(),
                             " as ", to.text(), ": ", e.in(0).size(), " elements against ",
                             to.size());
                     e.result(with_shape(e.in(0), to));
                   },
                   [](Back& b) { b.add(0, reshape(b.grad(), b.in(0).shape())); }};

Tensor reshape(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const std::vector<double> attrs = attrs_of(shape);
  return emit(k_reshape, std::span<const Tensor>(&x, 1), attrs)[0];
}

Tensor reshape(const Tensor& x, std::initializer_list<i64> dims) {
  std::vector<double> attrs(dims.begin(), dims.end());
  const auto open = std::find(attrs.begin(), attrs.end(), -1.0);
  if (open != attrs.end()) {
    *open = 1;
    const i64 known = shape_of_attrs(attrs).size();
    LAT_CHECK(known > 0 && x.size() % known == 0, Code::shape, "reshape",
              "cannot fill the -1: ", x.size(), " elements over ", known);
    *open = static_cast<double>(x.size() / known);
  }
  return reshape(x, shape_of_attrs(attrs));
}

Tensor flatten(const Tensor& x) {
  LAT_CHECK(x.rank >= 1, Code::shape, "flatten", "a () tensor has no batch axis");
  return reshape(x, {x.dim[0], around(x, 0).inner});
}

const Op k_slice{"slice",
                 [](Emit& e) {
                   const Tensor& x = e.in(0);
                   const i64 begin = e.whole(0), end = e.whole(1);
                   e.check(x.rank >= 1 && begin >= 0 && begin <= end && end <= x.dim[0], "rows ",
                           begin, " .. ", end, " of ", x.shape().text());
                   Tensor y = x;
                   const i64 row = x.dim[0] == 0 ? 0 : x.bytes() / x.dim[0];
                   y.data = static_cast<char*>(x.data) + begin * row;
                   y.dim[0] = static_cast<int32_t>(end - begin);
                   e.result(y);
                 },
                 [](Back& b) { b.add_rows(0, b.whole(0), b.grad()); }};
Tensor slice(const Tensor& x, i64 begin, i64 end) {
  return emit1(k_slice, {x}, {static_cast<double>(begin), static_cast<double>(end)});
}

const Op k_unstack{"unstack",
                   [](Emit& e) {
                     const Tensor& x = e.in(0);
                     e.check(x.rank >= 1, "a () tensor has no leading axis");
                     for (i64 t = 0; t < x.dim[0]; ++t) e.result(row(x, t));
                   },
                   [](Back& b) {
                     Shape one = b.in(0).shape();
                     one.dim[0] = 1;
                     for (int t = 0; t < b.outputs(); ++t)
                       if (const Tensor g = b.grad(t)) b.add_rows(0, t, reshape(g, one));
                   }};
std::vector<Tensor> unstack(const Tensor& x) {
  return emit(k_unstack, std::span<const Tensor>(&x, 1), {});
}

// Rows of the leading axis put together, zeros where there are none: the gradient of slices. attributes: all rows, then
// where each input begins, ascending.
const Op k_assemble{
    "assemble",
    [](Emit& e) {
      Shape shape = e.in(0).shape();
      shape.dim[0] = static_cast<int32_t>(e.attr(0));
      const Tensor y = e.out(shape);
      const i64 each = shape.dim[0] == 0 ? 0 : y.size() / shape.dim[0];
      i64 done = 0;  // elements written so far
      const auto clear_to = [&](i64 end) {
        if (done < end) e.call(K::fill, {part_of(y, done, end), end - done, 0.0});
        done = std::max(done, end);
      };
      for (int i = 0; i < e.inputs(); ++i) {
        const Tensor& x = e.in(i);
        const i64 begin = e.whole(i + 1) * each, end = begin + x.size();
        clear_to(begin);
        const i64 again = std::min(done, end) - begin;
        if (again > 0)
          e.call(K::add_into, {part_of(y, begin, begin + again), part_of(x, 0, again), again});
        if (end > done)
          e.call(K::copy, {part_of(y, done, end), part_of(x, again, x.size()), end - done});
        done = std::max(done, end);
      }
      clear_to(y.size());
    },
    [](Back& b) {
      for (int i = 0; i < b.inputs(); ++i)
        if (b.wants(i)) b.add(i, slice(b.grad(), b.whole(i + 1), b.whole(i + 1) + b.in(i).dim[0]));
    }};

const Op k_stack{"stack",
                 [](Emit& e) {
                   Shape shape = e.in(0).shape();
                   e.check(shape.rank < kMaxRank, "inputs have ", shape.rank, " axes already");
                   std::copy_backward(shape.dim, shape.dim + shape.rank,
                                      shape.dim + shape.rank + 1);
                   shape.dim[0] = e.inputs();
                   ++shape.rank;
                   const DType type = e.in(0).dtype;
                   e.check(type != DType::u8, "inputs are real or i32, not u8");
                   const Tensor y = e.out(shape, type);
                   const i64 each = e.in(0).size();
                   for (int i = 0; i < e.inputs(); ++i) {
                     const Tensor& x = e.in(i);
                     e.check(x.shape() == e.in(0).shape() && x.dtype == type, "input ", i, " is ",
                             x.shape().text(), " ", name_of(x.dtype), " where input 0 is ",
                             e.in(0).shape().text(), " ", name_of(type));
                     Tensor to = x;
                     to.data = static_cast<char*>(y.data) + i * each * size_of(y.dtype);
                     to.place = y.place;
                     // four bytes are four bytes
                     e.ctx().call(K::copy, type == DType::f64 ? type : DType::f32, {to, x, each});
                   }
                 },
                 [](Back& b) {
                   for (int i = 0; i < b.inputs(); ++i)
                     if (b.wants(i)) b.add(i, reshape(slice(b.grad(), i, i + 1), b.in(i).shape()));
                 }};
Tensor stack(std::span<const Tensor> xs) { return emit(k_stack, xs, {})[0]; }

// attribute: the axis
const Op k_concat{
    "concat",
    [](Emit& e) {
      const int axis = axis_of(static_cast<int>(e.whole(0)), e.in(0).rank, e.name());
      Shape shape = e.in(0).shape();
      i64 all = 0;
      for (int i = 0; i < e.inputs(); ++i) {
        Shape like = e.in(i).shape();
        e.check(like.rank == shape.rank, "input ", i, " is ", like.text(), " where input 0 is ",
                e.in(0).shape().text());
        all += like.dim[axis];
        like.dim[axis] = shape.dim[axis];
        e.check(like == shape, "input ", i, " is ", e.in(i).shape().text(), " where input 0 is ",
                e.in(0).shape().text(), "; only axis ", axis, " may differ");
      }
      e.check(all <= INT32_MAX, "the joined axis has ", all, " elements");
      shape.dim[axis] = static_cast<int32_t>(all);
      const Tensor y = e.out(shape);
      i64 at = 0;
      for (int i = 0; i < e.inputs(); ++i) {
        const Tensor& x = e.in(i);
        const Around r = around(x, axis);
        const Tensor to = rest_of(y, at * r.inner);
        const i64 cols = x.dim[axis] * r.inner;
        e.call(K::copy_rows, {to, x, r.outer, cols, all * r.inner, cols});
        at += x.dim[axis];
      }
    },
    [](Back& b) {
      i64 at = 0;
      for (int i = 0; i < b.inputs(); ++i) {
        const int axis = axis_of(static_cast<int>(b.whole(0)), b.in(i).rank, b.name());
        const i64 n = b.in(i).dim[axis];
        if (b.wants(i)) b.add(i, narrow(b.grad(), axis, at, at + n));
        at += n;
      }
    }};
Tensor concat(std::span<const Tensor> xs, int axis) {
  const double attr = axis;
  return emit(k_concat, xs, std::span<const double>(&attr, 1))[0];
}

// attributes: axis, begin, end
const Op k_narrow{"narrow",
                  [](Emit& e) {
                    const Tensor& x = e.in(0);
                    const int axis = axis_of(static_cast<int>(e.whole(0)), x.rank, e.name());
                    const i64 begin = e.whole(1), end = e.whole(2);
                    e.check(begin >= 0 && begin <= end && end <= x.dim[axis], "elements ", begin,
                            " .. ", end, " of axis ", axis, " of ", x.shape().text());
                    Shape shape = x.shape();
                    shape.dim[axis] = static_cast<int32_t>(end - begin);
                    const Tensor y = e.out(shape);
                    const Around r = around(x, axis);
                    const Tensor from = rest_of(x, begin * r.inner);
                    const i64 cols = (end - begin) * r.inner;
                    e.call(K::copy_rows, {y, from, r.outer, cols, cols, x.dim[axis] * r.inner});
                  },
                  [](Back& b) {
                    const Tensor x = b.in(0), g = b.grad();
                    const int axis = axis_of(static_cast<int>(b.whole(0)), x.rank, b.name());
                    const auto zeros = [&](i64 n) {
                      Shape s = x.shape();
                      s.dim[axis] = static_cast<int32_t>(n);
                      const Tensor z = b.ctx().empty(s, x.dtype);
                      b.ctx().call(K::fill, z.dtype, {z, z.size(), 0.0});
                      return z;
                    };
                    std::vector<Tensor> parts;
                    if (b.whole(1) > 0) parts.push_back(zeros(b.whole(1)));
                    parts.push_back(g);
                    if (b.whole(2) < x.dim[axis]) parts.push_back(zeros(x.dim[axis] - b.whole(2)));
                    b.add(0, parts.size() == 1 ? g : concat(parts, axis));
                  }};
Tensor narrow(const Tensor& x, int axis, i64 begin, i64 end) {
  return emit1(k_narrow, {x},
               {static_cast<double>(axis), static_cast<double>(begin), static_cast<double>(end)});
}

const Op k_expand{
    "expand",
    [](Emit& e) {
      const Tensor& x = e.in(0);
      const Shape to = shape_of_attrs(e.attrs());
      e.check(broadcast_shape(e, x.shape(), to) == to, x.shape().text(), " does not stretch to ",
              to.text());
      const Broadcast c = collapse(e, to, x.shape(), to);
      const Tensor y = e.out(to);
      e.call(K::expand, {y, x, c.d[0], c.d[1], c.d[2], c.d[3], c.a[0], c.a[1], c.a[2], c.a[3]});
    },
    [](Back& b) { add_summed(b, 0, b.grad()); }};
Tensor expand(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const std::vector<double> attrs = attrs_of(shape);
  return emit(k_expand, std::span<const Tensor>(&x, 1), attrs)[0];
}

const Op k_permute{
    "permute",
    [](Emit& e) {
      const Tensor& x = e.in(0);
      const int n = static_cast<int>(e.attrs().size());
      e.check(n == x.rank && n <= 4, n, " axes for ", x.shape().text(), "; at most 4");
      i64 strides[kMaxRank];
      i64 stride = 1;
      for (int a = x.rank - 1; a >= 0; --a) {
        strides[a] = stride;
        stride *= x.dim[a];
      }
      Shape to;
      i64 d[4] = {1, 1, 1, 1}, s[4] = {0, 0, 0, 0};
      bool seen[kMaxRank] = {};
      for (int i = 0; i < n; ++i) {
        const int a = static_cast<int>(e.whole(i));
        e.check(a >= 0 && a < n && !seen[a], "axes are not a permutation");
        seen[a] = true;
        to.dim[to.rank++] = x.dim[a];
        d[4 - n + i] = x.dim[a];
        s[4 - n + i] = strides[a];
      }
      const Tensor y = e.out(to);
      e.call(K::expand, {y, x, d[0], d[1], d[2], d[3], s[0], s[1], s[2], s[3]});
    },
    [](Back& b) {
      std::vector<double> inverse(b.in(0).rank);
      for (size_t i = 0; i < inverse.size(); ++i)
        inverse[static_cast<size_t>(b.whole(static_cast<int>(i)))] = static_cast<double>(i);
      const Tensor g = b.grad();
      b.add(0, emit(k_permute, std::span<const Tensor>(&g, 1), inverse)[0]);
    }};
Tensor permute(const Tensor& x, std::initializer_list<int> axes) {
  const std::vector<double> attrs(axes.begin(), axes.end());
  return emit(k_permute, std::span<const Tensor>(&x, 1), attrs)[0];
}

}  // namespace lat
