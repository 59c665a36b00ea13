// The emulator: streams, events, graphs, and what a launch or a capture refuses.
#define LAT_ISA emulated
#include "tests/kernels/emulator_bench.h"

namespace lat::test {
namespace {

TEST_CASE("emulator: a copy happens when its turn comes") {
  Bench b;
  float* const x = b.array<float>(1);
  float host = 1;
  b.stream.copy(x, &host, sizeof(host));
  host = 2;
  b.stream.synchronize();
  CHECK(b.values(x, 1)[0] == 2);
}

TEST_CASE("emulator: a graph repeats what was recorded") {
  for (const Schedule s : schedules()) {
    Bench b(s);
    const auto other_owner = b.device.stream();
    auto& other = static_cast<emu::Stream&>(*other_owner);
    const auto fork = b.device.event(), join = b.device.event();
    float *x = b.array(ramp(40)), *y = b.array<float>(40), *z = b.array<float>(40);
    b.stream.begin_capture();
    b.stream.launch(add, {2, 32}, y, x, 1.0f, 40);
    b.stream.record(*fork);
    other.wait(*fork);
    other.launch(add, {2, 32}, z, y, 2.0f, 40);  // beside what the first stream does next
    other.record(*join);
    b.stream.wait(*join);
    b.stream.launch(add, {2, 32}, x, z, 0.0f, 40);
    const auto graph = b.stream.end_capture();
    CHECK(b.values(x, 40)[39] == 40);  // recording runs nothing
    for (int k = 0; k < 3; ++k) b.stream.run(*graph);
    CHECK(b.values(x, 40)[39] == 49);
  }
}

TEST_CASE("emulator: timed events tell the time between them, once both are passed") {
  Bench b;
  const auto start = b.device.timed_event(), stop = b.device.timed_event();
  const auto plain = b.device.event();
  float* const x = b.array(ramp(4));
  CHECK(says(report([&] { stop->milliseconds_since(*start); }), "has not been passed"));
  b.stream.record(*start);
  b.stream.launch(add, {1, 4}, x, x, 1.0f, 4);
  b.stream.record(*stop);
  CHECK(says(report([&] { stop->milliseconds_since(*start); }), "has not been passed"));
  stop->synchronize();
  CHECK(stop->milliseconds_since(*start) >= 0);
  CHECK(start->milliseconds_since(*stop) == -stop->milliseconds_since(*start));
  b.stream.record(*start);
  CHECK(says(report([&] { stop->milliseconds_since(*start); }), "has not been passed"));
  b.stream.record(*plain);
  b.stream.synchronize();
  CHECK(start->milliseconds_since(*stop) >= 0);
  CHECK(says(report([&] { stop->milliseconds_since(*plain); }), "not timed"));
}

TEST_CASE("emulator: what a capture refuses") {
  Bench b;
  float* const x = b.array(ramp(4));
  const auto other_owner = b.device.stream();
  auto& other = static_cast<emu::Stream&>(*other_owner);
  const auto event = b.device.event();
  other.record(*event);
  b.stream.begin_capture();
  CHECK(says(report([&] { b.device.allocate(4); }), "allocate while a stream is capturing"));
  CHECK(says(report([&] { b.device.release(x); }), "release while"));
  CHECK(says(report([&] { b.stream.synchronize(); }), "synchronize while"));
  CHECK(says(report([&] { b.device.synchronize(); }), "synchronize while"));
  CHECK(says(report([&] { b.stream.begin_capture(); }), "capturing already"));
  CHECK(says(report([&] { b.stream.wait(*event); }), "outside the capture"));
  CHECK(says(report([&] { other.end_capture(); }), "did not begin"));
  b.stream.record(*event);
  other.wait(*event);
  other.launch(add, {1, 4}, x, x, 1.0f, 4);
  CHECK(says(report([&] { b.stream.end_capture(); }), "before work of another stream"));
  b.stream.launch(add, {1, 4}, x, x, 1.0f, 4);  // all is as before the capture
  CHECK(b.values(x, 1)[0] == 2);
}

__global__ void nothing() {}

TEST_CASE("emulator: limits of a launch") {
  Bench b;
  const int line = __LINE__ + 1;
  std::string text = report([&] { b.stream.launch(nothing, {1, 1056}); });
  CHECK(says(text, "1056 x 1 x 1 threads"));
  CHECK(says(text, at(line)));
  CHECK(says(report([&] { b.stream.launch(nothing, {1, {32, 33}}); }), "block of 32 x 33"));
  CHECK(says(report([&] { b.stream.launch(nothing, {1, {1, 1, 65}}); }), "64 along z"));
  CHECK(says(report([&] { b.stream.launch(nothing, {{1, 65536}, 32}); }), "grid of 1 x 65536"));
  CHECK(says(report([&] { b.stream.launch(nothing, {i64(1) << 31, 32}); }), "grid of 2147483648"));
  CHECK(says(report([&] { b.stream.launch(nothing, {1, 32, 200000}); }), "200000 bytes of shared"));
  CHECK(says(report([&] { b.stream.launch(nothing, {-1, 32}); }), "negative"));
  b.stream.launch(nothing, {0, 32});
  b.stream.synchronize();
}

TEST_CASE("emulator: a copy stays inside its allocation") {
  Bench b;
  const float on_host[4] = {};
  float* const x = b.array<float>(4);
  b.stream.copy(x + 2, on_host, 12);
  CHECK(says(report([&] { b.stream.synchronize(); }), "copy of 12 bytes leaves"));
}

}  // namespace
}  // namespace lat::test
