#pragma once
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011): 128 random bits from a 128-bit counter and a
// 64-bit key, any counter at any time. This is the plain form; random.cpp computes 16 counters side
// by side.
#include "kernels/common/types.h"

namespace lat::kernels::LAT_ISA {

constexpr u32 kPhiloxMul0 = 0xD2511F53u, kPhiloxMul1 = 0xCD9E8D57u;  // multipliers
constexpr u32 kPhiloxKey0 = 0x9E3779B9u,
              kPhiloxKey1 = 0xBB67AE85u;  // what each round adds to the key
constexpr i32 kPhiloxRounds = 10;

struct Philox {
  u32 word[4];
};

LAT_INLINE Philox philox(Philox c, u64 key) {
  u32 k0 = u32(key), k1 = u32(key >> 32);
  for (i32 round = 0; round < kPhiloxRounds; ++round) {
    const u64 p0 = u64(kPhiloxMul0) * c.word[0], p1 = u64(kPhiloxMul1) * c.word[2];
    c = {{u32(p1 >> 32) ^ c.word[1] ^ k0, u32(p1), u32(p0 >> 32) ^ c.word[3] ^ k1, u32(p0)}};
    k0 += kPhiloxKey0;
    k1 += kPhiloxKey1;
  }
  return c;
}

}  // namespace lat::kernels::LAT_ISA
