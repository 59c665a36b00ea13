// Convolution forward, data gradient (the transposed convolution) and filter gradient: three bilinear ops that are each
// other's derivatives, so any order of differentiation stays among them.
#include "engine/ops/common.h"
#include "engine/ops/table.h"

namespace lat {

namespace {

struct Geometry {
  i64 B, H, W, C, K, R, S, P, Q, stride, pad;
};

Geometry geometry(const Emit& e, const Tensor& x, const Tensor& f, Conv g, i64 H, i64 W) {
  e.check(x.rank == 4 && f.rank == 4, "expects images (B,H,W,C) and filters (R,S,C,K), got ",
          x.shape().text(), " and ", f.shape().text());
  e.check(g.stride >= 1 && g.pad >= 0, "stride ", g.stride, ", padding ", g.pad);
  const i64 R = f.dim[0], S = f.dim[1];
  e.check(H + 2 * g.pad >= R && W + 2 * g.pad >= S, "filter ", f.shape().text(),
          " is larger than the padded image ", H + 2 * g.pad, " x ", W + 2 * g.pad);
  return {x.dim[0],
          H,
          W,
          f.dim[2],
          f.dim[3],
          R,
          S,
          (H + 2 * g.pad - R) / g.stride + 1,
          (W + 2 * g.pad - S) / g.stride + 1,
          g.stride,
          g.pad};
}

Conv conv_of(const Back& b) { return {b.whole(0), b.whole(1)}; }

// Neither bias nor activation: there is nothing simpler to spell it out with.
bool plain(const Emit& e) { return !e.in(2) && e.whole(2) == 0; }

// Input `bias`, if any is named, has a sink too: its gradient is summed in the same pass over dy.
void add_filter(Back& b, int i, const Tensor& x, const Tensor& dy, int bias = 0) {
  const i64 R = b.in(i).dim[0], S = b.in(i).dim[1];
  const Conv g = conv_of(b);
  add_by_shard(b, i, [&](int s, int n, const Tensor& sink) {
    const Tensor xs = shard_rows(b, x, s, n), ds = shard_rows(b, dy, s, n);
    if (!sink) return conv2d_filter(xs, ds, R, S, g);
    const Tensor bias_sink = bias ? b.sink(bias, s) : Tensor{};
    b.ctx().call(K::conv2d_filter_into, xs.dtype,
                 {sink, optional(bias_sink), xs, ds, xs.dim[0], xs.dim[1], xs.dim[2], xs.dim[3],
                  ds.dim[3], R, S, ds.dim[1], ds.dim[2], g.stride, g.pad});
    return sink;
  });
}

}  // namespace

// inputs x, f, bias or empty; attributes: stride, pad, activation
const Op k_conv2d{
    "conv2d",
    [](Emit& e) {
      const Tensor &x = e.in(0), &f = e.in(1), &bias = e.in(2);
      const Geometry g = geometry(e, x, f, {e.whole(0), e.whole(1)}, x.dim[1], x.dim[2]);
      e.check(x.dim[3] == g.C, "image ", x.shape().text(), " has ", x.dim[3],
              " channels, the filter ", f.shape().text(), " reads ", g.C);
      if (bias)
        e.check(bias.size() == g.K, "bias ", bias.shape().text(), " for ", g.K, " channels");
      const Tensor y = e.out({g.B, g.P, g.Q, g.K});
      e.call(K::conv2d, {y, x, f, optional(bias), g.B, g.H, g.W, g.C, g.K, g.R, g.S, g.P, g.Q,
                         g.stride, g.pad, e.whole(2)});
    },
    [](Back& b) {
      const Tensor x = b.in(0), f = b.in(1);
      const Tensor dp = act_d1(b.grad(), b.out(), static_cast<Act>(b.whole(2)));
      if (b.wants(0)) b.add(0, conv2d_data(dp, f, {}, x.dim[1], x.dim[2], conv_of(b)));
      const bool one_pass = b.wants(1) && b.wants(2) && b.sink(1) && b.sink(2);
      if (b.wants(1)) add_filter(b, 1, x, dp, one_pass ? 2 : 0);
      if (b.wants(2) && !one_pass) add_rows_sum(b, 2, dp);
    },
    [](Emit& e) {
      if (plain(e)) return;
      Tensor y = conv2d(e.in(0), e.in(1), {}, {e.whole(0), e.whole(1)});
      if (e.in(2)) y = y + e.in(2);
      e.result(activate(y, static_cast<Act>(e.whole(2))));
    }};

// inputs y, f, bias or empty; attributes: stride, pad, activation, H, W
const Op k_conv2d_data{
    "conv2d_data",
    [](Emit& e) {
      const Tensor &y = e.in(0), &f = e.in(1), &bias = e.in(2);
      const Geometry g = geometry(e, y, f, {e.whole(0), e.whole(1)}, e.whole(3), e.whole(4));
      e.check(y.dim[3] == g.K && y.dim[1] == g.P && y.dim[2] == g.Q, "gives images ", g.H, " x ",
              g.W, " from (B,", g.P, ",", g.Q, ",", g.K, "), got ", y.shape().text());
      if (bias)
        e.check(bias.size() == g.C, "bias ", bias.shape().text(), " for ", g.C, " channels");
      const Tensor x = e.out({g.B, g.H, g.W, g.C});
      e.call(K::conv2d_data, {x, y, f, optional(bias), g.B, g.H, g.W, g.C, g.K, g.R, g.S, g.P, g.Q,
                              g.stride, g.pad, e.whole(2)});
    },
    [](Back& b) {
      const Tensor y = b.in(0), f = b.in(1);
      const Tensor dp = act_d1(b.grad(), b.out(), static_cast<Act>(b.whole(2)));
      if (b.wants(0)) b.add(0, conv2d(dp, f, {}, conv_of(b)));
      if (b.wants(1)) add_filter(b, 1, dp, y);
      if (b.wants(2)) add_rows_sum(b, 2, dp);
    },
    [](Emit& e) {
      if (plain(e)) return;
      Tensor x =
          conv2d_data(e.in(0), e.in(1), {}, e.whole(3), e.whole(4), {e.whole(0), e.whole(1)});
      if (e.in(2)) x = x + e.in(2);
      e.result(activate(x, static_cast<Act>(e.whole(2))));
    }};

// inputs x, y; attributes: stride, pad, R, S
const Op k_conv2d_filter{
    "conv2d_filter",
    [](Emit& e) {
      const Tensor &x = e.in(0), &y = e.in(1);
      e.check(x.rank == 4 && y.rank == 4 && x.dim[0] == y.dim[0],
              "expects (B,H,W,C) and (B,P,Q,K), got ", x.shape().text(), " and ", y.shape().text());
      const i64 stride = e.whole(0), pad = e.whole(1), R = e.whole(2), S = e.whole(3);
      const Tensor f = e.out({R, S, x.dim[3], y.dim[3]});
      e.call(K::conv2d_filter, {f, x, y, x.dim[0], x.dim[1], x.dim[2], x.dim[3], y.dim[3], R, S,
                                y.dim[1], y.dim[2], stride, pad});
    },
    [](Back& b) {
      const Tensor x = b.in(0), y = b.in(1), df = b.grad();
      if (b.wants(0)) b.add(0, conv2d_data(y, df, {}, x.dim[1], x.dim[2], conv_of(b)));
      if (b.wants(1)) b.add(1, conv2d(x, df, {}, conv_of(b)));
    }};

Tensor conv2d(const Tensor& x, const Tensor& f, const Tensor& bias, Conv g, Act act) {
  return emit1(
      k_conv2d, {x, f, bias},
      {static_cast<double>(g.stride), static_cast<double>(g.pad), static_cast<double>(act)});
}

Tensor conv2d_data(const Tensor& y, const Tensor& f, const Tensor& bias, i64 H, i64 W, Conv g,
                   Act act) {
  return emit1(k_conv2d_data, {y, f, bias},
               {static_cast<double>(g.stride), static_cast<double>(g.pad), static_cast<double>(act),
                static_cast<double>(H), static_cast<double>(W)});
}

Tensor conv2d_filter(const Tensor& x, const Tensor& y, i64 R, i64 S, Conv g) {
  return emit1(k_conv2d_filter, {x, y},
               {static_cast<double>(g.stride), static_cast<double>(g.pad), static_cast<double>(R),
                static_cast<double>(S)});
}

}  // namespace lat
