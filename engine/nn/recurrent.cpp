#include "engine/nn/recurrent.h"

#include <cmath>

namespace lat {

namespace {

Init by_units(i64 units) { return {Init::uniform, 1 / std::sqrt(static_cast<double>(units))}; }

// All time steps in one product: x (T,B,in) -> (T,B,D). Shards cut the leading axis, which then has to be the batch.
Tensor project(const Linear& layer, const Tensor& x) {
  LAT_CHECK(x.rank == 3, Code::shape, "recurrent", "expects a sequence (T,B,D), got ",
            x.shape().text());
  if (x.ctx->options().shards == 1) return layer(x);
  return permute(layer(permute(x, {1, 0, 2})), {1, 0, 2});
}

Tensor zeros(const Tensor& x, i64 units) { return fill(*x.ctx, {x.dim[1], units}, 0); }

}  // namespace

Gru::Gru(Params& params, const std::string& name, i64 in, i64 units)
    : input(params, name + ".input", in, 3 * units, by_units(units)),
      state(params, name + ".state", units, 3 * units, by_units(units)),
      params_(&params) {}

Tensor Gru::step(const Tensor& x, const Tensor& h, const Tensor& mask) const {
  return gru_cell(input(x), state(h), h, mask);
}

Tensor Gru::operator()(const Tensor& x, const Tensor& h0, const Tensor& mask) const {
  const Tensor w = (*params_)[state.weight], projected = project(input, x);
  return gru(projected, h0 ? h0 : zeros(x, w.dim[0]), w, (*params_)[state.bias], mask);
}

Lstm::Lstm(Params& params, const std::string& name, i64 in, i64 units)
    : input(params, name + ".input", in, 4 * units, by_units(units)),
      state(params.add(name + ".state.weight", {units, 4 * units}, by_units(units))),
      params_(&params) {}

LstmState Lstm::step(const Tensor& x, const LstmState& s, const Tensor& mask) const {
  return lstm_cell(input(x), linear(s.h, (*params_)[state], {}), s, mask);
}

LstmState Lstm::operator()(const Tensor& x, const LstmState& start, const Tensor& mask) const {
  const Tensor w = (*params_)[state], projected = project(input, x);
  const LstmState from = start.h ? start : LstmState{zeros(x, w.dim[0]), zeros(x, w.dim[0])};
  return lstm(projected, from, w, mask);
}

ConvLstm::ConvLstm(Params& params, const std::string& name, i64 in, i64 channels, i64 size, i64 fed)
    : input(params, name + ".input", in, 4 * channels, size, Conv{.pad = size / 2}),
      state(params.add(
          name + ".state.weight", {size, size, fed + channels, 4 * channels},
          {Init::uniform, 1 / std::sqrt(static_cast<double>(size * size * (fed + channels)))})),
      params_(&params),
      geometry_{.pad = size / 2} {
  LAT_CHECK(size % 2 == 1, Code::usage, "conv_lstm", "filters of ", size, " x ", size,
            " do not keep the image's size; choose an odd size");
}

Tensor ConvLstm::recall(const Tensor& h, const Tensor& x) const {
  return conv2d(x ? concat({x, h}) : h, (*params_)[state], {}, geometry_);
}

LstmState ConvLstm::step(const Tensor& projected, const LstmState& s, const Tensor& x) const {
  return lstm_cell(projected, recall(s.h, x), s);
}

}  // namespace lat
