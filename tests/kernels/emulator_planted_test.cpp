// Bugs that must be caught, a case each. Those "planted for asan" and "for tsan" are also run one by
// one in the sanitizers' builds of this file, which must report them.
#define LAT_ISA emulated
#include "tests/kernels/emulator_bench.h"

namespace lat::test {
namespace {

// ---- barriers and shared memory -----------------------------------------------------------------

// How many of 64 elements are not what `right(i)` says.
template <class Kernel, class Right>
int wrong_of_64(Schedule s, Kernel kernel, Right&& right) {
  Bench b(s);
  float *x = b.array(ramp(64)), *y = b.array<float>(64);
  b.stream.launch(kernel, {1, 64}, y, x);
  const auto got = b.values(y, 64);
  int wrong = 0;
  for (size_t i = 0; i < 64; ++i) wrong += got[i] != right(i);
  return wrong;
}

__global__ void tile_without_barrier(float* y, const float* x) {
  CU_SHARED(float, tile, [64]);
  tile[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = tile[63 - threadIdx.x];
}
__global__ void copy_without_barrier(float* y, const float* x) {
  CU_SHARED(float, tile, [64]);
  cu::copy_async<4>(&tile[threadIdx.x], x + threadIdx.x);
  cu::copy_commit();
  cu::copy_wait<0>();
  y[threadIdx.x] = tile[63 - threadIdx.x];
}
__global__ void lanes_without_syncwarp(float* y, const float* x) {
  CU_SHARED(float, tile, [64]);
  tile[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = tile[threadIdx.x ^ 1];
}

TEST_CASE("planted for tsan: no barrier after the tile is loaded" * doctest::skip(kTsan)) {
  for (const Schedule s : schedules())
    CHECK(wrong_of_64(s, tile_without_barrier, [](size_t i) { return float(64 - i); }) > 0);
}
TEST_CASE("planted for tsan: a copy is waited for by its own thread alone" * doctest::skip(kTsan)) {
  for (const Schedule s : schedules())
    CHECK(wrong_of_64(s, copy_without_barrier, [](size_t i) { return float(64 - i); }) > 0);
}
TEST_CASE("planted for tsan: lanes of a warp exchange without __syncwarp" * doctest::skip(kTsan)) {
  for (const Schedule s : schedules())
    CHECK(wrong_of_64(s, lanes_without_syncwarp, [](size_t i) { return float((i ^ 1) + 1); }) > 0);
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

// Two rows are on their way; the first is read. `left` groups need not have arrived.
template <int left>
__global__ void first_of_two(float* y, const float* x) {
  CU_SHARED(float, row, [2][64]);
  const int t = int(threadIdx.x);
  for (int r = 0; r < 2; ++r) {
    cu::copy_async<8>(&row[r][2 * t], x + 64 * r + 2 * t);
    cu::copy_commit();
  }
  cu::copy_wait<left>();
  __syncthreads();
  y[t] = row[0][63 - t];
}

TEST_CASE("planted: the wait for a copy is one group short") {
  for (const Schedule s : schedules()) {
    if (s.order == Order::unfair) continue;  // may copy at once
    Bench b(s);
    float *x = b.array(ramp(128)), *y = b.array<float>(32);
    b.stream.launch(first_of_two<1>, {1, 32}, y, x);
    CHECK(b.values(y, 32)[31] == 33);
    b.stream.launch(first_of_two<2>, {1, 32}, y, x);
    CHECK(std::isnan(b.values(y, 32)[31]));
  }
}

// Sums of three neighbours, a block's tile with one more at either end. `last` loads the right one.
__global__ void three_point(float* y, const float* x, int n, int last) {
  CU_SHARED(float, tile, [34]);
  const int t = int(threadIdx.x), i = int(blockIdx.x) * 32 + t;
  const auto value = [&](int k) { return k < 0 || k >= n ? 0.0f : x[k]; };
  tile[t + 1] = value(i);
  if (t == 0) tile[0] = value(i - 1);
  if (t == last) tile[t + 2] = value(i + 1);
  __syncthreads();
  if (i < n) y[i] = tile[t] + tile[t + 1] + tile[t + 2];
}

TEST_CASE("planted: the halo of a tile is one short") {
  for (const Schedule s : schedules()) {
    Bench b(s);
    float *x = b.array(ramp(64)), *y = b.array<float>(64);
    b.stream.launch(three_point, {2, 32}, y, x, 64, 31);
    CHECK(b.values(y, 64)[31] == 31 + 32 + 33);
    b.stream.launch(three_point, {2, 32}, y, x, 64, 32);
    CHECK(std::isnan(b.values(y, 64)[31]));
  }
}

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

TEST_CASE("planted: a barrier in a divergent branch") {
  for (const Schedule s : schedules()) {
    Bench b(s);
    const int launch = __LINE__ + 1;
    b.stream.launch(divergent, {1, 64});
    const std::string text = report([&] { b.stream.synchronize(); });
    CHECK(says(text, "divergent barrier"));
    CHECK(says(text, at(kDivergent[0])));
    CHECK(says(text, at(kDivergent[1])));
    CHECK(says(text, "launched at " + at(launch)));
    CHECK(says(report([&] { b.array<float>(1); }), "failed before"));  // sticky
  }
}
TEST_CASE("planted: threads leave before a barrier") {
  for (const Schedule s : schedules()) {
    Bench b(s);
    b.stream.launch(leaves_before_barrier, {1, 64}, 40);
    const std::string text = report([&] { b.stream.synchronize(); });
    CHECK((says(text, "ended") || says(text, "ends while")));
    CHECK(says(text, at(kLeft)));
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

TEST_CASE("planted: warps wait at different barriers") {
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

constexpr int kTooMuch = __LINE__ + 2;
__global__ void static_50k(float* y) {
  CU_SHARED(float, big, [12800]);
  big[threadIdx.x] = 0;
  y[threadIdx.x] = big[threadIdx.x];
}

TEST_CASE("planted: more shared memory than a block can have") {
  Bench b;
  float* const y = b.array<float>(32);
  CHECK(says(report([&] { b.stream.launch(static_50k, {1, 32, 200000}, y); }), "200000 bytes"));
  b.stream.launch(static_50k, {1, 32}, y);
  const std::string text = report([&] { b.stream.synchronize(); });
  CHECK(says(text, "static shared arrays take 51200 bytes of at most 49152"));
  CHECK(says(text, at(kTooMuch)));
}

// ---- lanes --------------------------------------------------------------------------------------

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

// What is said of a warp of `kernel` mentions `what` and one of two lines.
template <class T>
void check_lanes(void (*kernel)(T*), const std::string& what, int line, int or_line = 0) {
  for (const Schedule s : schedules()) {
    Bench b(s);
    T* const y = b.array<T>(32);
    b.stream.launch(kernel, {1, 32}, y);
    const std::string text = report([&] { b.stream.synchronize(); });
    CHECK(says(text, what));
    CHECK((says(text, at(line)) || says(text, at(or_line))));
  }
}

TEST_CASE("planted: a lane is not in its own mask") {
  check_lanes(not_in_its_mask, "is not in its mask", kNotIn);
}
TEST_CASE("planted: a lane reads from one outside the mask") {
  check_lanes(from_outside_the_mask, "from lane 20, which is not in the mask", kFrom);
}
TEST_CASE("planted: a lane reads from one that has ended") {
  check_lanes(from_an_ended_lane, "which has ended", kEnded);
}
TEST_CASE("planted: lanes of one mask call different intrinsics") {
  check_lanes(different_intrinsics, "something else", kMixed[0], kMixed[1]);
}

// ---- grids --------------------------------------------------------------------------------------

TEST_CASE("planted: a block too few") {
  Bench b;
  float *x = b.array(ramp(40)), *y = b.array<float>(40);
  b.stream.launch(add, {40 / 32, 32}, y, x, 1.0f, 40);
  const auto got = b.values(y, 40);
  CHECK(got[31] == 33);
  CHECK(std::isnan(got[32]));
}
TEST_CASE("planted: an output element is left as it was") {
  Bench b;
  float *x = b.array(ramp(40)), *y = b.array<float>(40);
  b.stream.launch(add, {2, 32}, y, x, 1.0f, 40 - 1);
  CHECK(std::isnan(b.values(y, 40)[39]));
}
TEST_CASE("planted: more rows than a grid is high") {
  Bench b;
  float* const x = b.array(ramp(4));
  const auto launch = [&] { b.stream.launch(add, {{1, 65536}, 32}, x, x, 1.0f, 4); };
  CHECK(says(report(launch), "grid of 1 x 65536"));
}

// Blocks add to one bin. Run one after the other, they cannot show it in values.
__global__ void count_without_atomic(int* bin) { *bin += 1; }

TEST_CASE("planted for tsan: blocks add to one bin without an atomic" * doctest::skip(kTsan)) {
  Bench b;
  int* const bin = b.array(std::vector<int>(1));
  b.stream.launch(count_without_atomic, {4, 1}, bin);
  CHECK(b.values(bin, 1)[0] == 4);
}

// ---- addresses ----------------------------------------------------------------------------------

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

constexpr int kCrooked = __LINE__ + 3;
__global__ void crooked_copy(const float* x) {
  CU_SHARED(float, s, [8]);
  cu::copy_async<16>(&s[threadIdx.x], x + threadIdx.x);
}
__global__ void crooked_vectors(float* y, const float* x) {
  y[threadIdx.x] = reinterpret_cast<const float4*>(x + 1)[threadIdx.x].w;
}

TEST_CASE("planted: an asynchronous copy is not aligned") {
  Bench b;
  float* const x = b.array<float>(32);
  b.stream.launch(crooked_copy, {1, 2}, x);
  const std::string text = report([&] { b.stream.synchronize(); });
  CHECK(says(text, "not aligned"));
  CHECK(says(text, at(kCrooked)));
}
TEST_CASE("planted for asan: a vector is read where it is not aligned" * doctest::skip()) {
  Bench b;
  float *y = b.array<float>(2), *x = b.array<float>(16);
  b.stream.launch(crooked_vectors, {1, 2}, y, x);
  b.stream.synchronize();
}
TEST_CASE("planted: a kernel is given memory of the host") {
  Bench b;
  const float on_host[4] = {};
  b.stream.launch(add, {1, 4}, b.array<float>(4), on_host, 1.0f, 4);
  CHECK(says(report([&] { b.stream.synchronize(); }), "argument 1 of a kernel is no device"));
}

// ---- streams and graphs -------------------------------------------------------------------------

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

TEST_CASE("planted: no event between two streams") {
  CHECK(right_of_20(true) == 20);
  const int lucky = right_of_20(false);  // the missing event
  CHECK(lucky > 0);
  CHECK(lucky < 20);
}

// The step number as a host scalar, and as a word on the device.
__global__ void noise_of_step(float* y, int step) { y[threadIdx.x] += float(step); }
__global__ void noise_of_word(float* y, const int* step) { y[threadIdx.x] += float(*step); }
__global__ void advance(int* step) { *step += 1; }

TEST_CASE("planted: a number of the host is frozen in a graph") {
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

TEST_CASE("planted: a graph holds the address of a buffer that has moved") {
  Bench b;
  float *x = b.array(ramp(4)), *y = b.array<float>(4);
  b.stream.begin_capture();
  b.stream.launch(add, {1, 4}, y, x, 1.0f, 4);
  const auto graph = b.stream.end_capture();
  b.device.release(x);
  x = b.array(ramp(8));
  b.stream.run(*graph);
  CHECK(says(report([&] { b.stream.synchronize(); }), "argument 1"));
}

}  // namespace
}  // namespace lat::test
