#include "engine/core/device_fast.h"

#include <algorithm>
#include <cstring>

#include "engine/core/accelerator.h"
#include "engine/core/error.h"

namespace lat {

using kernels::Arg;
using kernels::K;

namespace {

constexpr size_t kSearchWorkspace = size_t{64} << 20;
constexpr i64 kAlign = 256;

i64 aligned(i64 bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

// A convolution's arguments by their meaning: forward (y; x, f), data (dx; dy, f), filter (df; x, dy).
struct Convolution {
  DnnConvolutions::Direction direction;
  float *out, *dbias;
  const float *a, *b, *bias;
  ConvSizes sizes;
  i64 act;
  bool into;
};

bool is_convolution(K kernel) {
  return kernel == K::conv2d || kernel == K::conv2d_data || kernel == K::conv2d_filter ||
         kernel == K::conv2d_filter_into;
}

Convolution convolution_of(K kernel, const Arg* args) {
  const bool filter = kernel == K::conv2d_filter || kernel == K::conv2d_filter_into;
  const bool into = kernel == K::conv2d_filter_into;
  const Arg* const in = args + (into ? 2 : 1);
  const Arg* const n = args + (kernel == K::conv2d_filter ? 3 : 4);
  Convolution c{};
  c.direction = filter                     ? DnnConvolutions::filter
                : kernel == K::conv2d_data ? DnnConvolutions::data
                                           : DnnConvolutions::forward;
  c.out = static_cast<float*>(args[0].p);
  c.a = static_cast<const float*>(in[0].p);
  c.b = static_cast<const float*>(in[1].p);
  c.dbias = into ? static_cast<float*>(args[1].p) : nullptr;
  c.bias = filter ? nullptr : static_cast<const float*>(args[3].p);
  c.sizes = {n[0].i, n[1].i, n[2].i, n[3].i, n[4].i, n[5].i,
             n[6].i, n[7].i, n[8].i, n[9].i, n[10].i};
  c.act = filter ? 0 : args[15].i;
  c.into = into;
  return c;
}

Arg pointer(const float* p) {
  return {.p = const_cast<float*>(p)};  // kernels write to what is theirs to write
}
Arg integer(i64 i) { return {.i = i}; }

// Memory of the device for as long as this lives.
class Room {
 public:
  Room(gpu::Device& device, i64 bytes)
      : device_(device), memory_(device.allocate(static_cast<size_t>(std::max<i64>(bytes, 1)))) {}
  ~Room() { device_.release(memory_); }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  float* data() const { return static_cast<float*>(memory_); }

 private:
  gpu::Device& device_;
  void* memory_;
};

}  // namespace

// How calls of one shape are computed.
struct DeviceFast::Way {
  std::vector<i64> shape;
  const LtProducts::Plan* product = nullptr;
  std::optional<DnnConvolutions::Plan> convolution;
  i64 scratch = 0;
  bool library = false;
};

DeviceFast::Libraries DeviceFast::installed(Accelerator& device) {
  LAT_CHECK(device.stream().native(), Code::unsupported, "numerics fast",
            "are the CPU's and a GPU's, and an emulated GPU is none: choose exact");
  return {&cublaslt(), &cudnn()};
}

DeviceFast::DeviceFast(Accelerator& device, const Libraries& libraries, Choice choice)
    : device_(device),
      products_(*libraries.products),
      convolutions_(*libraries.convolutions, device.stream().native()),
      choice_(choice) {}

DeviceFast::~DeviceFast() = default;

i64 DeviceFast::won() const {
  return std::count_if(ways_.begin(), ways_.end(), [](const auto& w) { return w->library; });
}

namespace {

// What a plan depends on.
std::vector<i64> shape_of(K kernel, const Arg* args) {
  std::vector<i64> shape{static_cast<i64>(kernel)};
  if (is_product(kernel)) {
    const Product x = product_of(kernel, args);
    shape.insert(shape.end(), {x.batch, x.m, x.n, x.k, x.flags, x.act,
                               x.bias ? alignment({x.bias}) : 0, alignment({x.a, x.b, x.c})});
  } else {
    const Convolution c = convolution_of(kernel, args);
    const ConvSizes& s = c.sizes;
    shape.insert(shape.end(), {s.B, s.H, s.W, s.C, s.K, s.R, s.S, s.P, s.Q, s.stride, s.pad, c.act,
                               c.bias != nullptr, alignment({c.a, c.b, c.out}) >= 16});
  }
  return shape;
}

// Its activation but relu is ours.
Product with_library_act(Product x) {
  if (x.act > 1) x.act = 0;
  return x;
}

}  // namespace

bool DeviceFast::takes(K kernel, const Arg* args, i64* scratch) {
  if (!is_product(kernel) && !is_convolution(kernel)) return false;
  const std::vector<i64> shape = shape_of(kernel, args);
  auto way = std::find_if(ways_.begin(), ways_.end(),
                          [&](const std::unique_ptr<Way>& w) { return w->shape == shape; });
  if (way == ways_.end()) {
    auto made = std::make_unique<Way>(make(kernel, args));
    made->shape = shape;
    way = ways_.insert(ways_.end(), std::move(made));
  }
  *scratch = (*way)->scratch;
  return (*way)->library;
}

DeviceFast::Way DeviceFast::make(K kernel, const Arg* args) {
  Way way;
  if (is_product(kernel)) {
    way.product = products_.plan(with_library_act(product_of(kernel, args)));
    if (!way.product) return way;
    way.scratch = way.product->workspace();
  } else {
    const Convolution c = convolution_of(kernel, args);
    const ConvSizes& s = c.sizes;
    if (alignment({c.a, c.b, c.out}) < 16 || std::min({s.x(), s.f(), s.y()}) < 1) return way;
    gpu::Device& memory = device_.memory();
    // Operands of its own: an output may be somebody's sum.
    const Room x(memory, s.x() * 4), y(memory, s.y() * 4), f(memory, s.f() * 4);
    const Room workspace(memory, kSearchWorkspace);
    const bool forward = c.direction == DnnConvolutions::forward;
    const bool data = c.direction == DnnConvolutions::data;
    way.convolution =
        convolutions_.plan(c.direction, s, (data ? f : x).data(), (forward ? f : y).data(),
                           (forward ? y
                            : data  ? x
                                    : f)
                               .data(),
                           workspace.data(), kSearchWorkspace, true);
    if (!way.convolution) return way;
    way.scratch = way.convolution->workspace() + aligned(s.f() * 4) * (c.into ? 2 : 1);
  }
  way.library = choice_ == Choice::library || race(kernel, args, way);
  return way;
}

bool DeviceFast::race(K kernel, const Arg* args, const Way& way) {
  gpu::Device& memory = device_.memory();
  i64 outputs = 0;
  size_t count = 0;
  Arg own[16];
  if (is_product(kernel)) {
    const Product x = product_of(kernel, args);
    outputs = x.batch * x.m * x.n;
    count = kernel == K::linear_act ? 10 : 8;
  } else {
    const ConvSizes& s = convolution_of(kernel, args).sizes;
    outputs = std::max({s.x(), s.f(), s.y()});
    count = kernel == K::conv2d_filter ? 14 : kernel == K::conv2d_filter_into ? 15 : 16;
  }
  std::copy_n(args, count, own);
  const Room out(memory, outputs * 4), bias(memory, outputs * 4);
  own[0].p = out.data();
  if (kernel == K::conv2d_filter_into && own[1].p) own[1].p = bias.data();

  const kernels::DeviceKernel& row = device_.rows()[static_cast<size_t>(kernel)];
  device_.reserve_scratch(std::max(row.scratch[0](own), way.scratch));
  gpu::Stream& stream = device_.stream();
  const auto begin = memory.timed_event(), end = memory.timed_event();
  constexpr int kRounds = 5, kCalls = 10;
  double best[2] = {1e300, 1e300};
  for (int round = 0; round <= kRounds; ++round)  // the first one warms up
    for (const int side : {0, 1}) {
      stream.record(*begin);
      for (int i = 0; i < kCalls; ++i)
        if (side == 0)
          row.run[0](own, stream);
        else
          run(way, kernel, own);
      stream.record(*end);
      end->synchronize();
      if (round > 0) best[side] = std::min(best[side], end->milliseconds_since(*begin));
    }
  return best[1] < best[0];
}

void DeviceFast::call(K kernel, const Arg* args) {
  const std::vector<i64> shape = shape_of(kernel, args);
  for (const auto& way : ways_)
    if (way->shape == shape) return run(*way, kernel, args);
}

void DeviceFast::run(const Way& way, K kernel, const Arg* args) {
  if (way.product)
    multiply(way, kernel, args);
  else
    convolve(way, kernel, args);
}

void DeviceFast::exact(K kernel, std::initializer_list<Arg> args) {
  device_.rows()[static_cast<size_t>(kernel)].run[0](args.begin(), device_.stream());
}

// y (rows, cols) = act(y + bias)
void DeviceFast::finish(float* y, const float* bias, i64 rows, i64 cols, i64 act) {
  const auto in = integer;
  if (bias)
    exact(K::add, {pointer(y), pointer(y), pointer(bias), in(1), in(1), in(rows), in(cols), in(0),
                   in(0), in(cols), in(1), in(0), in(0), in(0), in(1)});
  const K acts[] = {K::relu, K::tanh, K::sigmoid};
  if (act > 0) exact(acts[act - 1], {pointer(y), pointer(y), in(rows * cols), {.r = 0}, {.r = 0}});
}

void DeviceFast::multiply(const Way& way, K kernel, const Arg* args) {
  const Product x = product_of(kernel, args);
  gpu::Stream& stream = device_.stream();
  products_.run(*way.product, with_library_act(x), stream.scratch, stream.native());
  if (x.act > 1) finish(x.c, nullptr, x.batch * x.m, x.n, x.act);
}

// Its filters have our last axis first: they are turned on the way in, and gradients on the way out.
void DeviceFast::convolve(const Way& way, K kernel, const Arg* args) {
  const Convolution c = convolution_of(kernel, args);
  const ConvSizes& s = c.sizes;
  const DnnConvolutions::Plan& plan = *way.convolution;
  const i64 taps = s.R * s.S * s.C, filter = aligned(s.f() * 4);
  char* const scratch = static_cast<char*>(device_.stream().scratch);
  float* const turned = reinterpret_cast<float*>(scratch);
  const auto turn = [&](float* to, const float* from, i64 rows, i64 cols) {
    exact(K::expand, {pointer(to), pointer(from), integer(1), integer(1), integer(rows),
                      integer(cols), integer(0), integer(0), integer(1), integer(rows)});
  };
  if (c.direction == DnnConvolutions::filter) {
    float* const back = c.into ? reinterpret_cast<float*>(scratch + filter) : c.out;
    convolutions_.run(plan, c.a, c.b, turned, scratch + filter * (c.into ? 2 : 1));
    turn(back, turned, taps, s.K);
    if (c.into) exact(K::add_into, {pointer(c.out), pointer(back), integer(s.f())});
    if (c.dbias)
      exact(K::col_sum_into,
            {pointer(c.dbias), pointer(c.b), integer(1), integer(s.B * s.P * s.Q), integer(s.K)});
    return;
  }
  void* const workspace = scratch + filter;
  turn(turned, c.b, s.K, taps);
  if (c.direction == DnnConvolutions::data) {
    convolutions_.run(plan, turned, c.a, c.out, workspace);
    finish(c.out, c.bias, s.B * s.H * s.W, s.C, c.act);
  } else if (c.bias && c.act == 1) {
    convolutions_.run(plan, c.a, turned, c.out, workspace, c.bias);
  } else {
    convolutions_.run(plan, c.a, turned, c.out, workspace);
    finish(c.out, c.bias, s.B * s.P * s.Q, s.K, c.act);
  }
}

}  // namespace lat
