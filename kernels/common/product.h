#pragma once
// CUDA: products of two operands, out(i,j) = sum over k of a(i,k) b(j,k), in the order of chain.h.
//
// A block computes a tile of out, a thread some rows by some columns of it in registers. Slices of
// both operands, k slowest, come through a ring of shared buffers: asynchronous copies fill one while
// others are multiplied. What tells a matrix product from a convolution is where the elements of an
// operand lie: a Reader of the operand starts the copies of one slice after the other.
//
// The sums of a chunk are added to the totals, which wait in out. Where tiles are too few to occupy
// a device, every chunk is a block of its own that leaves its sums in scratch memory, and another
// kernel adds them in order: the same bits. A member of fewer chunks than others leaves -0 for those
// it lacks, which changes no sum.
#include <type_traits>

#include "kernels/common/activate.h"
#include "kernels/common/cuda.h"

namespace lat::kernels::LAT_ISA {

// ---- operands -----------------------------------------------------------------------------------

// A slice: element (x,k) is at[k][x]; x is a row of a or a column of b. The padding keeps 8 values of
// k times 4 of x in different banks.
template <class T, i32 lines, i32 depth>
struct alignas(16) Slice {
  static constexpr i32 kLines = lines, kDepth = depth;
  T at[depth][lines + 4];
};

// Which elements of a slice a thread copies: `width` neighbours in x, beginning at x and k and at
// every kXStep and kKStep from there.
struct Start {
  i32 x, k;
};
// A warp takes neighbours in x ...
template <class Slice, i32 threads, i32 width>
struct Along {
  static constexpr i32 kAcross = Slice::kLines / width < 32 ? Slice::kLines / width : 32;
  static constexpr i32 kWidth = width, kXStep = kAcross * width, kKStep = threads / kAcross;
  static __device__ __forceinline__ Start start() {
    return {i32(threadIdx.x) % kAcross * width, i32(threadIdx.x) / kAcross};
  }
};
// ... or 4 in x times 8 in k.
template <class Slice, i32 threads>
struct Across {
  static constexpr i32 kWidth = 1, kXStep = threads / 8, kKStep = 8;
  static __device__ __forceinline__ Start start() {
    return {i32(threadIdx.x) / 8, i32(threadIdx.x) % 8};
  }
};

// What a Reader may keep in shared memory of a row of a.
struct Place {
  i64 offset;
  i32 h, w;
};

// A matrix of which element (x,k) is p[x * x_step + k * k_step]; one of the steps is 1.
template <class T>
struct Matrix {
  static constexpr i64 kPack = i64(16 / sizeof(T));
  const T* p;
  i64 lines, x_step, k_step;
  bool packs;  // kPack neighbours in x are aligned and all inside or all outside

  template <class Slice, i32 threads>
  class Reader {
    using Packs = Along<Slice, threads, i32(kPack)>;
    using Lines = Along<Slice, threads, 1>;
    using Runs = Across<Slice, threads>;

   public:
    __device__ __forceinline__ Reader(const Matrix& m, Place*, i64 x, i64 k)
        : m_(m),
          start_(m.packs         ? Packs::start()
                 : m.k_step == 1 ? Runs::start()
                                 : Lines::start()),
          left_(i32(min_of(m.lines - x, Slice::kLines))),
          at_(m.p + (x + start_.x) * m.x_step + (k + start_.k) * m.k_step) {}

    // Starts the copies of the next slice, as far as there are lines and `depth` goes.
    __device__ __forceinline__ void fetch(Slice& to, i32 depth) {
      if (m_.packs)
        copy<Packs>(to, depth);
      else if (m_.k_step == 1)
        copy<Runs>(to, depth);
      else
        copy<Lines>(to, depth);
      at_ += Slice::kDepth * m_.k_step;
    }

   private:
    template <class Way>
    __device__ __forceinline__ void copy(Slice& to, i32 depth) const {
      CU_UNROLL
      for (i32 k = 0; k < Slice::kDepth; k += Way::kKStep) CU_UNROLL
      for (i32 x = 0; x < Slice::kLines; x += Way::kXStep)
        if (start_.k + k < depth && start_.x + x < left_)
          cu::copy_async<Way::kWidth * i32(sizeof(T))>(&to.at[start_.k + k][start_.x + x],
                                                       at_ + x * m_.x_step + k * m_.k_step);
    }

