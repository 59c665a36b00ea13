// The emulator: what CUDA promises holds under every schedule, and what it forbids is reported with
// the line of the statement.
//
// Cases whose name begins with "planted" hold a bug. Those named "planted for asan", "for tsan" are
// run one by one in the sanitizers' builds of this file, which must report it.
#define LAT_ISA emulated
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "kernels/common/cuda.h"
#include "kernels/emulator/poison.h"

namespace lat::test {
namespace {

using emu::Order;
using emu::Schedule;
using gpu::i64;
using gpu::u32;

#ifdef LAT_EMULATOR_TSAN
constexpr bool kTsan = true;
#else
constexpr bool kTsan = false;
#endif

std::vector<Schedule> schedules() {
  if (kTsan) return {{Order::in_order}, {Order::unfair, 1}};  // it sees races in any order, slowly
  std::vector<Schedule> all = {{Order::in_order}, {Order::reverse}};
  for (gpu::u64 seed = 1; seed <= 4; ++seed) {
    all.push_back({Order::fair, seed});
    all.push_back({Order::unfair, seed});
  }
  return all;
}

// A device, a stream, and arrays on it.
struct Bench {
  emu::Device device;
  std::unique_ptr<gpu::Stream> stream_owner = device.stream();
  emu::Stream& stream = static_cast<emu::Stream&>(*stream_owner);

  explicit Bench(Schedule schedule = {}) : device(schedule) {}

