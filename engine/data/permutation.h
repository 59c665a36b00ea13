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
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <utility>

#include "engine/core/error.h"

namespace lat {

struct Permutation {
  // A function of n (1 <= n < 2^62), seed and epoch alone. Throws Code::usage for another n.
  Permutation(int64_t n, uint64_t seed, uint64_t epoch) : n_(n) {
    LAT_CHECK(n >= 1 && n < int64_t{1} << 62, Code::usage, "Permutation", n,
              " elements cannot be permuted: give 1 to 2^62 - 1");
    const int bits =
        std::max(kLeastBits, static_cast<int>(std::bit_width(static_cast<uint64_t>(n - 1))));
    right_bits_ = bits / 2;
    left_bits_ = bits - right_bits_;
    uint64_t state = mix(mix(mix(seed) ^ epoch) ^ static_cast<uint64_t>(n));
    for (uint64_t& key : keys_) key = mix(state += kWeyl);
  }

  // Where element i goes. i must be in [0, n).
  int64_t operator()(int64_t i) const {
    uint64_t x = static_cast<uint64_t>(i);
    do x = feistel(x);
    while (x >= static_cast<uint64_t>(n_));
    return static_cast<int64_t>(x);
  }

 private:
  static constexpr int kRounds = 8;  // even, so that the halves end with the sizes they began with
  static constexpr int kLeastBits = 6;  // eight rounds mix halves of 1 or 2 bits too little
  static constexpr uint64_t kWeyl = 0x9E3779B97F4A7C15;

  static constexpr uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    return x ^ (x >> 31);
  }

  // Each round: (left, right) -> (right, left ^ mix(right ^ key)).
  uint64_t feistel(uint64_t x) const {
    uint64_t left = x >> right_bits_, right = x & ((uint64_t{1} << right_bits_) - 1);
    int left_bits = left_bits_, right_bits = right_bits_;
    for (const uint64_t key : keys_) {
      const uint64_t f = mix(right ^ key);
      const uint64_t next = left ^ (f & ((uint64_t{1} << left_bits) - 1));
      left = right;
      right = next;
      std::swap(left_bits, right_bits);
    }
    return (left << right_bits_) | right;
  }

  int64_t n_;
  int left_bits_, right_bits_;
  std::array<uint64_t, kRounds> keys_;
};

}  // namespace lat
