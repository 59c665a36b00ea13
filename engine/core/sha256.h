#pragma once
// SHA-256 (FIPS 180-4): the hash of parameters, checkpoints and data sets.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace lat {

class Sha256 {
 public:
  // Appends `size` bytes to the message; any cut into pieces gives the same digest.
  void update(const void* bytes, size_t size);

  // The digest of the message so far, 64 lower-case hex digits; updates may follow.
  std::string hex() const;

 private:
  void finish_block(const uint8_t* block);

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> block_ = {};  // the bytes of the block that is not full yet
  uint64_t length_ = 0;                 // bytes so far
};

}  // namespace lat