  template <class T>
  T* array(size_t n) {
    return static_cast<T*>(device.allocate(n * sizeof(T)));
  }
  template <class T>
  T* array(const std::vector<T>& values) {
    T* const p = array<T>(values.size());
    stream.copy(p, values.data(), values.size() * sizeof(T));
    stream.synchronize();
    return p;
  }
  template <class T>
  std::vector<T> values(const T* p, size_t n) {
    std::vector<T> v(n);
    stream.copy(v.data(), p, n * sizeof(T));
    stream.synchronize();
    return v;
  }
};

// The report of what `run` does wrong; "" if there is none.
template <class Run>
std::string report(Run&& run) {
  try {
    run();
  } catch (const gpu::Error& error) {
    return error.what();
  }
  return "";
}
bool says(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }
std::string at(int line) { return std::string(__FILE__) + ":" + std::to_string(line); }

std::vector<float> ramp(size_t n) {
  std::vector<float> v(n);
  for (size_t i = 0; i < n; ++i) v[i] = float(i + 1);
  return v;
}

// ---- what holds ---------------------------------------------------------------------------------

__global__ void number_cells(int* out, int nx, int ny, int nz) {
  const int x = int(blockIdx.x * blockDim.x + threadIdx.x);
  const int y = int(blockIdx.y * blockDim.y + threadIdx.y);
  const int z = int(blockIdx.z * blockDim.z + threadIdx.z);
  if (x < nx && y < ny && z < nz) out[(z * ny + y) * nx + x] += (z * ny + y) * nx + x;
}

TEST_CASE("emulator: every thread of a grid runs once") {
  for (const Schedule s : schedules()) {
    Bench b(s);
    constexpr int nx = 37, ny = 11, nz = 5;
    int* const out = b.array(std::vector<int>(nx * ny * nz));
    b.stream.launch(number_cells, {{3, 3, 3}, {16, 4, 2}}, out, nx, ny, nz);
    const std::vector<int> got = b.values(out, nx * ny * nz);
    for (int i = 0; i < nx * ny * nz; ++i) REQUIRE(got[size_t(i)] == i);
  }
}

__global__ void transpose(float* y, const float* x, int n) {
  CU_SHARED(float, tile, [16][17]);
  const int i = int(blockIdx.y * 16 + threadIdx.y), j = int(blockIdx.x * 16 + threadIdx.x);
  tile[threadIdx.y][threadIdx.x] = x[i * n + j];
  __syncthreads();
  y[(int(blockIdx.x) * 16 + int(threadIdx.y)) * n + int(blockIdx.y) * 16 + int(threadIdx.x)] =
      tile[threadIdx.x][threadIdx.y];
}

TEST_CASE("emulator: barriers order shared memory") {
  for (const Schedule s : schedules()) {
    Bench b(s);
    constexpr size_t n = 48;
    float *x = b.array(ramp(n * n)), *y = b.array<float>(n * n);
    b.stream.launch(transpose, {{3, 3}, {16, 16}}, y, x, int(n));
    const auto got = b.values(y, n * n);
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j) REQUIRE(got[i * n + j] == float(j * n + i + 1));
  }
}

__global__ void warp_words(int* out) {
  const int lane = int(threadIdx.x) % 32, v = lane * lane;
  int* const o = out + threadIdx.x * 10;
  o[0] = __shfl_sync(~0u, v, 5);
  o[1] = __shfl_up_sync(~0u, v, 3);
  o[2] = __shfl_down_sync(~0u, v, 3, 8);
  o[3] = __shfl_xor_sync(~0u, v, 9);
  o[4] = int(__ballot_sync(~0u, lane % 3 == 0));
  o[5] = __any_sync(~0u, lane == 31);
  o[6] = __all_sync(~0u, lane < 31);
  o[7] = int(__match_any_sync(~0u, lane / 10));
  double wide = lane + 0.25;
  o[8] = int(4 * __shfl_xor_sync(~0u, wide, 1));
  o[9] = 0;
  if (lane < 16) o[9] = __shfl_sync(0xffffu, v, lane + 1, 16);
}

TEST_CASE("emulator: lanes exchange what the programming guide says") {
  for (const Schedule s : schedules()) {
    Bench b(s);
    int* const out = b.array<int>(64 * 10);
    b.stream.launch(warp_words, {1, 64}, out);
    const auto got = b.values(out, 64 * 10);
    for (int t = 0; t < 64; ++t) {
      const int lane = t % 32;
      const int* const o = &got[size_t(t) * 10];
      CHECK(o[0] == 25);
      CHECK(o[1] == (lane < 3 ? lane * lane : (lane - 3) * (lane - 3)));
      CHECK(o[2] == (lane % 8 + 3 < 8 ? (lane + 3) * (lane + 3) : lane * lane));
      CHECK(o[3] == (lane ^ 9) * (lane ^ 9));
      CHECK(u32(o[4]) == 0x49249249u);
      CHECK(o[5] == 1);
      CHECK(o[6] == 0);
      CHECK(u32(o[7]) == (lane < 10   ? 0x000003ffu
                          : lane < 20 ? 0x000ffc00u
                          : lane < 30 ? 0x3ff00000u
                                      : 0xc0000000u));
      CHECK(o[8] == 4 * (lane ^ 1) + 1);
      CHECK(o[9] == (lane < 16 ? (lane + 1) % 16 * ((lane + 1) % 16) : 0));
    }
  }
}

__global__ void votes(int* out, int n) {
  const int t = int(threadIdx.x);
  out[t] = __syncthreads_count(t % 7 == 0) + 1000 * __syncthreads_or(t == n - 1) +
           2000 * __syncthreads_or(t == n) + 4000 * __syncthreads_and(t < n) +
           8000 * __syncthreads_and(t > 0);
}

TEST_CASE("emulator: barriers that count") {
  for (const Schedule s : schedules()) {
    Bench b(s);
    int* const out = b.array<int>(100);
    b.stream.launch(votes, {1, 100}, out, 100);
    for (const int v : b.values(out, 100)) REQUIRE(v == 15 + 1000 + 4000);
  }
}

__global__ void tile_sums(float* out, const float* x) {
  namespace cg = cooperative_groups;
  const auto tile = cg::tiled_partition<8>(cg::this_thread_block());
  float v = x[threadIdx.x];
  for (unsigned half = tile.size() / 2; half > 0; half /= 2) v += tile.shfl_down(v, half);
  if (tile.thread_rank() == 0) out[tile.meta_group_rank()] = v;
}

TEST_CASE("emulator: tiles of cooperative groups") {
  for (const Schedule s : schedules()) {
    Bench b(s);
    float *x = b.array(ramp(64)), *y = b.array<float>(8);
    b.stream.launch(tile_sums, {1, 64}, y, x);
    const auto got = b.values(y, 8);
    for (int k = 0; k < 8; ++k) CHECK(got[size_t(k)] == float(8 * (8 * k + 1) + 28));
  }
}

// The last block to finish adds up what all have written.
__global__ void grid_sum(float* total, float* partial, unsigned* count, const float* x) {
  CU_SHARED(float, sum, [1]);
  if (threadIdx.x == 0) sum[0] = 0;
  __syncthreads();
  atomicAdd(&sum[0], x[blockIdx.x * blockDim.x + threadIdx.x]);
  __syncthreads();
  if (threadIdx.x != 0) return;
  partial[blockIdx.x] = sum[0];
  __threadfence();
  if (atomicInc(count, gridDim.x - 1) != gridDim.x - 1) return;
  __threadfence();
  float s = 0;
  for (unsigned k = 0; k < gridDim.x; ++k) s += partial[k];
  *total = s;
}

__global__ void atomics(int* a, unsigned* u, float* f) {
  const int t = int(threadIdx.x + blockIdx.x * blockDim.x);
  atomicAdd(&a[0], t);
  atomicMax(&a[1], t);
  atomicMin(&a[2], t);
  if (atomicExch(&a[3], 1) == 0) atomicAdd(&a[4], 1);
  if (atomicCAS(&a[5], 0, t + 1) == 0) atomicAdd(&a[6], 1);
  atomicOr(&u[0], 1u << t % 32);
  atomicAnd(&u[1], ~(1u << t % 32));
  atomicAdd(f, 0.5f);
}

TEST_CASE("emulator: atomics, and the last block done") {
  for (const Schedule s : schedules()) {
    Bench b(s);
    float *x = b.array(ramp(256)), *partial = b.array<float>(8), *total = b.array<float>(1);
    unsigned* const count = b.array(std::vector<unsigned>(1));
    for (int again = 0; again < 2; ++again) {
      b.stream.launch(grid_sum, {8, 32}, total, partial, count, x);
      CHECK(b.values(total, 1)[0] == 256 * 257 / 2);
    }
    int* const a = b.array(std::vector<int>{0, -1, 1000, 0, 0, 0, 0});
    unsigned* const u = b.array(std::vector<unsigned>{0, ~0u});
    float* const f = b.array(std::vector<float>{1});
    b.stream.launch(atomics, {3, 50}, a, u, f);
    const auto got = b.values(a, 7);
    CHECK(got[0] == 149 * 150 / 2);
    CHECK(got[1] == 149);
    CHECK(got[2] == 0);
    CHECK(got[4] == 1);
    CHECK(got[6] == 1);
    CHECK(b.values(u, 2) == std::vector<unsigned>{~0u, 0u});
    CHECK(b.values(f, 1)[0] == 76);
  }
}

// Each block sums rows of 64 with the copy of the next row on its way. `early` is the bug.
template <int early>
__global__ void pipelined_sums(float* y, const float* x, int rows, int valid) {
  CU_SHARED(float, row, [2][64]);
  const int t = int(threadIdx.x);
  const auto fetch = [&](int r) {
    if (r < rows && t < 16)
      cu::copy_async<16>(&row[r % 2][t * 4], x + r * 64 + t * 4, t == 15 ? valid : 16);
    cu::copy_commit();
  };
  fetch(0);
  for (int r = 0; r < rows; ++r) {
    fetch(r + 1);
    cu::copy_wait<1 + early>();
    __syncthreads();
    if (t == 0) {
      float s = 0;
      for (int c = 0; c < 64; ++c) s += row[r % 2][c];
      y[r] = s;
    }
    __syncthreads();
  }
}

TEST_CASE("emulator: asynchronous copies arrive when they are waited for") {
  constexpr int rows = 70;  // more copies than may be on their way
  for (const Schedule s : schedules()) {
    Bench b(s);
    float *x = b.array(ramp(rows * 64)), *y = b.array<float>(rows);
    b.stream.launch(pipelined_sums<0>, {1, 32}, y, x, rows, 8);
    const auto got = b.values(y, rows);
    for (int r = 0; r < rows; ++r)  // the last two of a row read as zero
      CHECK(got[size_t(r)] == float(62 * 64 * r + 62 * 63 / 2));
  }
}

__global__ void hand_over(float* y, const float* x) {
  CU_DYN_SHARED(float, box);
  const int t = int(threadIdx.x);
  if (t < 64) {  // two warps produce, two consume, and a fifth looks on
    box[t] = 2 * x[t];
    cu::named_barrier<1, 128>();
  } else if (t < 128) {
    cu::named_barrier<1, 128>();
    y[t - 64] = box[127 - t];
  }
}

TEST_CASE("emulator: named barriers among some warps") {
  for (const Schedule s : schedules()) {
    Bench b(s);
    float *x = b.array(ramp(64)), *y = b.array<float>(64);
    b.stream.launch(hand_over, {1, 160, 64 * sizeof(float)}, y, x);
    const auto got = b.values(y, 64);
    for (size_t i = 0; i < 64; ++i) REQUIRE(got[i] == float(2 * (64 - i)));
  }
}

__global__ void shared_as_found(float* y) {
  CU_SHARED(float, never_written, [4]);
  CU_DYN_SHARED(float, nor_this);
  y[2 * threadIdx.x] = never_written[threadIdx.x];
  y[2 * threadIdx.x + 1] = nor_this[threadIdx.x];
}

TEST_CASE("emulator: memory that nobody wrote is NaN") {
  Bench b;
  float *y = b.array<float>(8), *x = b.array<float>(3);
  for (const float v : b.values(x, 3)) CHECK(std::isnan(v));
  b.stream.launch(shared_as_found, {1, 4, 16}, y);
  for (const float v : b.values(y, 8)) CHECK(std::isnan(v));
}

__global__ void one_warp_first(int* order) {
  CU_SHARED(int, next, [1]);
  if (threadIdx.x == 0) next[0] = 0;
  __syncthreads();
  for (int k = 0; k < 4; ++k) {
    __syncwarp();
    if (threadIdx.x % 32 == 0) order[atomicAdd(&next[0], 1)] = int(threadIdx.x / 32);
  }
}

TEST_CASE("emulator: schedules differ, and a seed repeats its own") {
  const auto order = [](Schedule s) {
    Bench b(s);
    int* const out = b.array<int>(32);
    b.stream.launch(one_warp_first, {1, 256}, out);
    return b.values(out, 32);
  };
  CHECK(order({Order::unfair, 3}) == order({Order::unfair, 3}));
  CHECK(order({Order::unfair, 3}) != order({Order::unfair, 4}));
  CHECK(order({Order::fair, 3}) != order({Order::fair, 4}));
  CHECK(order({Order::in_order}) != order({Order::reverse}));
  bool far_ahead = false;  // some warp goes through all its rounds before another begins
  for (gpu::u64 seed = 1; seed <= 4; ++seed) {
    const auto o = order({Order::unfair, seed});
    far_ahead |= o[28] == o[31] && o[29] == o[31];
  }
  CHECK(far_ahead);
}

// ---- streams and graphs -------------------------------------------------------------------------

__global__ void add(float* y, const float* x, float s, int n) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) y[i] = x[i] + s;
}