    const Matrix& m_;
    const Start start_;
    const i32 left_;
    const T* at_;
  };
};

template <class T>
bool aligned_packs(const T* p, i64 step) {
  return reinterpret_cast<uintptr_t>(p) % 16 == 0 && step % Matrix<T>::kPack == 0;
}

// ---- the tile -----------------------------------------------------------------------------------

// A warp is 4 x 8 threads of rows x cols outputs each, a block warp_rows x warp_cols warps.
template <i32 rows, i32 cols, i32 warp_rows, i32 warp_cols, i32 depth>
struct Tile {
  static constexpr i32 kThreadRows = rows, kThreadCols = cols, kWarpCols = warp_cols;
  static constexpr i32 kRows = warp_rows * 4 * rows, kCols = warp_cols * 8 * cols;
  static constexpr i32 kThreads = 32 * warp_rows * warp_cols, kDepth = depth;
  static_assert(kChunk % depth == 0);
};

// What becomes of the sums.
template <class T>
struct Finish {
  T* out;
  const T* bias;  // of the columns, or null
  i64 bias_step;  // to the next member's
  i64 act;
  bool into;   // added to what is in out
  bool packs;  // rows of out begin aligned and have a multiple of 4 columns
};

// Which part of a product a launch computes: blocks are (chunk, member, row of tiles, column).
struct Share {
  u32 members, rows, cols;
  i64 first, depth;  // block `chunk` sums over k = first + chunk * depth + (0 ... depth - 1)
  i64 out_step;      // and writes to out + chunk * out_step
};

template <class T, i32 n>
struct alignas(n * sizeof(T)) Pack {
  T v[n];
};

// groups * size elements: `size` neighbours out of every `step`.
template <i32 groups, i32 size, i32 step, class T>
__device__ __forceinline__ void load_packs(T (&to)[groups * size], const T* from) {
  CU_UNROLL
  for (i32 g = 0; g < groups; ++g) {
    const auto pack = *reinterpret_cast<const Pack<T, size>*>(from + g * step);
    CU_UNROLL
    for (i32 i = 0; i < size; ++i) to[g * size + i] = pack.v[i];
  }
}

// The outputs of one thread: groups of neighbours, so that a warp's groups lie side by side.
template <class T, class Tile>
struct Outputs {
  static constexpr i32 kRows = Tile::kThreadRows, kCols = Tile::kThreadCols;
  static constexpr i32 kRowPack = kRows < 4 ? kRows : 4, kColPack = kCols < 4 ? kCols : 4;
  static constexpr i32 kRowStep = 4 * kRowPack, kColStep = 8 * kColPack;  // from group to group

  i32 row, col;  // of the tile
  T sum[kRows][kCols];

  __device__ __forceinline__ explicit Outputs(T start) {
    const i32 warp = i32(threadIdx.x) / 32, lane = i32(threadIdx.x) % 32;
    row = warp / Tile::kWarpCols * (4 * kRows) + lane / 8 * kRowPack;
    col = warp % Tile::kWarpCols * (8 * kCols) + lane % 8 * kColPack;
    set(start);
  }
  __device__ __forceinline__ void set(T value) {
    CU_UNROLL
    for (i32 i = 0; i < kRows; ++i) CU_UNROLL
    for (i32 j = 0; j < kCols; ++j) sum[i][j] = value;
  }
  __device__ __forceinline__ i32 row_of(i32 i) const {
    return row + i / kRowPack * kRowStep + i % kRowPack;
  }

  template <class A, class B>
  __device__ __forceinline__ void multiply(const A& a, const B& b, i32 k) {
    T a_k[kRows], b_k[kCols];
    load_packs<kRows / kRowPack, kRowPack, kRowStep>(a_k, &a.at[k][row]);
    load_packs<kCols / kColPack, kColPack, kColStep>(b_k, &b.at[k][col]);
    CU_UNROLL
    for (i32 i = 0; i < kRows; ++i) CU_UNROLL
    for (i32 j = 0; j < kCols; ++j) sum[i][j] = fma(a_k[i], b_k[j], sum[i][j]);
  }

