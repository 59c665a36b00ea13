// A block of 64 numbers at a time: 16 counters side by side in 64-bit lanes, where one widening
// multiplication gives both halves of a Philox product. Blocks that a call covers only in part are
// drawn whole and cut.
#include "kernels/random/random.h"

#include "kernels/common/map.h"
#include "kernels/common/planted.h"
#include "kernels/random/draws.h"

namespace lat::kernels::LAT_ISA {
namespace {

// 64-bit lanes, each of which holds a 32-bit value in its low half; the high half is anything.
using Wide = m::Bare<VecD>;

// The 64-bit products of the low halves.
LAT_INLINE Wide multiply_low(Wide a, Wide b) {
#if defined(__x86_64__) && LAT_VECTOR_BYTES == 64
  return bits<Wide>(_mm512_maskz_mul_epu32(__mmask8(-1), bits<__m512i>(a), bits<__m512i>(b)));
#elif defined(__x86_64__) && LAT_VECTOR_BYTES == 32
  return bits<Wide>(_mm256_mul_epu32(bits<__m256i>(a), bits<__m256i>(b)));
#elif defined(__x86_64__)
  return bits<Wide>(_mm_mul_epu32(bits<__m128i>(a), bits<__m128i>(b)));
#elif defined(__aarch64__)
  return bits<Wide>(vmull_u32(vmovn_u64(bits<uint64x2_t>(a)), vmovn_u64(bits<uint64x2_t>(b))));
#else
  return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

// The words of the counters first + 0, 2, 4, ...
struct Four {
  Wide word[4];
};
LAT_INLINE Four philox_lanes(u32 first, u32 c1, u32 c2, u32 c3, const u64 (*key)[2]) {
  const Wide mul0 = Wide{} + u64(kPhiloxMul0), mul1 = Wide{} + u64(kPhiloxMul1);
  Wide a = lane_numbers<Wide, u64>() * u64(2) + u64(first);
  Wide b = Wide{} + u64(c1), c = Wide{} + u64(c2), d = Wide{} + u64(c3);
#pragma GCC unroll 10
  for (i32 round = 0; round < kPhiloxRounds; ++round) {
    const Wide p0 = multiply_low(a, mul0), p1 = multiply_low(c, mul1);
    a = (p1 >> 32) ^ b ^ key[round][0];
    c = (p0 >> 32) ^ d ^ key[round][1];
    b = p1;
    d = p0;
  }
  return {{a, b, c, d}};
}

// What a call's random bits depend on besides the element.
struct Source {
  u64 first;  // element number of the call's element 0
  u64 tick;
  u32 step, draw;
  u64 key[kPhiloxRounds][2];  // of each round, in memory: a vector is filled from there for free
  Source(const u64* clock, i64 cols, i64 seed, i64 stream)
      : first(clock[1] * u64(cols)),
        tick(clock[0]),
        step(u32(u64(stream) >> 32)),
        draw(u32(stream)) {
    u32 k0 = u32(u64(seed)), k1 = u32(u64(seed) >> 32);
    for (i32 round = 0; round < kPhiloxRounds; ++round, k0 += kPhiloxKey0, k1 += kPhiloxKey1) {
      key[round][0] = k0;
      key[round][1] = k1;
    }
  }
};

// use(words, lane): the four words of the counters lane, lane + 1, ... of a block, for all of its
// 16 counters.
template <class Use>
LAT_INLINE void for_counters(const Source& s, u64 block, Use&& use) {
  const u64 counter = block * u64(kDrawCounters);
  const u32 c1 = u32(counter >> 32 & 0xffffu) | s.step << 16;
  for (i64 lane = 0; lane < kDrawCounters; lane += kWidth<VecU>) {
    const u32 c0 = u32(counter) + u32(lane);
    const Four even = philox_lanes(c0, c1, s.draw, u32(s.tick), s.key);
    const Four odd = philox_lanes(c0 + 1, c1, s.draw, u32(s.tick), s.key);
    VecU words[4];
#pragma GCC unroll 4
    for (i64 j = 0; j < 4; ++j)
      words[j] = bits<VecU>((even.word[j] & 0xffffffffu) | (odd.word[j] << 32));
    use(words, lane);
  }
}

LAT_INLINE void draw_uniform(const Source& s, u64 block, float* y) {
  for_counters(s, block, [&](const VecU* w, i64 lane) LAT_FLAT {
#pragma GCC unroll 4
    for (i64 j = 0; j < 4; ++j) store(y + kDrawCounters * j + lane, uniform_of<VecF>(w[j]));
  });
}

LAT_INLINE void draw_normal(const Source& s, u64 block, float* y) {
  for_counters(s, block, [&](const VecU* w, i64 lane) LAT_FLAT {
#pragma GCC unroll 2
    for (i64 j = 0; j < 4; j += 2) {
      const Normals<VecF> z = normals_of<VecF>(w[j], w[j + 1]);
      store(y + kDrawCounters * j + lane, z.first);
      store(y + kDrawCounters * (j + 1) + lane, z.second);
    }
  });
}

// draw(s, block, y) fills a block; use(y, i, n) takes n numbers from y as the elements i, i + 1,
// ... of the call.
template <class Draw, class Use>
LAT_INLINE void for_blocks(Part part, const Source& s, i64 n, Draw&& draw, Use&& use) {
  if (n <= 0) return;
  const u64 first_block = s.first / u64(kDrawBlock);
  const i64 head =
      i64(s.first % u64(kDrawBlock));  // elements of the first block that precede the call
  const i64 blocks = ceil_div(head + n, kDrawBlock);
  for (i64 b = part.begin(blocks); b < part.end(blocks); ++b) {
    alignas(64) float y[kDrawBlock];
    draw(s, first_block + u64(b), y);
    const i64 i = b * kDrawBlock - head;
    const i64 begin = max_of(i, 0), end = min_of(i + kDrawBlock, n);
    use(y + (begin - i), begin, end - begin);
  }
}

// One vector of a block's floats as T.
template <class T, class In>
LAT_INLINE Vec<T> take(In in, const float* y) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return in.load(y);
  } else {
    Vec<T> v{};
    for (i64 l = 0; l < in.n; ++l) v[l] = T(y[l]);
    return v;
  }
}

}  // namespace