// y = x + 1 on one stream, z = y + 2 on another; how many of 20 random interleavings give x + 3.
int right_of_20(bool with_event) {
  int right = 0;
  for (gpu::u64 seed = 1; seed <= 20; ++seed) {
    Bench b({Order::fair, seed});
    const auto other_owner = b.device.stream();
    auto& other = static_cast<emu::Stream&>(*other_owner);
    const auto done = b.device.event();
    float *x = b.array(ramp(40)), *y = b.array<float>(40), *z = b.array<float>(40);
    b.stream.launch(add, {2, 32}, y, x, 1.0f, 40);
    b.stream.record(*done);
    if (with_event) other.wait(*done);
    other.launch(add, {2, 32}, z, y, 2.0f, 40);
    b.device.synchronize();
    right += b.values(z, 40)[39] == 43;
  }
  return right;
}

TEST_CASE("emulator: streams run in any order that events allow") {
  CHECK(right_of_20(true) == 20);
  const int lucky = right_of_20(false);  // the missing event
  CHECK(lucky > 0);
  CHECK(lucky < 20);
}

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

// The step number as a host scalar, and as a word on the device.
__global__ void noise_of_step(float* y, int step) { y[threadIdx.x] += float(step); }
__global__ void noise_of_word(float* y, const int* step) { y[threadIdx.x] += float(*step); }
__global__ void advance(int* step) { *step += 1; }

