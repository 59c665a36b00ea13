#pragma once
// Shuffling without a table: a pseudo-random bijection on [0, n), computed element by element.
//
// A Feistel network permutes the smallest power of two that holds n, whatever its round function is
// (M. Luby, C. Rackoff, "How to construct pseudorandom permutations from pseudorandom functions",
// SIAM J. Comput. 17, 1988). Values that fall outside [0, n) walk on along their cycle until they
// are inside (J. Black, P. Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002); for n
// above 32 that takes fewer than two passes on average. The round function is the finaliser of
// SplitMix64 (G. Steele, D. Lea, C. Flood, OOPSLA 2014): a single multiplication, as in Philox,
// leaves the lowest bits of short halves nearly linear, which a chi-square test sees at n = 16.
#include "kernels/common/types.h"

namespace lat::kernels {

class Permutation {
 public:
  // A function of n (1 <= n < 2^62), seed and epoch alone.
  LAT_INLINE Permutation(i64 n, u64 seed, u64 epoch) : n_(u64(n)) {
    int bits = kLeastBits;
    while ((n_ - 1) >> bits) ++bits;
    right_bits_ = bits / 2;
    left_bits_ = bits - right_bits_;
    u64 state = mix(mix(mix(seed) ^ epoch) ^ n_);
    for (u64& key : keys_) key = mix(state += kWeyl);
  }

  // Where element i goes. i must be in [0, n).
  LAT_INLINE i64 operator()(i64 i) const {
    u64 x = u64(i);
    do x = feistel(x);
    while (x >= n_);
    return i64(x);
  }

  // Where the elements i, i + 1, ... go: as many as Lanes, a vector of u64, has.
  template <class Lanes>
  LAT_INLINE Lanes from(i64 i) const {
    Lanes x;
    constexpr int lanes = int(sizeof(Lanes) / sizeof(u64));
    for (int l = 0; l < lanes; ++l) x[l] = u64(i + l);
    x = feistel(x);
    for (;;) {
      const auto outside = x >= n_;
      bool any = false;
      for (int l = 0; l < lanes; ++l) any |= outside[l] != 0;
      if (!any) return x;
      x = outside ? feistel(x) : x;
    }
  }

 private:
  static constexpr int kRounds = 8;  // even, so that the halves end with the sizes they began with
  static constexpr int kLeastBits = 6;  // eight rounds mix halves of 1 or 2 bits too little
  static constexpr u64 kWeyl = 0x9E3779B97F4A7C15;

  template <class U>  // u64, or a vector of them
  static LAT_INLINE U mix(U x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    return x ^ (x >> 31);
  }

  // Each round: (left, right) -> (right, left ^ mix(right ^ key)).
  template <class U>
  LAT_INLINE U feistel(U x) const {
    U left = x >> right_bits_, right = x & ((u64{1} << right_bits_) - 1);
    int left_bits = left_bits_, right_bits = right_bits_;
    for (const u64 key : keys_) {
      const U next = left ^ (mix(right ^ key) & ((u64{1} << left_bits) - 1));
      left = right;
      right = next;
      const int other = left_bits;
      left_bits = right_bits;
      right_bits = other;
    }
    return (left << right_bits_) | right;
  }

  u64 n_;
  int left_bits_, right_bits_;
  u64 keys_[kRounds];
};

// The member of an endless run of shuffled epochs, each cut into n / rows whole batches, that stands in row r of batch
// `step`.
struct Shuffle {
  i64 first;
  Permutation order;
  LAT_INLINE Shuffle(i64 step, i64 rows, i64 n, u64 seed)
      : first(step % (n / rows) * rows), order(n, seed, u64(step / (n / rows))) {}
  LAT_INLINE i64 operator()(i64 r) const { return order(first + r); }
};

}  // namespace lat::kernels