template <class T>
void advance(Part part, InOut<u64> clock) {
  if (part.index == 0 && !planted(Bug::clock_stands_still)) clock.p[0] += 1;
}

template <class T>
void normal(Part part, T* y, const u64* clock, i64 n, i64 cols, i64 seed, i64 stream) {
  for_blocks(part, {clock, cols, seed, stream}, n, draw_normal,
             [&](const float* z, i64 first, i64 count) LAT_FLAT {
               map<T>({0, count}, [&](auto in, i64 i)
                                      LAT_FLAT { in.store(y + first + i, take<T>(in, z + i)); });
             });
}

template <class T>
void uniform(Part part, T* y, const u64* clock, i64 n, i64 cols, i64 seed, i64 stream) {
  for_blocks(part, {clock, cols, seed, stream}, n, draw_uniform,
             [&](const float* u, i64 first, i64 count) LAT_FLAT {
               map<T>({0, count}, [&](auto in, i64 i)
                                      LAT_FLAT { in.store(y + first + i, take<T>(in, u + i)); });
             });
}

template <class T>
void bernoulli(Part part, T* y, const T* prob, const u64* clock, i64 n, i64 cols, i64 seed,
               i64 stream) {
  for_blocks(part, {clock, cols, seed, stream}, n, draw_uniform,
             [&](const float* u, i64 first, i64 count) LAT_FLAT {
               map<T>({0, count}, [&](auto in, i64 i) LAT_FLAT {
                 const Vec<T> p = in.load(prob + first + i);
                 in.store(y + first + i, bernoulli_of(take<T>(in, u + i), p));
               });
             });
}

template <class T>
void reparameterise(Part part, T* z, T* eps, const T* mu, const T* logvar, const u64* clock, i64 n,
                    i64 cols, i64 seed, i64 stream) {
  for_blocks(part, {clock, cols, seed, stream}, n, draw_normal,
             [&](const float* noise, i64 first, i64 count) LAT_FLAT {
               map<T>({0, count}, [&](auto in, i64 i) LAT_FLAT {
                 const i64 at = first + i;
                 const Vec<T> e = take<T>(in, noise + i);
                 const Vec<T> latent = reparameterised(in.load(mu + at), in.load(logvar + at), e);
                 in.store(eps + at, e);
                 in.store(z + at, latent);
               });
             });
}

template <class T>
void reparameterise_d1(Part part, T* dlogvar, const T* dz, const T* eps, const T* logvar, i64 n) {
  map<T>(cut(part, n), [&](auto in, i64 i) LAT_FLAT {
    in.store(dlogvar + i,
             reparameterised_d1(in.load(dz + i), in.load(logvar + i), in.load(eps + i)));
  });
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/random/random.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