TEST_CASE("emulator: a host scalar is frozen in a graph, a device word is not") {
  const auto total = [](bool word, bool replayed) {
    Bench b;
    float* const y = b.array(std::vector<float>(8));
    int* const step = b.array(std::vector<int>(1));
    std::unique_ptr<gpu::Graph> graph;
    for (int k = 1; k <= 5; ++k) {
      if (replayed && graph) {
        b.stream.run(*graph);
        continue;
      }
      if (replayed) b.stream.begin_capture();
      b.stream.launch(advance, {1, 1}, step);
      if (word)
        b.stream.launch(noise_of_word, {1, 8}, y, step);
      else
        b.stream.launch(noise_of_step, {1, 8}, y, k);
      if (replayed) graph = b.stream.end_capture(), b.stream.run(*graph);
    }
    return b.values(y, 8)[7];
  };
  CHECK(total(true, false) == 15);
  CHECK(total(true, true) == 15);
  CHECK(total(false, false) == 15);
  CHECK(total(false, true) == 5);  // replayed differs from eager: so it shows
}

// ---- what is reported ---------------------------------------------------------------------------

constexpr int kDivergent[2] = {__LINE__ + 4, __LINE__ + 6};
__global__ void divergent() {
  CU_SHARED(float, s, [64]);
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  s[threadIdx.x] = 0;
}
constexpr int kLeft = __LINE__ + 3;
__global__ void leaves_before_barrier(int n) {
  if (int(threadIdx.x) >= n) return;
  __syncthreads();
}

