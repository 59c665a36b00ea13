// The emulator: what CUDA promises of threads and memory holds under every schedule.
#define LAT_ISA emulated
#include "tests/kernels/emulator_bench.h"

namespace lat::test {
namespace {

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

// Each block sums rows of 64 with the copy of the next row on its way.
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
    cu::copy_wait<1>();
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
    b.stream.launch(pipelined_sums, {1, 32}, y, x, rows, 8);
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

}  // namespace
}  // namespace lat::test
