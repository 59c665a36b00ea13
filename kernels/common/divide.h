#pragma once
// Division by a number that is known before a kernel is launched: a GPU has no instruction that
// divides integers, and a broadcast divides for every element.
#include "kernels/common/types.h"

namespace lat::kernels {

struct Division {
  i64 quotient, remainder;
};

// Of n >= 0 by a divisor >= 1.
class Divisor {
 public:
  // With 2^(s-1) < divisor <= 2^s and factor = ceil(2^(31+s) / divisor), n factor / 2^(31+s) is
  // too large by less than 1 / divisor where n < 2^31 (Granlund & Montgomery 1994).
  explicit Divisor(i64 divisor = 1) : divisor_(divisor), factor_(0), shift_(31) {
    if (divisor >= kSmall) return;  // the quotient of a small n is 0
    while (i64(1) << (shift_ - 31) < divisor) ++shift_;
    factor_ = u32(((u64(1) << shift_) + u64(divisor) - 1) / u64(divisor));
  }
  LAT_INLINE Division divide(i64 n) const {
    if (n >= kSmall) return {n / divisor_, n % divisor_};
    const u32 quotient = u32(u64(n) * factor_ >> shift_);
    return {quotient, u32(n) - quotient * u32(divisor_)};
  }
  LAT_INLINE i64 value() const { return divisor_; }

 private:
  static constexpr i64 kSmall = i64(1) << 31;
  i64 divisor_;
  u32 factor_, shift_;
};

}  // namespace lat::kernels