TEST_CASE("emulator: divergent barriers are reported with their lines") {
  for (const Schedule s : schedules()) {
    Bench a(s), b(s);
    const int launch = __LINE__ + 1;
    a.stream.launch(divergent, {1, 64});
    std::string text = report([&] { a.stream.synchronize(); });
    CHECK(says(text, "divergent barrier"));
    CHECK(says(text, at(kDivergent[0])));
    CHECK(says(text, at(kDivergent[1])));
    CHECK(says(text, "launched at " + at(launch)));
    CHECK(says(report([&] { a.array<float>(1); }), "failed before"));  // sticky

    b.stream.launch(leaves_before_barrier, {1, 64}, 40);
    text = report([&] { b.stream.synchronize(); });
    CHECK((says(text, "ended") || says(text, "ends while")));
    CHECK(says(text, at(kLeft)));
  }
}

constexpr int kNotIn = __LINE__ + 2;
__global__ void not_in_its_mask(int* y) {
  y[threadIdx.x] = __shfl_sync(0xffffu, int(threadIdx.x), 0);
}
constexpr int kFrom = __LINE__ + 2;
__global__ void from_outside_the_mask(int* y) {
  if (threadIdx.x < 16) y[threadIdx.x] = __shfl_sync(0xffffu, int(threadIdx.x), 20);
}
constexpr int kEnded = __LINE__ + 3;
__global__ void from_an_ended_lane(int* y) {
  if (threadIdx.x >= 16) return;
  y[threadIdx.x] = __shfl_down_sync(~0u, int(threadIdx.x), 8);
}
constexpr int kMixed[2] = {__LINE__ + 4, __LINE__ + 6};
__global__ void different_intrinsics(unsigned* y) {
  unsigned v = 0;
  if (threadIdx.x < 16)
    v = __ballot_sync(~0u, 1);
  else
    v = __shfl_sync(~0u, 1u, 0);
  y[threadIdx.x] = v;
}

TEST_CASE("emulator: wrong masks are reported") {
  const auto text_of = [](auto kernel, Schedule s) {
    Bench b(s);
    using T = std::conditional_t<std::is_same_v<decltype(kernel), void (*)(int*)>, int, unsigned>;
    T* const y = b.array<T>(32);
    b.stream.launch(kernel, {1, 32}, y);
    return report([&] { b.stream.synchronize(); });
  };
  for (const Schedule s : schedules()) {
    std::string text = text_of(not_in_its_mask, s);
    CHECK(says(text, "is not in its mask"));
    CHECK(says(text, at(kNotIn)));
    text = text_of(from_outside_the_mask, s);
    CHECK(says(text, "from lane 20, which is not in the mask"));
    CHECK(says(text, at(kFrom)));
    text = text_of(from_an_ended_lane, s);
    CHECK(says(text, "which has ended"));
    CHECK(says(text, at(kEnded)));
    text = text_of(different_intrinsics, s);
    CHECK(says(text, "something else"));
    CHECK((says(text, at(kMixed[0])) || says(text, at(kMixed[1]))));
  }
}

constexpr int kStuck[2] = {__LINE__ + 3, __LINE__ + 5};
__global__ void waits_for_nobody() {
  if (threadIdx.x < 32)
    cu::named_barrier<2, 64>();
  else if (threadIdx.x < 40)
    __syncwarp();
  else
    cu::named_barrier<3, 64>();
}

