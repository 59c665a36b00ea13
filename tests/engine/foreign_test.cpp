// Kernels that are no rows of the table: recorded, replayed, passed over and refused as rows are.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "engine/lat.h"
#include "tests/engine/data_files.h"

namespace lat::test {
namespace {

using kernels::Arg;
using kernels::Kernel;
using kernels::Part;
using kernels::Plan;

// y = 2 x, and counts its calls
template <class T>
void twice(const Arg* a, Part part) {
  T* const y = static_cast<T*>(a[0].p);
  const T* const x = static_cast<const T*>(a[2].p);
  for (i64 i = part.begin(a[3].i); i < part.end(a[3].i); ++i) y[i] = 2 * x[i];
  if (part.index == 0) *static_cast<double*>(a[1].p) += 1;
}
Plan in_parts(const Arg* a) { return {.parts = a[3].i / 8, .workspace = 0, .elements = 0}; }

// z = x + 1
template <class T>
void next(const Arg* a, Part part) {
  for (i64 i = part.begin(a[2].i); i < part.end(a[2].i); ++i)
    static_cast<T*>(a[0].p)[i] = static_cast<const T*>(a[1].p)[i] + 1;
}
Plan one_part(const Arg*) { return {}; }

const Kernel kTwice{"twice", "wAri", {twice<float>, twice<double>}, {in_parts, in_parts}};
const Kernel kNext{"next", "wri", {next<float>, next<double>}, {one_part, one_part}};

}  // namespace

TEST_CASE("a foreign kernel runs eagerly and recorded, shared among threads, and keeps its order") {
  for (const bool eager : {true, false}) {
    Context ctx({.threads = 2, .eager = eager});
    const Buffer calls(ctx, {}, DType::f64);
    Step step(ctx, "step", [&](Tensor x) {
      const Tensor a = exp(x);                     // (40)
      const Tensor y = ctx.empty(x.shape());       // (40)
      const Tensor unread = ctx.empty(x.shape());  // (40)
      ctx.device_call(kTwice, DType::f32, {y, calls.tensor(), a, x.size()});
      ctx.device_call(kNext, DType::f32, {unread, y, x.size()});
      return log(y);
    });
    const Tensor x = ctx.keep({40}, DType::f32);
    set_values(x, std::vector<double>(40, 0.5));
    for (int t = 1; t <= 5; ++t) {
      const Tensor y = step(x);
      CHECK(to_host(y)[39] == doctest::Approx(0.5 + std::log(2.0)));
      CHECK(item(calls) == t);
    }
    if (eager) continue;
    // What it writes beyond the step keeps it; what nobody reads is dropped.
    const auto count = [&](const Program& p, const Kernel& kernel) {
      return std::count_if(p.calls.begin(), p.calls.end(),
                           [&](const Call& c) { return c.foreign == &kernel; });
    };
    CHECK(count(step.recorded(), kTwice) == 1);
    CHECK(count(step.recorded(), kNext) == 1);
    CHECK(count(step.program(), kTwice) == 1);
    CHECK(count(step.program(), kNext) == 0);
  }
}

TEST_CASE("a foreign call that changes is found when the step is recorded again") {
  Context ctx;
  int call = 0;
  Step step(ctx, "step", [&](Tensor x) {
    const Tensor y = ctx.empty(x.shape());  // (4)
    ctx.device_call(kNext, DType::f32, {y, x, x.size() - (call++ > 0)});
    return y;
  });
  const Tensor x = ctx.keep({4}, DType::f32);
  step(x);
  check_refused([&] { step(x); }, Code::state, {"kernel next", "attribute 2", "was 4", "now 3"});
}

TEST_CASE("what a foreign kernel is not given, or a device does not have, is refused by its name") {
  Context ctx;
  const Tensor x = ctx.keep({4}, DType::f32);
  check_refused(
      [&] {
        ctx.device_call(kNext, DType::f32, {x, x});
      },
      Code::shape, {"next", "3 arguments", "got 2"});
  Context emulated({.device = "emulated"});
  const Tensor y = emulated.keep({4}, DType::f32);
  check_refused(
      [&] {
        emulated.device_call(kNext, DType::f32, {y, y, 4});
      },
      Code::unsupported, {"next", "no such kernel"});
}

}  // namespace lat::test