  // body(group of columns, its first column, how many of them are inside)
  template <class Body>
  __device__ __forceinline__ void for_cols(i32 cols, Body&& body) const {
    CU_UNROLL
    for (i32 g = 0; g < kCols / kColPack; ++g) {
      const i32 first = col + g * kColStep;
      if (first < cols) body(g * kColPack, first, i32(min_of(kColPack, cols - first)));
    }
  }

  // The sums become totals, added to those in out; out is the tile's first column in row 0, of which
  // `rows` and `cols` are inside.
  __device__ __forceinline__ void add_to(T* out, const i64* row_offset, i32 rows, i32 cols,
                                         bool add, const T* bias, i64 act, bool packs) {
    T bias_j[kCols];
    if (bias)
      for_cols(cols, [&](i32 j, i32 first, i32 n) {
        CU_UNROLL
        for (i32 c = 0; c < kColPack; ++c)
          if (c < n) bias_j[j + c] = bias[first + c];
      });
    CU_UNROLL
    for (i32 i = 0; i < kRows; ++i) {
      if (row_of(i) >= rows) continue;
      T* const to = out + row_offset[row_of(i)];
      for_cols(cols, [&](i32 j, i32 first, i32 n) {
        Pack<T, kColPack> total;
        if (add && packs) total = *reinterpret_cast<const Pack<T, kColPack>*>(to + first);
        CU_UNROLL
        for (i32 c = 0; c < kColPack; ++c) {
          if (add && !packs && c < n) total.v[c] = to[first + c];
          T v = add ? total.v[c] + sum[i][j + c] : sum[i][j + c];
          if (bias) v = v + bias_j[j + c];
          total.v[c] = act == 1 ? m::relu(v) : v;
          if (!packs && c < n) to[first + c] = total.v[c];
        }
        if (packs) *reinterpret_cast<Pack<T, kColPack>*>(to + first) = total;
      });
    }
  }

