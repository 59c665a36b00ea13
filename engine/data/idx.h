#pragma once
// IDX, the file format of MNIST: 00 00 TT NN, then NN big-endian 32-bit extents, then the values in
// row-major order, big-endian. Plain or inside gzip. Source: yann.lecun.com/exdb/mnist, "The IDX
// file format"; gzip is RFC 1952.
#include <cstdint>
#include <string>
#include <vector>

namespace lat {

enum class IdxType : uint8_t { u8 = 0x08, i16 = 0x0B, i32 = 0x0C, f32 = 0x0D, f64 = 0x0E };

// Bytes of one value.
int64_t idx_size(IdxType type);

struct IdxArray {
  IdxType type = IdxType::u8;
  std::vector<int64_t> dims;   // 1 to 4 extents
  std::vector<uint8_t> bytes;  // the values in the byte order of this machine
  int64_t promised = 0;        // the first extent in the file's header, before any limit
};

// Reads at most `limit` entries of the first extent (0: all of them). The values go straight to
// their place, so memory peaks at the values kept. Without a limit the file must end where its
// header says and a gzip check sum must hold; with one, what follows the last entry read is not
// looked at. Nothing is allocated before the header is known to be possible for a file of this
// size. Throws Code::input for a file that is missing, damaged or not IDX, Code::machine when
// reading fails.
IdxArray read_idx(const std::string& path, int64_t limit = 0);

// Writes a plain IDX file. `bytes` must hold the product of `dims` values. Throws Code::usage when
// it does not, Code::machine when writing fails.
void write_idx(const std::string& path, const IdxArray& array);

}  // namespace lat