TEST_CASE("emulator: a deadlock says who waits where") {
  for (const Schedule s : schedules()) {
    Bench b(s);
    b.stream.launch(waits_for_nobody, {1, 64});
    const std::string text = report([&] { b.stream.synchronize(); });
    CHECK(says(text, "deadlock"));
    CHECK(says(text, "32 threads wait in named_barrier at " + at(kStuck[0])));
    CHECK(says(text, "8 threads wait in __syncwarp at " + at(kStuck[1])));
    CHECK(says(text, "24 threads wait in named_barrier"));
  }
}

__global__ void nothing() {}
constexpr int kTooMuch = __LINE__ + 2;
__global__ void static_50k(float* y) {
  CU_SHARED(float, big, [12800]);
  big[threadIdx.x] = 0;
  y[threadIdx.x] = big[threadIdx.x];
}
constexpr int kCrooked = __LINE__ + 3;
__global__ void crooked_copy(const float* x) {
  CU_SHARED(float, s, [8]);
  cu::copy_async<16>(&s[threadIdx.x], x + threadIdx.x);
}

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

  Bench big, crooked;
  float* const y = big.array<float>(32);
  big.stream.launch(static_50k, {1, 32}, y);
  text = report([&] { big.stream.synchronize(); });
  CHECK(says(text, "static shared arrays take 51200 bytes of at most 49152"));
  CHECK(says(text, at(kTooMuch)));
  float* const x = crooked.array<float>(32);
  crooked.stream.launch(crooked_copy, {1, 2}, x);
  text = report([&] { crooked.stream.synchronize(); });
  CHECK(says(text, "not aligned"));
  CHECK(says(text, at(kCrooked)));
}

TEST_CASE("emulator: arguments that are no device memory, or no longer") {
  Bench host, stale, copies;
  float on_host[4] = {};
  float* x = host.array<float>(4);
  host.stream.launch(add, {1, 4}, x, on_host, 1.0f, 4);
  CHECK(says(report([&] { host.stream.synchronize(); }), "argument 1 of a kernel is no device"));

  x = stale.array(ramp(4));
  float* y = stale.array(ramp(4));
  stale.stream.begin_capture();
  stale.stream.launch(add, {1, 4}, y, x, 1.0f, 4);
  const auto graph = stale.stream.end_capture();
  stale.device.release(x);
  stale.array<float>(4);
  stale.stream.run(*graph);
  CHECK(says(report([&] { stale.stream.synchronize(); }), "argument 1"));

  x = copies.array<float>(4);
  copies.stream.copy(x + 2, on_host, 12);
  CHECK(says(report([&] { copies.stream.synchronize(); }), "copy of 12 bytes leaves"));
}

// ---- planted bugs -------------------------------------------------------------------------------