  // The longer activations, in a loop that is not unrolled.
  __device__ __forceinline__ void activate_in(T* out, const i64* row_offset, i32 rows, i32 cols,
                                              i64 act) const {
    for (i32 e = 0; e < kRows * kCols; ++e) {
      const i32 i = row_of(e / kCols), c = e % kCols;
      const i32 j = col + c / kColPack * kColStep + c % kColPack;
      if (i < rows && j < cols) out[row_offset[i] + j] = activate(out[row_offset[i] + j], act);
    }
  }
};

constexpr i32 kStages = 4;  // of the ring

// Members are the products of a call. members.member(g) is one: operands a and b, extents m, n, k,
// and row(i), the offset of its row i in out.
template <class Tile, class T, class Members>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kThreads < 256 ? 3 : 2)
    multiply_tile(Members members, Share share, Finish<T> finish) {
  using ASlice = Slice<T, Tile::kRows, Tile::kDepth>;
  using BSlice = Slice<T, Tile::kCols, Tile::kDepth>;
  CU_SHARED(ASlice, a_ring, [kStages]);
  CU_SHARED(BSlice, b_ring, [kStages]);
  CU_SHARED(Place, places, [Tile::kRows]);
  CU_SHARED(i64, row_offset, [Tile::kRows]);

  u32 block = blockIdx.x;
  const i64 col0 = i64(block % share.cols) * Tile::kCols;
  block /= share.cols;
  const i64 row0 = i64(block % share.rows) * Tile::kRows;
  block /= share.rows;
  const u32 g = block % share.members, chunk = block / share.members;

  const auto p = members.member(g);
  const i64 begin = share.first + chunk * share.depth;
  const i64 end = max_of(begin, min_of(p.k, begin + share.depth));
  if (row0 >= p.m) return;
  const i32 rows = i32(min_of(p.m - row0, Tile::kRows));
  const i32 cols = i32(min_of(p.n - col0, Tile::kCols));
  for (i32 i = i32(threadIdx.x); i < rows; i += Tile::kThreads) row_offset[i] = p.row(row0 + i);
  typename decltype(p.a)::template Reader<ASlice, Tile::kThreads> a(p.a, places, row0, begin);
  typename decltype(p.b)::template Reader<BSlice, Tile::kThreads> b(p.b, nullptr, col0, begin);
  __syncthreads();

  const i32 slices = i32(ceil_div(end - begin, Tile::kDepth));
  const i32 tail = i32(end - begin - (slices - 1) * i64(Tile::kDepth));  // depth of the last one
  const auto fetch = [&](i32 slice) {
    if (slice < slices) {
      const i32 depth = slice + 1 < slices ? Tile::kDepth : tail;
      a.fetch(a_ring[slice % kStages], depth);
      b.fetch(b_ring[slice % kStages], depth);
    }
    cu::copy_commit();
  };
  for (i32 slice = 0; slice < kStages - 1; ++slice) fetch(slice);

  Outputs<T, Tile> outputs(begin > 0 && begin == end ? T(-0.0) : T(0));
  i32 slice = 0;
  do {
    const i32 first = slice, last = i32(min_of(slice + kChunk / Tile::kDepth, slices));
    for (; slice < last; ++slice) {
      cu::copy_wait<kStages - 2>();
      __syncthreads();
      fetch(slice + kStages - 1);
      const ASlice& a_k = a_ring[slice % kStages];
      const BSlice& b_k = b_ring[slice % kStages];
      if (slice + 1 < slices || tail == Tile::kDepth) {
        CU_UNROLL
        for (i32 k = 0; k < Tile::kDepth; ++k) outputs.multiply(a_k, b_k, k);
      } else {
        for (i32 k = 0; k < tail; ++k) outputs.multiply(a_k, b_k, k);
      }
    }
    const bool add = finish.into || first > 0, done = slice == slices;
    outputs.add_to(finish.out + chunk * share.out_step + col0, row_offset, rows, cols, add,
                   finish.bias && done ? finish.bias + g * finish.bias_step + col0 : nullptr,
                   done ? finish.act : 0, finish.packs);
    outputs.set(0);
  } while (slice < slices);
  if (finish.act > 1) outputs.activate_in(finish.out + col0, row_offset, rows, cols, finish.act);
}

// ---- how a product is cut -----------------------------------------------------------------------

// out[i] = act(out[i] + sums[0][i] + sums[1][i] ... + bias), n columns to a row and `member` elements
// to a member.
template <class T>
__global__ void add_chunks(Finish<T> finish, const T* sums, i64 chunks, i64 size, i64 n,
                           i64 member) {
  const i64 i = i64(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= size) return;
  T total = finish.into ? finish.out[i] + sums[i] : sums[i];
  CU_UNROLL_BY(8)
  for (i64 c = 1; c < chunks; ++c) total = total + sums[c * size + i];
  if (finish.bias) total = total + finish.bias[i / member * finish.bias_step + i % n];
  finish.out[i] = activate(total, finish.act);
}

// The extents of a call: its members', or the largest of them.
struct Extents {
  i64 members, m, n, k;
  i64 size = members * m * n;  // of out
};

constexpr i64 kProcessors = 132, kMostBlocks = 8 * kProcessors;  // of a device, about
constexpr i64 kLaunch = 3000, kSumsPerCycle = 256;               // what it costs to cut

struct TileShape {
  i64 rows, cols;
  i64 rate;  // multiply-adds a cycle on one multiprocessor, about
};
constexpr TileShape kTiles[] = {
    {128, 128, 112}, {128, 64, 108}, {64, 64, 90}, {128, 32, 85}, {32, 32, 40}};
constexpr i32 kSmallest = 4;

template <class T, class Body>
void with_tile(i32 tile, Body&& body) {
  if constexpr (std::is_same_v<T, float>) switch (tile) {
      case 0:
        return body(Tile<8, 8, 4, 2, 8>{});
      case 1:
        return body(Tile<8, 8, 4, 1, 8>{});
      case 2:
        return body(Tile<8, 4, 2, 2, 16>{});
      case 3:
        return body(Tile<8, 4, 4, 1, 8>{});
      default:
        return body(Tile<2, 2, 4, 2, 32>{});
    }
  else
    body(Tile<2, 2, 4, 2, 16>{});
}

