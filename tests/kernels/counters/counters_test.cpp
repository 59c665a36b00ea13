// What the emulator counts, against numbers found by hand; and what our own kernels cost.
#define LAT_ISA emulated
#include "kernels/emulator/counters.h"

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "kernels/common/cuda.h"
#include "kernels/study/study.h"

namespace lat::test {
namespace {

using gpu::i64;
using gpu::u64;

// File and line of a site, from the program's own debug information.
std::string source_line(const void* site) {
  Dl_info info{};
  dladdr(site, &info);
  char command[128], line[512] = "";
  std::snprintf(command, sizeof(command), "addr2line -e /proc/%d/exe 0x%zx", int(getpid()),
                size_t(static_cast<const char*>(site) - static_cast<char*>(info.dli_fbase)) - 1);
  FILE* const out = popen(command, "r");
  if (out && !std::fgets(line, sizeof(line), out)) line[0] = 0;
  if (out) pclose(out);
  return line;
}

struct Total {
  u64 warps = 0, lanes = 0, cost = 0, least = 0;
};
Total total(const std::vector<emu::SiteCount>& sites, bool shared, bool write) {
  Total t;
  for (const emu::SiteCount& s : sites)
    if (s.shared == shared && s.write == write)
      t.warps += s.warps, t.lanes += s.lanes, t.cost += s.cost, t.least += s.least;
  return t;
}

struct Bench {
  emu::Device device;
  std::unique_ptr<gpu::Stream> owner = device.stream();
  emu::Stream& stream = static_cast<emu::Stream&>(*owner);
  float* zeros(size_t n) {
    void* const p = device.allocate(n * sizeof(float));
    stream.fill(p, 0, n * sizeof(float));
    return static_cast<float*>(p);
  }
  std::vector<emu::SiteCount> counts() {
    stream.synchronize();
    return emu::take_counts();
  }
};

__global__ void read_strided(float* y, const float* x, int stride) {
  y[threadIdx.x] = x[int(threadIdx.x) * stride];
}
__global__ void read_fours(float* y, const float4* x) { y[threadIdx.x] = x[threadIdx.x].y; }
__global__ void copy_fours(float4* y, const float4* x) { y[threadIdx.x] = x[threadIdx.x]; }

TEST_CASE("counters: sectors of global memory") {
  Bench b;
  float *x = b.zeros(32 * 64), *y = b.zeros(256);
  const auto reads = [&](int stride) {
    b.stream.launch(read_strided, {1, 64}, y, x, stride);
    const auto counts = b.counts();
    CHECK(total(counts, false, true).cost == 8);  // y: two warps of 128 bytes
    return total(counts, false, false);
  };
  CHECK(reads(1).cost == 8);
  CHECK(reads(1).least == 8);
  CHECK(reads(1).lanes == 64);
  CHECK(reads(2).cost == 16);
  CHECK(reads(8).cost == 64);
  CHECK(reads(8).least == 8);
  CHECK(reads(0).cost == 2);
  b.stream.launch(copy_fours, {1, 32}, reinterpret_cast<float4*>(y),
                  reinterpret_cast<const float4*>(x));
  const auto counts = b.counts();
  CHECK(total(counts, false, false).cost == 16);
  CHECK(total(counts, false, true).cost == 16);
  b.stream.launch(read_fours, {1, 32}, y, reinterpret_cast<const float4*>(x));
  CHECK(total(b.counts(), false, false).cost == 16);  // a fourth of each is used
}

constexpr int kColumnLine = __LINE__ + 5;
template <int pitch>
__global__ void read_columns(float* y) {
  CU_SHARED(float, tile, [32][pitch]);
  for (int r = 0; r < 32; ++r) tile[r][threadIdx.x] = 1;
  y[threadIdx.x] = tile[threadIdx.x][threadIdx.y];
}
__global__ void read_one_word(float* y) {
  CU_SHARED(float, s, [32]);
  s[threadIdx.x] = 1;
  y[threadIdx.x] = s[5];
}

TEST_CASE("planted: the columns of a tile fall into one bank") {
  Bench b;
  float* const y = b.zeros(32);
  const auto reads = [&](auto kernel) {
    b.stream.launch(kernel, {1, 32}, y);
    const auto counts = b.counts();
    const Total writes = total(counts, true, true);
    CHECK(writes.cost == writes.least);
    for (const emu::SiteCount& s : counts)
      if (s.shared && s.cost > s.least)
        CHECK(source_line(s.site).find("counters_test.cpp:" + std::to_string(kColumnLine)) !=
              std::string::npos);
    return total(counts, true, false);
  };
  CHECK(reads(read_columns<32>).cost == 32);
  CHECK(reads(read_columns<32>).least == 1);
  CHECK(reads(read_columns<33>).cost == 1);
  CHECK(reads(read_columns<34>).cost == 2);
  CHECK(reads(read_one_word).cost == 1);
}

__global__ void copy_rows_async(float* y, const float* x) {
  CU_SHARED(float, s, [128]);
  cu::copy_async<16>(&s[threadIdx.x * 4], x + threadIdx.x * 4);
  cu::copy_commit();
  cu::copy_wait<0>();
  y[threadIdx.x] = s[threadIdx.x * 4];
}

TEST_CASE("counters: an asynchronous copy is one access") {
  Bench b;
  float *x = b.zeros(128), *y = b.zeros(32);
  b.stream.launch(copy_rows_async, {1, 32}, y, x);
  const auto counts = b.counts();
  CHECK(total(counts, false, false).cost == 16);
  CHECK(total(counts, true, true).cost == 4);   // 512 bytes
  CHECK(total(counts, true, false).cost == 4);  // a stride of 4 words
}

TEST_CASE("counters: our kernels read and write every sector once, without conflicts") {
  using namespace lat::kernels;
  Bench b;
  constexpr i64 rows = 16, cols = 8192, n = rows * cols;
  float *x = b.zeros(n), *y = b.zeros(n);
  Arg exp[5], sum[5], columns[5];
  exp[0].p = y, exp[1].p = x, exp[2].i = n, exp[3].r = exp[4].r = 0;
  emulated_table()[i32(K::exp)].run[0](exp, b.stream);
  auto counts = b.counts();
  CHECK(total(counts, false, false).cost == n / 8);
  CHECK(total(counts, false, true).cost == n / 8);

  sum[0].p = y, sum[1].p = x, sum[2].i = rows, sum[3].i = cols, sum[4].r = 1;
  emulated_table()[i32(K::row_sum)].run[0](sum, b.stream);
  counts = b.counts();
  CHECK(total(counts, false, false).cost == n / 8);
  CHECK(total(counts, true, false).cost == total(counts, true, false).least);

  columns[0].p = y, columns[1].p = x, columns[2].i = 1, columns[3].i = 1024, columns[4].i = 128;
  emulated_table()[i32(K::col_sum)].run[0](columns, b.stream);
  counts = b.counts();
  CHECK(total(counts, false, false).cost == 1024 * 128 / 8);
  CHECK(total(counts, true, false).cost == total(counts, true, false).least);
  CHECK(total(counts, true, true).cost == total(counts, true, true).least);
}

TEST_CASE("counters: a transposition and an optimiser touch every sector once") {
  using namespace lat::kernels;
  Bench b;
  constexpr i64 rows = 96, cols = 160, n = rows * cols;
  float *x = b.zeros(n), *y = b.zeros(n), *m = b.zeros(n), *v = b.zeros(n);
  Arg expand[10], adam[13];
  expand[0].p = y, expand[1].p = x;
  const i64 extents[] = {1, 1, rows, cols}, strides[] = {0, 0, 1, rows};
  for (int k = 0; k < 4; ++k) expand[2 + k].i = extents[k], expand[6 + k].i = strides[k];
  emulated_table()[i32(K::expand)].run[0](expand, b.stream);
  auto counts = b.counts();
  CHECK(total(counts, false, false).cost == n / 8);
  CHECK(total(counts, false, true).cost == n / 8);
  CHECK(total(counts, true, false).cost == total(counts, true, false).least);
  CHECK(total(counts, true, true).cost == total(counts, true, true).least);

  float* const lr = b.zeros(1);
  double* const state = reinterpret_cast<double*>(b.zeros(6));
  i32 one = 1, *const ok = reinterpret_cast<i32*>(b.zeros(1));
  b.stream.copy(ok, &one, sizeof(one));
  adam[0].p = y, adam[1].p = x, adam[2].p = m, adam[3].p = v;
  adam[4].p = lr, adam[5].p = state, adam[6].p = ok, adam[7].i = n;
  for (int k = 8; k < 13; ++k) adam[k].r = 0.5;
  emulated_table()[i32(K::adam)].run[0](adam, b.stream);
  counts = b.counts();
  const u64 words = 4 * (n / 128);  // ok, lr and two of the state, a sector each for every warp
  CHECK(total(counts, false, false).cost == 4 * n / 8 + words);
  CHECK(total(counts, false, true).cost == 4 * n / 8);
}

TEST_CASE("counters: products of one row or column read the long operand once") {
  using namespace lat::kernels;
  Bench b;
  constexpr i64 k = 784, lines = 400;
  float *many = b.zeros(k * lines), *few = b.zeros(k), *c = b.zeros(lines);
  for (const bool row : {true, false}) {
    Arg a[8];
    a[0].p = c, a[1].p = row ? few : many, a[2].p = row ? many : few;
    const i64 sizes[] = {1, row ? 1 : lines, row ? lines : 1, k, 0};
    for (size_t i = 0; i < std::size(sizes); ++i) a[3 + i].i = sizes[i];
    emulated_table()[i32(K::matmul)].run[0](a, b.stream);
    const auto counts = b.counts();
    CHECK(total(counts, false, false).cost ==
          k * lines / 8 + lines / 8 * k / 8);  // 8 lines a block
    CHECK(total(counts, false, true).cost == lines / 8);
    CHECK(total(counts, true, false).cost == total(counts, true, false).least);
  }
}

// What the page of the ladders says: bytes of global memory for each latent (of the accesses of whole
// warps to floats: not the clock, not kl), and turns of the banks for a store to shared memory.
TEST_CASE("counters: what the rungs of reparameterise_kl move") {
  using namespace lat::kernels;
  struct Cost {
    u64 bytes, turns;
  };
  const Cost want[] = {{72, 0}, {24, 0}, {16, 0}, {16, 2}, {16, 1}};
  constexpr i64 rows = 64, cols = 64, n = rows * cols;
  const DeviceLadder& ladder = emulated_ladders()[1];
  REQUIRE(size_t(ladder.count) == std::size(want));
  for (i64 r = 0; r < ladder.count; ++r) {
    CAPTURE(std::string(ladder.rungs[r].name));
    Bench b;
    Arg a[10];
    for (const int k : {0, 1, 2, 3, 4}) a[k].p = b.zeros(k == 2 ? rows : n);
    a[5].p = b.zeros(4);
    a[6].i = rows, a[7].i = cols, a[8].i = 1, a[9].i = 2;
    b.stream.scratch = b.zeros(n);
    ladder.rungs[r].run(a, b.stream);
    const auto counts = b.counts();
    u64 sectors = 0;
    for (const emu::SiteCount& s : counts)
      if (!s.shared && s.lanes * sizeof(float) == s.least * 32) sectors += s.cost;
    CHECK(sectors * 32 == want[r].bytes * u64(n));
    const Total stores = total(counts, true, true);
    CHECK(stores.cost == want[r].turns * stores.least);
    CHECK(total(counts, true, false).cost == total(counts, true, false).least);
  }
}

// What the page of the ladders says, in tenths: bytes read from global memory for each output; loads
// of warps from shared memory, and the turns that they take, for 32 products.
TEST_CASE("counters: what the rungs of conv move") {
  using namespace lat::kernels;
  struct Cost {
    i64 bytes, loads, turns;
  };
  const Cost want[] = {{835, 0, 0}, {71, 20, 20}, {23, 5, 5}, {48, 5, 5}, {43, 3, 9}};
  constexpr i64 B = 5, H = 64, C = 1, K = 32, R = 4, P = 32;  // more images take the same tile
  constexpr i64 outputs = B * P * P * K, products = outputs * R * R * C;
  const DeviceLadder& ladder = emulated_ladders()[0];
  REQUIRE(size_t(ladder.count) == std::size(want));
  for (i64 r = 0; r < ladder.count; ++r) {
    CAPTURE(std::string(ladder.rungs[r].name));
    Bench b;
    Arg a[16];
    a[0].p = b.zeros(outputs), a[1].p = b.zeros(B * H * H * C);
    a[2].p = b.zeros(R * R * C * K), a[3].p = b.zeros(K);
    const i64 sizes[] = {B, H, H, C, K, R, R, P, P, 2, 1, 1};
    for (size_t k = 0; k < std::size(sizes); ++k) a[4 + k].i = sizes[k];
    if (ladder.rungs[r].scratch) REQUIRE(ladder.rungs[r].scratch(a) == 0);
    ladder.rungs[r].run(a, b.stream);
    const auto counts = b.counts();
    const auto tenths = [](u64 n, i64 of) { return i64((n * 10 + u64(of) / 2) / u64(of)); };
    const Total shared = total(counts, true, false);
    CHECK(tenths(total(counts, false, false).cost * 32, outputs) == want[r].bytes);
    CHECK(tenths(shared.warps * 32, products) == want[r].loads);
    CHECK(tenths(shared.cost * 32, products) == want[r].turns);
    CHECK(shared.cost == shared.least);
    CHECK(total(counts, false, true).cost * 32 == u64(outputs) * sizeof(float));
  }
}

}  // namespace
}  // namespace lat::test
