// What the machine can do at best with one instruction set's vectors: the two roofs of a roofline.
#include "kernels/common/map.h"
#include "kernels/study/study.h"

namespace lat::kernels::LAT_ISA {
namespace {

constexpr i64 kWide = kWidth<VecF>;

// As many chains as hide the latency of an fma on every port, and still fit 16 registers.
constexpr i64 kChains = 12, kSteps = 64;

void multiply_add(const Arg* arg, Part part) {
  float* const sink = static_cast<float*>(arg[0].p) + 16 * part.index;
  const VecF a = splat<VecF>(0.999f), b = splat<VecF>(1e-3f);
  VecF sum[kChains];
#pragma GCC unroll 12
  for (i64 c = 0; c < kChains; ++c) sum[c] = splat<VecF>(float(c));
  for (i64 i = 0; i < arg[1].i * kSteps; ++i)
#pragma GCC unroll 12
    for (i64 c = 0; c < kChains; ++c) sum[c] = fma(sum[c], a, b);
  for (i64 c = 1; c < kChains; ++c) sum[0] += sum[c];
  sink[0] = sum[0][0];
}

// Past the caches where the instruction set can.
template <bool streamed>
LAT_INLINE void put(float* p, VecF v) {
#if defined(__x86_64__)
  if constexpr (streamed) {
#if LAT_VECTOR_BYTES == 64
    _mm512_stream_ps(p, bits<__m512>(v));
#elif LAT_VECTOR_BYTES == 32
    _mm256_stream_ps(p, bits<__m256>(v));
#else
    _mm_stream_ps(p, bits<__m128>(v));
#endif
    return;
  }
#endif
  store(p, v);
}

// body(i) for whole vectors of the part's slice, four side by side, again and again.
template <class Body>
LAT_INLINE void stream(const Arg* arg, Part part, Body&& body) {
  const Range r = cut(part, arg[3].i);
  for (i64 round = 0; round < arg[4].i; ++round) {
    for (i64 i = r.begin; i < r.end; i += 4 * kWide)
#pragma GCC unroll 4
      for (i64 v = 0; v < 4; ++v) body(i + v * kWide, v);
    asm volatile("" ::: "memory");  // another round is other work
  }
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

void read(const Arg* arg, Part part) {
  const float* const b = static_cast<const float*>(arg[1].p);
  VecF sum[4]{};
  stream(arg, part, [&](i64 i, i64 v) LAT_FLAT {
    sum[v] = bits<VecF>(bits<VecU>(sum[v]) ^ bits<VecU>(load<VecF>(b + i)));
  });
  for (i64 v = 1; v < 4; ++v) sum[0] = bits<VecF>(bits<VecU>(sum[0]) ^ bits<VecU>(sum[v]));
  static_cast<float*>(arg[0].p)[16 * part.index] = sum[0][0];
}

template <bool streamed>
void write(const Arg* arg, Part part) {
  float* const a = static_cast<float*>(arg[0].p);
  const VecF one = splat<VecF>(1);
  stream(arg, part, [&](i64 i, i64) LAT_FLAT { put<streamed>(a + i, one); });
}

template <bool streamed>
void copy(const Arg* arg, Part part) {
  float* const a = static_cast<float*>(arg[0].p);
  const float* const b = static_cast<const float*>(arg[1].p);
  stream(arg, part, [&](i64 i, i64) LAT_FLAT { put<streamed>(a + i, load<VecF>(b + i)); });
}

template <bool streamed>
void triad(const Arg* arg, Part part) {
  float* const a = static_cast<float*>(arg[0].p);
  const float* const b = static_cast<const float*>(arg[1].p);
  const float* const c = static_cast<const float*>(arg[2].p);
  const VecF s = splat<VecF>(3);
  stream(arg, part, [&](i64 i, i64) LAT_FLAT {
    put<streamed>(a + i, fma(s, load<VecF>(c + i), load<VecF>(b + i)));
  });
}

constexpr Stream kStreams[] = {{"read", read, 1},         {"write", write<false>, 1},
                               {"write", write<true>, 1}, {"copy", copy<false>, 2},
                               {"copy", copy<true>, 2},   {"triad", triad<false>, 3},
                               {"triad", triad<true>, 3}};
constexpr Probes kProbes{multiply_add, 2 * kChains* kSteps* kWide, kStreams,
                         i64(sizeof(kStreams) / sizeof(kStreams[0]))};

}  // namespace

const Probes& probes() { return kProbes; }

}  // namespace lat::kernels::LAT_ISA
