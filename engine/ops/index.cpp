// Choosing by index.
#include "engine/ops/common.h"
#include "engine/ops/table.h"

namespace lat {

namespace {

Shape without_last(const Tensor& x) {
  return Shape(std::span<const int32_t>(x.dim, static_cast<size_t>(x.rank - 1)));
}

}  // namespace

const Op k_gather{"gather",
                  [](Emit& e) {
                    const Tensor &table = e.in(0), &index = e.in(1);
                    e.check(table.rank >= 1 && index.rank == 1 && index.dtype == DType::i32 &&
                                table.dtype != DType::u8,
                            "expects rows (N,...) and indices (B) i32, got ", table.shape().text(),
                            " ", name_of(table.dtype), " and ", index.shape().text(), " ",
                            name_of(index.dtype));
                    Shape shape = table.shape();
                    shape.dim[0] = index.dim[0];
                    const Tensor y = e.out(shape, table.dtype);
                    const i64 cols = index.dim[0] == 0 ? 0 : y.size() / index.dim[0];
                    // four bytes are four bytes
                    e.ctx().call(K::gather, table.dtype == DType::f64 ? DType::f64 : DType::f32,
                                 {y, table, index, index.size(), cols});
                  },
                  [](Back& b) {
                    LAT_CHECK(!b.wants(0), Code::unsupported, b.name(),
                              "has no gradient; a product with one_hot has one");
                  }};
Tensor gather(const Tensor& table, const Tensor& index) { return emit1(k_gather, {table, index}); }

const Op k_arg_max{"arg_max", [](Emit& e) {
                     const Tensor& x = e.in(0);
                     e.check(x.rank >= 1 && x.cols() >= 1, "expects (...,K) with K >= 1, got ",
                             x.shape().text());
                     const Tensor index = e.out(without_last(x), DType::i32);
                     e.call(K::arg_max, {index, x, x.rows(), x.cols()});
                   }};
Tensor arg_max(const Tensor& x) { return emit1(k_arg_max, {stop_gradient(x)}); }

// attribute: K
const Op k_one_hot{"one_hot", [](Emit& e) {
                     const Tensor& index = e.in(0);
                     const i64 classes = e.whole(0);
                     e.check(index.dtype == DType::i32 && index.rank < kMaxRank,
                             "expects indices (...) i32, got ", index.shape().text(), " ",
                             name_of(index.dtype));
                     Shape shape = index.shape();
                     shape.dim[shape.rank++] = static_cast<int32_t>(classes);
                     const Tensor y = e.out(shape);
                     e.call(K::one_hot, {y, index, index.size(), classes});
                   }};
Tensor one_hot(const Tensor& index, i64 classes) {
  return emit1(k_one_hot, {index}, {static_cast<double>(classes)});
}

Tensor pick(const Tensor& x, const Tensor& index) {
  return sum(x * one_hot(index, x.cols()), {.first = -1, .last = -1});
}

}  // namespace lat
