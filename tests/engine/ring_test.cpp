// Rows that steps leave for the host, read while a device goes on: the CPU's values at the same calls.
#include "engine/core/ring.h"

#include <doctest/doctest.h>

#include <functional>

#include "engine/lat.h"
#include "tests/harness/allocations.h"
#include "tests/harness/devices.h"

namespace lat {

namespace {

using Values = std::vector<double>;

constexpr i64 kRows = 4, kCalls = 40;

// Every call leaves numbers of its own: its count and a third of its square.
struct Counter {
  explicit Counter(const Context::Options& options)
      : ctx(options), count(ctx, {}), ring(ctx, kRows) {}

  Context ctx;
  Buffer count;
  Ring ring;
  Step<std::function<Tensor()>> step{ctx, "count", [this] {
                                       const Tensor next = count.tensor() + 1;
                                       assign(count, next);
                                       const Tensor row[] = {next, square(next) * (1.0 / 3)};
                                       ring.push(row);
                                       return row[1];
                                     }};

  // The newest row once nothing is on its way; all that come until then are right.
  i64 settled(i64 calls) {
    step.tick();  // waits
    for (int look = 0; look < 16; ++look) {
      const Ring::Row& row = ring.newest(calls);
      if (row.call > 0) CHECK(row.values[0] == row.call);
    }
    return ring.newest(calls).call;
  }
};

// What call number i leaves.
std::vector<Values> rows_of_cpu() {
  Counter cpu({});
  std::vector<Values> rows{{0, 0}};
  for (i64 call = 1; call <= kCalls; ++call) {
    const double second = item(cpu.step());
    rows.push_back({static_cast<double>(call), second});
    const Ring::Row& row = cpu.ring.newest(call);
    CHECK(row.call == call);
    CHECK(row.values == rows.back());
  }
  return rows;
}

Code code_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.code;
  }
  FAIL("no error");
  return Code::failed;
}

}  // namespace

TEST_CASE("ring: rows that come from a device are the CPU's at the same calls") {
  const std::vector<Values> rows = rows_of_cpu();
  for (const std::string& device : test::devices())
    for (const bool eager : {false, true}) {
      CAPTURE(device);
      CAPTURE(eager);
      Counter counter({.device = device, .eager = eager});
      i64 last = 0, came = 0;
      for (i64 call = 1; call <= kCalls; ++call) {
        counter.step();
        const Ring::Row& row = counter.ring.newest(call);
        CHECK(row.call >= last);
        CHECK(row.call <= call);
        came += row.call != last;
        last = row.call;
        if (last > 0) CHECK(row.values == rows[static_cast<size_t>(last)]);
        if (call % 8 == 0) CHECK(counter.settled(call) == call);
      }
      CHECK(came >= 4);  // one after each settling at least
      CHECK(counter.ring.newest(kCalls).values == rows.back());
    }
}

TEST_CASE("ring: of a device that has not come so far nothing is known, and nobody waits for it") {
  Counter counter({.device = "emulated"});
  for (i64 call = 1; call <= 12; ++call) {
    counter.step();
    CHECK(counter.ring.newest(call).call == 0);
  }
  CHECK(counter.step.tick() == 12);
}

TEST_CASE("ring: rows that come take no memory, and a replayed step allocates nothing") {
  Counter counter({.device = "emulated"});
  i64 call = 0;
  const auto look = [&] {
    const long before = test::allocations();
    counter.step();
    if (call >= 8) CHECK(test::allocations() == before);
    CHECK(counter.settled(++call) == call);
  };
  while (call < 8) look();
  const i64 bytes = counter.ctx.memory_bytes(), kept = counter.ctx.persistent_arena().used();
  while (call < 15) look();
  CHECK(counter.ctx.memory_bytes() == bytes);
  CHECK(counter.ctx.persistent_arena().used() == kept);
}

TEST_CASE("ring: a row is numbers, always as many, of a Step") {
  Context ctx;
  Ring ring(ctx, kRows);
  CHECK(ring.newest(1).call == 0);
  const Buffer one(ctx, {}), pair(ctx, {2});
  const auto push = [&](std::vector<Tensor> values) {
    Step step(ctx, "push", [&] { ring.push(values); });
    step();
  };
  CHECK(code_of([&] { ring.push(std::vector<Tensor>{one}); }) == Code::state);
  push({one, one});
  CHECK(code_of([&] { push({one}); }) == Code::state);
  CHECK(code_of([&] { push({one, pair}); }) == Code::shape);
}

}  // namespace lat
