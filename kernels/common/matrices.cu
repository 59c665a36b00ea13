// Products of matrices: tiles of product.h, or where one side has few lines, a warp for a group of
// outputs.
#include "kernels/common/cuda.h"

#include "kernels/common/matrices.h"
#include "kernels/common/product.h"

namespace lat::kernels::LAT_ISA {
namespace {

template <class T>
struct MatrixProduct {
  Matrix<T> a, b;
  i64 m, n, k, offset;
  __device__ i64 row(i64 i) const { return offset + i * n; }
};

template <class T>
struct Batch {
  MatrixProduct<T> first;
  i64 a_step, b_step;
  __device__ MatrixProduct<T> member(i64 g) const {
    MatrixProduct<T> p = first;
    p.a.p += g * a_step;
    p.b.p += g * b_step;
    p.offset = g * p.m * p.n;
    return p;
  }
};

// One b for all rows is one tall product.
template <class T>
Extents extents(const MatrixCall<T>& x) {
  const bool tall = (x.flags & (kOneB | kOneA | kTransposedA)) == kOneB;
  return tall ? Extents{1, x.batch * x.m, x.n, x.k} : Extents{x.batch, x.m, x.n, x.k};
}

template <class T>
Matrix<T> matrix(const T* p, i64 lines, i64 k, bool by_k) {
  return by_k ? Matrix<T>{p, lines, 1, lines, aligned_packs(p, lines)}
              : Matrix<T>{p, lines, k, 1, false};
}

// ---- few rows or few columns --------------------------------------------------------------------

// Of a tile all but a few lines would be idle, and its blocks too few. Here a warp computes 8 lines of
// one operand by up to 4 of the other, an output a lane, and a chunk of their sums. It fills its ring
// for itself: no warp waits for another until the sums of their chunks are added.
constexpr i32 kMany = 8, kFew = 4, kWarps = 4, kRing = 6;

template <class T>
struct Ring {
  static constexpr i32 kDepth = 128 / i32(sizeof(T));
  static_assert(kChunk % kDepth == 0);
  Slice<T, kMany, kDepth> many[kRing];
  Slice<T, kFew, kDepth> few[kRing];
};

// The sum over k = begin, begin + 1, ... (n of them, at most a chunk) of this lane's output.
template <class T>
__device__ __forceinline__ T sum_chunk(Ring<T>& ring, const Matrix<T>& many, const Matrix<T>& few,
                                       i64 line, i64 begin, i32 n) {
  constexpr i32 depth = Ring<T>::kDepth;
  typename Matrix<T>::template Reader<Slice<T, kMany, depth>, 32> from_many(many, nullptr, line,
                                                                            begin);
  typename Matrix<T>::template Reader<Slice<T, kFew, depth>, 32> from_few(few, nullptr, 0, begin);
  const auto fetch = [&](i32 slice) {
    const i32 left = n - slice * depth;
    if (left > 0) {
      from_many.fetch(ring.many[slice % kRing], i32(min_of(left, depth)));
      from_few.fetch(ring.few[slice % kRing], i32(min_of(left, depth)));
    }
    cu::copy_commit();
  };
  for (i32 slice = 0; slice < kRing - 1; ++slice) fetch(slice);

  const i32 x = i32(threadIdx.x) % kMany, y = i32(threadIdx.x) / kMany;
  T sum = 0;
  for (i32 slice = 0; slice * depth < n; ++slice) {
    cu::copy_wait<kRing - 2>();
    __syncwarp();
    fetch(slice + kRing - 1);
    const auto& a = ring.many[slice % kRing];
    const auto& b = ring.few[slice % kRing];
    if (n - slice * depth >= depth) {
      CU_UNROLL
      for (i32 k = 0; k < depth; ++k) sum = fma(a.at[k][x], b.at[k][y], sum);
    } else {
      for (i32 k = 0; k < n - slice * depth; ++k) sum = fma(a.at[k][x], b.at[k][y], sum);
    }
  }
  return sum;
}

// Blocks are (chunk, member, group of lines); the warps of a block take its chunks in turn. The few
// lines are rows, or columns.
template <class T>
__global__ void __launch_bounds__(32 * kWarps)
    multiply_few(Batch<T> products, Share share, Finish<T> finish, bool rows) {
  CU_DYN_SHARED(Ring<T>, rings);
  CU_SHARED(T, sums, [kWarps][32]);
  const u32 groups = share.rows * share.cols, member = blockIdx.x / groups;
  const u32 g = member % share.members, part = member / share.members;
  const auto p = products.member(g);
  const Matrix<T>&many = rows ? p.b : p.a, &few = rows ? p.a : p.b;
  const i64 first_line = i64(blockIdx.x % groups) * kMany;

  const i32 lane = i32(threadIdx.x), warp = i32(threadIdx.y), warps = i32(blockDim.y);
  const i64 line = first_line + lane % kMany, other = lane / kMany;
  const i64 i = rows ? other : line, j = rows ? line : other;
  const bool inside = i < p.m && j < p.n;
  T* const out = finish.out + part * share.out_step + p.row(i) + j;

  const i64 begin = share.first + part * share.depth, end = min_of(p.k, begin + share.depth);
  const i64 chunks = max_of(1, ceil_div(end - begin, kChunk));
  T total = inside && finish.into ? *out : T(-0.0);  // -0 + x is x
  for (i64 chunk = 0; chunk < chunks; chunk += warps) {
    const i64 from = begin + (chunk + warp) * kChunk;
    if (chunk + warp < chunks)
      sums[warp][lane] =
          sum_chunk(rings[warp], many, few, first_line, from, i32(min_of(kChunk, end - from)));
    __syncthreads();
    if (warp == 0)
      for (i32 w = 0; w < warps && chunk + w < chunks; ++w) total = total + sums[w][lane];
    __syncthreads();
  }
  if (warp > 0 || !inside) return;
  if (finish.bias) total = total + finish.bias[g * finish.bias_step + j];
  *out = activate(total, finish.act);
}

i64 groups_of(const Extents& e) { return ceil_div(max_of(e.m, e.n), kMany); }

bool is_few(const Extents& e) { return min_of(e.m, e.n) <= kFew; }

// Of how many chunks the sums wait in scratch memory at a time (0: blocks add their own): the least
// time by estimate. A product takes a chain 6 cycles, and a busy multiprocessor 2 for a warp.
i64 chunks_at_once(const Extents& e) {
  const i64 chunks = ceil_div(e.k, kChunk), blocks = e.members * groups_of(e);
  const auto time = [](i64 all_blocks, i64 chain, i64 depth) {
    return max_of(6 * chain, 2 * ceil_div(all_blocks, kProcessors) * depth);
  };
  const i64 at_once = min_of(chunks, kMostBlocks / max_of(1, blocks));
  if (at_once < 2) return 0;
  const i64 together = time(blocks, ceil_div(chunks, kWarps) * kChunk, e.k);
  const i64 apart = ceil_div(chunks, at_once) * (time(blocks * at_once, kChunk, kChunk) + kLaunch) +
                    chunks * e.size / kSumsPerCycle;
  return apart < together ? at_once : 0;
}

template <class T>
void run_few(Part stream, const Batch<T>& products, const Extents& e, const Finish<T>& finish) {
  const i64 groups = groups_of(e);
  in_rounds(stream, e, {u32(e.members), 1, u32(groups), 0, e.k, 0}, chunks_at_once(e), finish,
            [&](i64 parts, const Share& share, const Finish<T>& how) {
              const i64 warps = max_of(1, min_of(kWarps, ceil_div(share.depth, kChunk)));
              stream.launch(multiply_few<T>,
                            {parts * e.members * groups, gpu::Extent(32, warps),
                             warps * i64(sizeof(Ring<T>))},
                            products, share, how, e.m <= e.n);
            });
}

}  // namespace

template <class T>
void multiply(Part stream, const MatrixCall<T>& x) {
  const Extents e = extents(x);
  if (is_nothing(e, x.into)) return;
  const Batch<T> products{{matrix(x.a, e.m, e.k, x.flags & kTransposedA),
                           matrix(x.b, e.n, e.k, !(x.flags & kTransposedB)), e.m, e.n, e.k, 0},
                          x.flags & kOneA ? 0 : e.m * e.k,
                          x.flags & kOneB ? 0 : e.k * e.n};
  const Finish<T> finish{x.c, x.bias, x.flags & kOneB ? 0 : e.n, x.act, x.into, false};
  if (is_few(e)) return run_few(stream, products, e, finish);
  multiply<T>(stream, products, e, finish, true);
}

template <class T>
i64 scratch_bytes(const MatrixCall<T>& x) {
  const Extents e = extents(x);
  if (is_few(e)) return chunks_at_once(e) * e.size * i64(sizeof(T));
  return scratch_bytes<T>(e);
}

template void multiply(Part, const MatrixCall<float>&);
template i64 scratch_bytes(const MatrixCall<float>&);
#ifndef LAT_FLOAT_ONLY
template void multiply(Part, const MatrixCall<double>&);
template i64 scratch_bytes(const MatrixCall<double>&);
#endif

}  // namespace lat::kernels::LAT_ISA
