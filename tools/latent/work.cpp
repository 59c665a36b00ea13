#include "tools/latent/work.h"

#include <algorithm>

#include "engine/core/error.h"
#include "tools/latent/json.h"

namespace lat::tools {

namespace {

using kernels::K;
using Kind = WorkOperand::Kind;
using Sizes = std::vector<i64>;

// The number of elements of an array; Code::usage where it cannot be counted.
i64 product(std::initializer_list<i64> sizes) {
  i64 n = 4;  // bytes
  for (const i64 s : sizes)
    LAT_CHECK(!__builtin_mul_overflow(n, s, &n), Code::usage, "--shape",
              "has an array of more than 2^63 bytes. Expected smaller sizes");
  return n / 4;
}

WorkOperand in(i64 n, double low = -1, double high = 1) { return {Kind::input, n, low, high}; }
WorkOperand out(i64 n) { return {Kind::output, n}; }
WorkOperand both(i64 n, double low = -1, double high = 1) { return {Kind::both, n, low, high}; }
WorkOperand whole(i64 n) { return {Kind::integer, n}; }
WorkOperand real(double x) { return {Kind::real, 0, x}; }
WorkOperand none() { return {Kind::input, 0}; }

double multiply_adds(std::initializer_list<i64> sizes) {
  double n = 2;
  for (const i64 s : sizes) n *= static_cast<double>(s);
  return n;
}

// ---- what one call of a kernel takes ------------------------------------------------------------

// flags as in kernels/matmul/matmul.h.
template <i64 flags>
Work gemm(const Sizes& s) {
  const i64 m = s[0], n = s[1], k = s[2];
  return {K::matmul,
          {out(product({m, n})), in(product({m, k})), in(product({k, n})), whole(1), whole(m),
           whole(n), whole(k), whole(flags)},
          multiply_adds({m, n, k}),
          k};
}

Work linear_relu(const Sizes& s) {
  const i64 m = s[0], n = s[1], k = s[2];
  return {K::linear_act,
          {out(product({m, n})), in(product({m, k})), in(product({k, n})), in(n), whole(1),
           whole(m), whole(n), whole(k), whole(8), whole(1)},
          multiply_adds({m, n, k}),
          k + 1};
}

// Sizes: images, height, width, channels, filters, taps, stride, padding.
struct ConvSizes {
  i64 b, h, w, c, k, r, stride, pad, p, q;
  explicit ConvSizes(const Sizes& s)
      : b(s[0]), h(s[1]), w(s[2]), c(s[3]), k(s[4]), r(s[5]), stride(s[6]), pad(s[7]) {
    LAT_CHECK(h + 2 * pad >= r && w + 2 * pad >= r, Code::usage, "--shape", r, " x ", r,
              " taps do not fit into ", h, " x ", w, " pixels with ", pad,
              " of padding. Expected fewer taps or more padding");
    p = (h + 2 * pad - r) / stride + 1;
    q = (w + 2 * pad - r) / stride + 1;
  }
  i64 x() const { return product({b, h, w, c}); }
  i64 y() const { return product({b, p, q, k}); }
  i64 f() const { return product({r, r, c, k}); }
  double flops() const { return multiply_adds({b, p, q, k, r, r, c}); }
  void add(std::vector<WorkOperand>& to) const {
    for (const i64 n : {b, h, w, c, k, r, r, p, q, stride, pad}) to.push_back(whole(n));
  }
};

Work conv_forward(const Sizes& s) {
  const ConvSizes z(s);
  Work work{K::conv2d, {out(z.y()), in(z.x()), in(z.f()), none()}, z.flops(), z.r * z.r * z.c};
  z.add(work.operands);
  work.operands.push_back(whole(0));
  return work;
}

Work conv_relu(const Sizes& s) {
  const ConvSizes z(s);
  Work work{K::conv2d, {out(z.y()), in(z.x()), in(z.f()), in(z.k)}, z.flops(), z.r * z.r * z.c + 1};
  z.add(work.operands);
  work.operands.push_back(whole(1));
  return work;
}

Work conv_data(const Sizes& s) {
  const ConvSizes z(s);
  Work work{K::conv2d_data, {out(z.x()), in(z.y()), in(z.f()), none()}, z.flops(), z.r * z.r * z.k};
  z.add(work.operands);
  work.operands.push_back(whole(0));
  return work;
}

Work conv_filter(const Sizes& s) {
  const ConvSizes z(s);
  Work work{K::conv2d_filter, {out(z.f()), in(z.x()), in(z.y())}, z.flops(), z.b * z.p * z.q};
  z.add(work.operands);
  return work;
}

Work copy(const Sizes& s) { return {K::copy, {out(product({s[0]})), in(s[0]), whole(s[0])}}; }

template <K kernel>
Work unary(const Sizes& s) {
  const double low = kernel == K::log ? 0.2 : -3;
  return {kernel, {out(product({s[0]})), in(s[0], low, 3), whole(s[0]), real(0), real(0)}};
}

Work randn(const Sizes& s) {
  return {K::normal,
          {out(product({s[0]})),
           {Kind::ticks, 2},
           whole(s[0]),
           whole(s[0]),
           whole(1),
           whole(i64{1} << 32)}};
}

Work sum(const Sizes& s) {
  return {K::row_sum, {out(1), in(product({s[0]})), whole(1), whole(s[0]), real(1)}};
}

Work row_sum(const Sizes& s) {
  return {K::row_sum, {out(s[0]), in(product({s[0], s[1]})), whole(s[0]), whole(s[1]), real(1)}};
}

Work col_sum(const Sizes& s) {
  return {K::col_sum, {out(s[1]), in(product({s[0], s[1]})), whole(1), whole(s[0]), whole(s[1])}};
}

Work log_softmax(const Sizes& s) {
  const i64 n = product({s[0], s[1]});
  return {K::log_softmax, {out(n), in(n, -3, 3), whole(s[0]), whole(s[1])}};
}

// Sizes: batch, places, groups, channels of a group.
Work normalise(const Sizes& s) {
  const i64 n = product({s[0], s[1], s[2], s[3]}), rows = s[0] * s[2], channels = s[2] * s[3];
  return {K::norm,
          {out(n), out(rows), out(rows), in(n, -3, 3), in(channels), in(channels), whole(s[0]),
           whole(s[1]), whole(s[2]), whole(s[3]), real(1e-5)}};
}

Work layer_norm(const Sizes& s) { return normalise({s[0], 1, 1, s[1]}); }

Work layer_norm_back(const Sizes& s) {
  const i64 n = product({s[0], s[1]});
  return {K::norm_d1,
          {out(n), out(n), in(n), in(n, -3, 3), in(s[0]), in(s[0], 0.1, 1), in(s[1]), whole(s[0]),
           whole(1), whole(1), whole(s[1])}};
}

Work scan(const Sizes& s) {
  const i64 n = product({s[0], s[1]});
  return {K::scan, {out(n), in(n), in(n), in(s[1]), whole(s[0]), whole(s[1]), whole(1)}};
}

Work chunk_squares(const Sizes& s) {
  return {K::chunk_squares,
          {out(kernels::ceil_div(s[0], kernels::kRowChunk)), in(product({s[0]})), whole(s[0])}};
}

Work gaussian_kl(const Sizes& s) {
  const i64 n = product({s[0], s[1]});
  return {K::gaussian_kl, {out(s[0]), in(n), in(n), whole(s[0]), whole(s[1])}};
}

Work bernoulli(const Sizes& s) {
  const i64 n = product({s[0], s[1]});
  return {K::bernoulli_log_prob, {out(s[0]), in(n, -5, 5), in(n, 0, 1), whole(s[0]), whole(s[1])}};
}

Work reparameterise(const Sizes& s) {
  const i64 n = product({s[0], s[1]});
  return {K::reparameterise,
          {out(n),
           out(n),
           in(n),
           in(n),
           {Kind::ticks, 2},
           whole(n),
           whole(s[1]),
           whole(1),
           whole(i64{1} << 32)}};
}

// Two kernels in one: see kernels/study/rungs.h.
Work reparameterise_kl(const Sizes& s) {
  const i64 n = product({s[0], s[1]});
  return {K::count,
          {out(n),
           out(n),
           out(s[0]),
           in(n),
           in(n),
           {Kind::ticks, 2},
           whole(s[0]),
           whole(s[1]),
           whole(1),
           whole(i64{1} << 32)}};
}

// The moments decay so slowly that they stay what they are over a run: no call meets other numbers than the first.
Work adam(const Sizes& s) {
  constexpr double kBeta = 1 - 1e-6;
  const i64 n = product({s[0]});
  return {K::adam,
          {both(n),
           both(n),
           both(n),
           both(n, 0.1, 1),
           in(1, 1e-9, 1e-9),
           {Kind::state, 3},
           {Kind::flag, 1},
           whole(n),
           real(1),
           real(kBeta),
           real(kBeta),
           real(1e-8),
           real(0)}};
}

const std::vector<std::string> mnk{"M", "N", "K"}, rows{"rows", "columns"}, n{"elements"},
    places{"batch", "places", "groups", "channels of a group"}, steps{"steps", "columns"},
    layer{"B", "H", "W", "C", "K", "R", "stride", "pad"};
const Sizes kManyRows{64, 4096};

// ---- families: kernels with their shapes --------------------------------------------------------

// Enough to meet every edge of a kernel, and little work for the plain loops.
const Sizes some{37, 83, 1100}, few{2, 12, 12, 40, 40, 5, 8, 3}, long_row{10007},
    rows_most{9, 5000}, tall{1100, 77};

std::vector<Family> make_families() {
  const std::vector<WorkShape> products{
      {"", {128, 400, 784}}, {"", {128, 20, 400}}, {"", {128, 784, 400}}, {"", {784, 400, 128}},
      {"", {256, 256, 256}}, {"", {256, 256, 23}}, {"", {50, 600, 200}},  {"", {1, 400, 784}},
      {"", {1, 256, 256}},   {"", {32, 64, 64}},   {"", {512, 512, 512}}, {"", {1024, 1024, 1024}},
      {"", {100, 64, 64}},   {"", {4096, 32, 288}}};
  const std::vector<WorkShape> layers{
      {"burgess2", {64, 32, 32, 32, 32, 4, 2, 1}}, {"burgess1", {64, 64, 64, 1, 32, 4, 2, 1}},
      {"burgess4", {64, 8, 8, 32, 32, 4, 2, 1}},   {"res3x3", {16, 32, 32, 64, 64, 3, 1, 1}},
      {"wide3x3", {8, 16, 16, 256, 256, 3, 1, 1}}, {"lstm5x5", {4, 16, 16, 192, 256, 5, 1, 2}},
      {"first3x3", {64, 32, 32, 3, 64, 3, 1, 1}},  {"one1x1", {16, 32, 32, 64, 256, 1, 1, 0}}};
  const std::vector<WorkShape> large{{"", {i64{1} << 22}}}, table{{"", {4096, 1000}}};
  const std::vector<WorkShape> latents{{"", {128, 20}}, {"", {4096, 64}}};
  const std::vector<WorkShape> pixels{{"", {128, 784}}, {"", kManyRows}};
  // A VAE's gradients: of its inputs (nt) and of its weights (tn).
  const std::vector<WorkShape> nt{
      {"", {128, 784, 400}}, {"", {128, 400, 784}}, {"", {128, 20, 400}}, {"", {256, 256, 256}}};
  const std::vector<WorkShape> tn{
      {"", {784, 400, 128}}, {"", {400, 784, 128}}, {"", {400, 20, 128}}, {"", {256, 256, 256}}};
  return {
      {"gemm", mnk, products, some, gemm<0>},
      {"gemm nt", mnk, nt, some, gemm<2>},
      {"gemm tn", mnk, tn, some, gemm<1>},
      {"linear relu", mnk, {{"", {128, 400, 784}}}, some, linear_relu},
      {"conv forward", layer, layers, few, conv_forward},
      {"conv relu", layer, {layers[0]}, few, conv_relu},
      {"conv data", layer, layers, few, conv_data},
      {"conv filter", layer, layers, few, conv_filter},
      {"copy", n, large, long_row, copy},
      {"exp", n, large, long_row, unary<K::exp>},
      {"log", n, large, long_row, unary<K::log>},
      {"tanh", n, large, long_row, unary<K::tanh>},
      {"sigmoid", n, large, long_row, unary<K::sigmoid>},
      {"softplus", n, large, long_row, unary<K::softplus>},
      {"randn", n, large, long_row, randn},
      {"sum", n, large, long_row, sum},
      {"row_sum", rows, table, rows_most, row_sum},
      {"col_sum", rows, table, tall, col_sum},
      {"log_softmax", rows, table, rows_most, log_softmax},
      {"layer_norm", rows, table, rows_most, layer_norm},
      {"layer_norm back", rows, table, rows_most, layer_norm_back},
      {"group_norm", places, {{"", {16, 1024, 8, 8}}}, {3, 70, 3, 9}, normalise},
      {"scan", steps, {{"", {128, 4096}}}, {9, 500}, scan},
      {"gaussian_kl", rows, latents, rows_most, gaussian_kl},
      {"bernoulli_log_prob", rows, pixels, rows_most, bernoulli},
      {"reparameterise", rows, latents, rows_most, reparameterise},
      {"chunk_squares", n, {{"", {652824}}}, long_row, chunk_squares},
      {"adam", n, {{"", {652824}}}, long_row, adam},
  };
}

// More shapes for a GPU: a large product, layers as wide as a VAE's on colour images of 64 x 64, 2^26 elements.
std::vector<Family> make_device_families() {
  std::vector<Family> all = make_families();
  const std::vector<WorkShape> layers{
      {"wide64", {128, 64, 64, 64, 64, 3, 1, 1}},   {"wide32", {128, 32, 32, 128, 128, 3, 1, 1}},
      {"wide16", {128, 16, 16, 256, 256, 3, 1, 1}}, {"vae1", {128, 64, 64, 3, 32, 4, 2, 1}},
      {"vae2", {128, 32, 32, 32, 64, 4, 2, 1}},     {"vae3", {128, 16, 16, 64, 128, 4, 2, 1}},
      {"vae4", {128, 8, 8, 128, 256, 4, 2, 1}}};
  const WorkShape elements{"", {i64{1} << 26}}, latents{"", {1 << 20, 64}};
  for (Family& f : all) {
    if (f.name.starts_with("gemm")) f.shapes.push_back({"", {4096, 4096, 4096}});
    if (f.name.starts_with("conv")) f.shapes.insert(f.shapes.end(), layers.begin(), layers.end());
    if (f.sizes == n) f.shapes.push_back(elements);
    if (f.name == "row_sum" || f.name == "col_sum") f.shapes.push_back({"", {1 << 16, 1024}});
    if (f.name == "gaussian_kl" || f.name == "reparameterise") f.shapes.push_back(latents);
  }
  Family both = ladder_family("reparameterise_kl");
  both.shapes.push_back(latents);
  all.push_back(both);
  return all;
}

// In the order of kernels/study.
const std::vector<std::pair<std::string, Family>>& ladder_families() {
  static const std::vector<std::pair<std::string, Family>> all{
      {"gemm", {"gemm", mnk, {{"", {512, 500, 512}}}, some, gemm<0>}},
      {"conv", {"conv relu", layer, {{"burgess1", {64, 64, 64, 1, 32, 4, 2, 1}}}, few, conv_relu}},
      {"reparameterise_kl",
       {"reparameterise_kl", rows, {{"", {16384, 64}}}, {70, 500}, reparameterise_kl}},
      {"softmax", {"log_softmax", rows, {{"", {4096, 1000}}}, rows_most, log_softmax}},
      {"reduction", {"row_sum", rows, {{"", {4096, 1000}}}, rows_most, row_sum}}};
  return all;
}

// "gemm, conv, exp"
std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string plain_name(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  std::replace(name.begin(), name.end(), '-', ' ');
  return name;
}

}  // namespace

i64 floats_of(const WorkOperand& o) {
  return o.kind == Kind::input || o.kind == Kind::output || o.kind == Kind::both ? o.count : 0;
}

bool is_written(const WorkOperand& o) { return o.kind == Kind::output || o.kind == Kind::both; }

std::string WorkShape::json() const {
  std::string text = "[";
  if (!name.empty()) text += Json(name).line();
  for (const i64 s : sizes) text += cat(text.size() > 1 ? ", " : "", s);
  return text + "]";
}

double Work::read() const {
  double bytes = 0;
  for (const WorkOperand& o : operands)
    if (o.kind != Kind::output) bytes += 4.0 * static_cast<double>(floats_of(o));
  return bytes;
}

double Work::written() const {
  double bytes = 0;
  for (const WorkOperand& o : operands)
    if (is_written(o)) bytes += 4.0 * static_cast<double>(floats_of(o));
  return bytes;
}

Work Family::describe(const WorkShape& shape) const {
  const auto names = [&] {
    std::string text;
    for (const std::string& s : sizes) text += (text.empty() ? "" : ",") + s;
    return text;
  };
  LAT_CHECK(shape.sizes.size() == sizes.size(), Code::usage, "--shape", "has ", shape.sizes.size(),
            " sizes; expected ", sizes.size(), " for ", name, ": ", names());
  for (size_t i = 0; i < sizes.size(); ++i) {
    const i64 least = sizes[i] == "pad" ? 0 : 1;
    LAT_CHECK(shape.sizes[i] >= least && shape.sizes[i] < i64{1} << 31, Code::usage, "--shape",
              "has ", sizes[i], " = ", shape.sizes[i], "; expected ", least, " .. 2147483647");
  }
  return work(shape.sizes);
}

Work Work::absolute() const {
  Work out = *this;
  for (WorkOperand& o : out.operands) o.absolute = true;
  return out;
}

WorkShape Family::small(const WorkShape& shape) const {
  WorkShape out = shape;
  for (size_t i = 0; i < out.sizes.size(); ++i) out.sizes[i] = std::min(out.sizes[i], most[i]);
  return out;
}

// ---- by name ------------------------------------------------------------------------------------

const std::vector<Family>& families() {
  static const std::vector<Family> all = make_families();
  return all;
}

const std::vector<Family>& device_families() {
  static const std::vector<Family> all = make_device_families();
  return all;
}

std::vector<const Family*> find_families(const std::string& names,
                                         const std::vector<Family>& among) {
  std::vector<std::string> known;
  for (const Family& f : among) {
    const std::string first = f.name.substr(0, f.name.find(' '));
    for (const std::string& name : {first, f.name})
      if (std::find(known.begin(), known.end(), name) == known.end()) known.push_back(name);
  }
  std::vector<bool> wanted(among.size(), names.empty());
  for (size_t at = 0; !names.empty() && at <= names.size();) {
    const size_t end = std::min(names.find(',', at), names.size());
    const std::string word = plain_name(names.substr(at, end - at));
    bool found = false;
    for (size_t i = 0; i < wanted.size(); ++i) {
      const std::string& name = among[i].name;
      if (plain_name(name) == word || name.starts_with(word + " ")) wanted[i] = found = true;
    }
    LAT_CHECK(found, Code::usage, "", "no kernel is called '", names.substr(at, end - at), "'.",
              suggestion(word, known), " There are ", list_of(known));
    at = end + 1;
  }
  std::vector<const Family*> out;
  for (size_t i = 0; i < wanted.size(); ++i)
    if (wanted[i]) out.push_back(&among[i]);
  return out;
}

const std::vector<std::string>& ladder_names() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> names;
    for (const auto& [name, family] : ladder_families()) names.push_back(name);
    return names;
  }();
  return all;
}

const Family& ladder_family(const std::string& name) {
  for (const auto& [known, family] : ladder_families())
    if (known == name) return family;
  fail(Code::usage, "",
       name.empty() ? "no ladder is named."
                    : cat("no ladder is called '", name, "'.", suggestion(name, ladder_names())),
       " There are ", list_of(ladder_names()));
}

}  // namespace lat::tools