__global__ void tile_without_barrier(float* y, const float* x) {
  CU_SHARED(float, tile, [64]);
  tile[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = tile[63 - threadIdx.x];
}

TEST_CASE("planted for tsan: no barrier after the tile is loaded" * doctest::skip(kTsan)) {
  for (const Schedule s : schedules()) {
    Bench b(s);
    float *x = b.array(ramp(64)), *y = b.array<float>(64);
    b.stream.launch(tile_without_barrier, {1, 64}, y, x);
    int wrong = 0;
    const auto got = b.values(y, 64);
    for (size_t i = 0; i < 64; ++i) wrong += got[i] != float(64 - i);
    CHECK(wrong > 0);
  }
}

__device__ float block_sum(float v, float* scratch) {
  for (unsigned half = 16; half > 0; half /= 2) v += __shfl_down_sync(~0u, v, half);
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = v;
  __syncthreads();
  float s = 0;
  for (unsigned w = 0; w < blockDim.x / 32; ++w) s += scratch[w];
  return s;
}
template <bool barrier>
__global__ void two_sums(float* y, const float* x) {
  CU_SHARED(float, scratch, [8]);
  const float a = block_sum(x[threadIdx.x], scratch);
  if (barrier) __syncthreads();
  const float b = block_sum(2 * x[threadIdx.x], scratch);
  y[2 * threadIdx.x] = a;
  y[2 * threadIdx.x + 1] = b;
}
template <bool barrier>
int schedules_gone_wrong() {
  int wrong = 0;
  for (const Schedule s : schedules()) {
    Bench b(s);
    float *x = b.array(ramp(256)), *y = b.array<float>(512);
    b.stream.launch(two_sums<barrier>, {1, 256}, y, x);
    bool right = true;
    const auto got = b.values(y, 512);
    for (size_t t = 0; t < 256; ++t)
      right &= got[2 * t] == 256 * 257 / 2 && got[2 * t + 1] == 256 * 257;
    wrong += !right;
  }
  return wrong;
}

TEST_CASE("emulator: two sums that share an array, with the barrier between them") {
  CHECK(schedules_gone_wrong<true>() == 0);
}
TEST_CASE("planted for tsan: two sums share an array without a barrier between them" *
          doctest::skip(kTsan)) {
  CHECK(schedules_gone_wrong<false>() > 0);
}

TEST_CASE("planted: the wait for a copy is one group short" * doctest::skip(kTsan)) {
  for (const Schedule s : schedules()) {
    if (s.order == Order::unfair) continue;  // may copy at once
    Bench b(s);
    float *x = b.array(ramp(5 * 64)), *y = b.array<float>(5);
    b.stream.launch(pipelined_sums<1>, {1, 32}, y, x, 5, 16);
    CHECK(std::isnan(b.values(y, 5)[0]));
  }
}

// Blocks add to one bin. Run one after the other, they cannot show it in values.
__global__ void count_without_atomic(int* bin) { *bin += 1; }

TEST_CASE("planted for tsan: blocks add to one bin without an atomic" * doctest::skip(kTsan)) {
  Bench b;
  int* const bin = b.array(std::vector<int>(1));
  b.stream.launch(count_without_atomic, {4, 1}, bin);
  CHECK(b.values(bin, 1)[0] == 4);
}

__global__ void write_at(float* y, int i) { y[i] = 1; }
__global__ void read_at(float* y, const float* x, int i) { *y = x[i]; }
__global__ void shared_write_at(float* y, int i) {
  CU_SHARED(float, s, [4]);
  float* const p = s;
  p[i] = 1;
  *y = p[0];
}
__global__ void shared_read_at(float* y, int i) {
  CU_SHARED(float, s, [4]);
  s[0] = 1;
  float* const p = s;
  *y = p[i];
}

TEST_CASE("planted for asan: a global write beyond the end" * doctest::skip(emu::kAsan)) {
  Bench b;
  float* const y = b.array<float>(33);
  b.stream.launch(write_at, {1, 1}, y, 33);
  const std::string text = report([&] { b.stream.synchronize(); });
  CHECK(says(text, "written beyond an allocation of 132 bytes"));
  CHECK(says(text, at(__LINE__ - 3)));
  Bench c;
  float* const z = c.array<float>(33);
  c.stream.launch(write_at, {1, 1}, z, -1);
  CHECK(says(report([&] { c.stream.synchronize(); }), "written before an allocation"));
}
TEST_CASE("planted for asan: a write to released memory" * doctest::skip(emu::kAsan)) {
  Bench b;
  float *y = b.array<float>(8), *z = b.array<float>(8);
  b.device.release(z);
  b.stream.launch(write_at, {1, 1}, y, int(z - y));
  CHECK(says(report([&] { b.stream.synchronize(); }), "released memory of 32 bytes"));
}
TEST_CASE("planted for asan: a global read beyond the end" * doctest::skip()) {
  Bench b;
  float *y = b.array<float>(1), *x = b.array<float>(33);
  b.stream.launch(read_at, {1, 1}, y, x, 33);
  b.stream.synchronize();
}
TEST_CASE("planted for asan: a shared write beyond the end" * doctest::skip(emu::kAsan)) {
  Bench b;
  float* const y = b.array<float>(1);
  b.stream.launch(shared_write_at, {1, 1}, y, 4);
  const std::string text = report([&] { b.stream.synchronize(); });
  CHECK(says(text, "written beyond the shared array s of 16 bytes"));
}
TEST_CASE("planted for asan: a shared read beyond the end" * doctest::skip()) {
  Bench b;
  float* const y = b.array<float>(1);
  b.stream.launch(shared_read_at, {1, 1}, y, 4);
  b.stream.synchronize();
}

}  // namespace
}  // namespace lat::test