// The tile, and of how many chunks the sums wait in scratch memory at a time (0: blocks add their own).
struct Cut {
  i32 tile = kSmallest;
  i64 chunks = 0;
};

// The least time by estimate, in cycles: tiles on the busiest multiprocessor, and what splitting adds.
template <class T>
Cut cut_product(const Extents& e, bool may_split) {
  const i64 chunks = may_split ? ceil_div(e.k, kChunk) : 1;
  Cut best;
  i64 best_time = -1;
  const auto consider = [&](i64 time, Cut cut) {
    if (best_time < 0 || time < best_time) best_time = time, best = cut;
  };
  for (i32 t = std::is_same_v<T, float> ? 0 : kSmallest; t <= kSmallest; ++t) {
    const TileShape& tile = kTiles[t];
    const i64 tiles = e.members * ceil_div(e.m, tile.rows) * ceil_div(e.n, tile.cols);
    const auto time = [&](i64 blocks, i64 depth) {
      return ceil_div(blocks, kProcessors) * tile.rows * tile.cols * depth / tile.rate;
    };
    consider(time(tiles, e.k), {t, 0});
    const i64 at_once = min_of(chunks, kMostBlocks / max_of(1, tiles));
    if (chunks > 1 && at_once > 1)
      consider(ceil_div(chunks, at_once) * (time(tiles * at_once, kChunk) + kLaunch) +
                   chunks * e.size / kSumsPerCycle,
               {t, at_once});
  }
  return best;
}

template <class T>
i64 scratch_bytes(const Extents& e) {
  return cut_product<T>(e, true).chunks * e.size * i64(sizeof(T));
}

inline bool is_nothing(const Extents& e, bool into) { return e.size == 0 || (into && e.k == 0); }

// Queues a call: launch(parts, share, finish) computes `parts` times share.depth of the sums. They are
// all of them, or `at_once` chunks at a time that wait in scratch memory to be added.
template <class T, class Launch>
void in_rounds(Part stream, const Extents& e, Share share, i64 at_once, const Finish<T>& finish,
               Launch&& launch) {
  if (at_once == 0) return launch(1, share, finish);
  T* const sums = static_cast<T*>(stream.scratch);
  const Finish<T> bare{sums, nullptr, 0, 0, false, e.n % 4 == 0};
  share.depth = kChunk;
  share.out_step = e.size;
  for (; share.first < e.k; share.first += at_once * kChunk) {
    const i64 chunks = min_of(at_once, ceil_div(e.k - share.first, kChunk));
    launch(chunks, share, bare);
    Finish<T> now = finish;
    now.into = finish.into || share.first > 0;
    if (share.first + chunks * kChunk < e.k) now.bias = nullptr, now.act = 0;
    constexpr i64 threads = 256;
    stream.launch(add_chunks<T>, {ceil_div(e.size, threads), threads}, now, sums, chunks, e.size,
                  e.n, e.m * e.n);
  }
}

// All products of a call; only where their outputs are all of out may they be split.
template <class T, class Members>
void multiply(Part stream, const Members& members, const Extents& e, Finish<T> finish,
              bool may_split) {
  if (is_nothing(e, finish.into)) return;
  finish.packs = e.n % 4 == 0 && aligned_packs(finish.out, e.n);
  const Cut cut = cut_product<T>(e, may_split);
  with_tile<T>(cut.tile, [&]<class Tile>(Tile) {
    const i64 rows = ceil_div(e.m, Tile::kRows), cols = ceil_div(e.n, Tile::kCols);
    in_rounds(stream, e, {u32(e.members), u32(rows), u32(cols), 0, e.k, 0}, cut.chunks, finish,
              [&](i64 parts, const Share& share, const Finish<T>& how) {
                stream.launch(multiply_tile<Tile, T, Members>,
                              {parts * e.members * rows * cols, Tile::kThreads}, members, share,
                              how);
              });
  });
}

}  // namespace lat::kernels::LAT_ISA
