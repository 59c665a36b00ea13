#include "engine/data/idx.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>

#include "engine/core/error.h"

namespace lat {

namespace {

constexpr int64_t kMaxExtent = INT32_MAX;
constexpr int64_t kMaxDims = 4;
constexpr int64_t kPiece = 1 << 20;
constexpr int64_t kMaxRatio = 1032;  // deflate cannot shrink further (zlib.net/zlib_tech.html)

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

// 47,040,016
std::string grouped(int64_t value) {
  std::string digits = std::to_string(value);
  for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

// 60000 x 28 x 28
std::string shape_text(const std::vector<int64_t>& dims) {
  std::string text;
  for (const int64_t extent : dims) text += (text.empty() ? "" : " x ") + std::to_string(extent);
  return text;
}

// The bytes of a file, unpacked when it is gzip.
class Source {
 public:
  explicit Source(const std::string& path) : path_(path) {
    std::error_code error;
    LAT_CHECK(std::filesystem::is_regular_file(path, error), Code::input, path,
              "there is no such file, or it is a folder. Check the path");
    file_size_ = static_cast<int64_t>(std::filesystem::file_size(path, error));
    file_.reset(std::fopen(path.c_str(), "rb"));
    LAT_CHECK(file_ && !error, Code::input, path,
              "the file cannot be opened. Check its permissions");
    LAT_CHECK(file_size_ > 0, Code::input, path,
              "the file is empty (0 bytes), expected at least 8. Fetch it again");
    fill();
    packed_ = in_.size() >= 2 && in_[0] == 0x1F && in_[1] == 0x8B;
    if (packed_) {
      const int gzip_only = 15 + 16;
      LAT_CHECK(inflateInit2(&stream_, gzip_only) == Z_OK, Code::machine, path,
                "zlib cannot start: out of memory");
    }
  }
  ~Source() {
    if (packed_) inflateEnd(&stream_);
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  // Reads up to n bytes; fewer only at the end of the data. Throws Code::input for damaged gzip
  // data.
  int64_t read(uint8_t* to, int64_t n) {
    const int64_t got = packed_ ? inflate_into(to, n) : copy_into(to, n);
    offset_ += got;
    return got;
  }

  bool packed() const { return packed_; }
  bool cut_short() const { return cut_short_; }  // the gzip stream stopped before its end mark
  int64_t offset() const { return offset_; }     // unpacked bytes read so far
  int64_t file_size() const { return file_size_; }

  // No file of this size can hold more bytes than this.
  int64_t capacity() const {
    int64_t bytes = file_size_;
    if (packed_ && __builtin_mul_overflow(file_size_, kMaxRatio, &bytes)) bytes = INT64_MAX;
    return bytes;
  }

 private:
  // Reads the next piece of the file; in_ is empty afterwards only at its end.
  void fill() {
    file_offset_ += static_cast<int64_t>(in_.size());
    in_.resize(1 << 16);
    in_.resize(std::fread(in_.data(), 1, in_.size(), file_.get()));
    used_ = 0;
    LAT_CHECK(!std::ferror(file_.get()), Code::machine, path_, "reading failed at byte ",
              grouped(file_offset_), ". Check the disk");
  }

  int64_t copy_into(uint8_t* to, int64_t n) {
    const int64_t buffered = std::min(n, static_cast<int64_t>(in_.size() - used_));
    std::copy_n(in_.data() + used_, buffered, to);
    used_ += static_cast<size_t>(buffered);
    const size_t direct =
        std::fread(to + buffered, 1, static_cast<size_t>(n - buffered), file_.get());
    LAT_CHECK(!std::ferror(file_.get()), Code::machine, path_, "reading failed after byte ",
              grouped(offset_), ". Check the disk");
    return buffered + static_cast<int64_t>(direct);
  }

  int64_t inflate_into(uint8_t* to, int64_t n) {
    int64_t got = 0;
    while (got < n) {
      if (used_ == in_.size()) fill();
      if (in_.empty()) {
        cut_short_ = !between_members_;
        break;
      }
      if (between_members_) inflateReset(&stream_);  // gzip files may be joined end to end
      between_members_ = false;
      const int64_t space = std::min<int64_t>(n - got, 1 << 30);
      stream_.next_in = in_.data() + used_;
      stream_.avail_in = static_cast<uInt>(in_.size() - used_);
      stream_.next_out = to + got;
      stream_.avail_out = static_cast<uInt>(space);
      const int status = inflate(&stream_, Z_NO_FLUSH);
      used_ = in_.size() - stream_.avail_in;
      got += space - stream_.avail_out;
      if (status == Z_STREAM_END) {
        between_members_ = true;
      } else {
        LAT_CHECK(status != Z_MEM_ERROR, Code::machine, path_, "zlib ran out of memory");
        LAT_CHECK(status == Z_OK || status == Z_BUF_ERROR, Code::input, path_,
                  "the gzip data is damaged at byte ",
                  grouped(file_offset_ + static_cast<int64_t>(used_)), " of ", grouped(file_size_),
                  " (", stream_.msg ? stream_.msg : "no reason given", "). Fetch it again");
      }
    }
    return got;
  }

  std::string path_;
  File file_;
  std::vector<uint8_t> in_;  // a piece of the file
  size_t used_ = 0;          // bytes of in_ consumed
  int64_t file_offset_ = 0;  // where in_ starts in the file
  int64_t file_size_ = 0;
  int64_t offset_ = 0;
  bool packed_ = false;
  bool between_members_ = false;
  bool cut_short_ = false;
  z_stream stream_{};
};

struct Header {
  IdxType type;
  std::vector<int64_t> dims;
  int64_t row_bytes = 0;  // bytes of one entry of the first extent
  int64_t values = 0;     // bytes of all values
  int64_t bytes() const { return 4 + 4 * static_cast<int64_t>(dims.size()); }
};

Header read_header(Source& in, const std::string& path) {
  std::array<uint8_t, 4> magic{};
  LAT_CHECK(in.read(magic.data(), 4) == 4, Code::input, path, "the data ends at byte ", in.offset(),
            ", inside the 4 bytes of an IDX magic. Fetch it again");
  constexpr std::array<uint8_t, 5> kTypes = {0x08, 0x0B, 0x0C, 0x0D, 0x0E};
  const bool known = std::find(kTypes.begin(), kTypes.end(), magic[2]) != kTypes.end();
  if (magic[0] != 0 || magic[1] != 0 || !known || magic[3] < 1 || magic[3] > kMaxDims) {
    char found[16];
    std::snprintf(found, sizeof found, "%02x %02x %02x %02x", magic[0], magic[1], magic[2],
                  magic[3]);
    fail(Code::input, path, "bytes 0 to 3 are ", found,
         ", expected 00 00 TT NN with a type TT of 08, 0b, 0c, 0d or 0e and NN of 1 to 4 extents. "
         "This is no IDX file that can be used; check which file it is");
  }
  Header header{static_cast<IdxType>(magic[2]), {}, 0, 0};
  for (int k = 0; k < magic[3]; ++k) {
    std::array<uint8_t, 4> b{};
    const int64_t at = in.offset();
    LAT_CHECK(in.read(b.data(), 4) == 4, Code::input, path, "the data ends at byte ", in.offset(),
              ", inside its header of ", 4 + 4 * magic[3], " bytes. Fetch it again");
    const int64_t extent = int64_t{b[0]} << 24 | b[1] << 16 | b[2] << 8 | b[3];
    LAT_CHECK(extent >= 1 && extent <= kMaxExtent, Code::input, path, "extent ", k, " at byte ", at,
              " is ", grouped(extent), ", expected 1 to ", grouped(kMaxExtent),
              ". The header is damaged: fetch the file again");
    header.dims.push_back(extent);
  }
  header.values = idx_size(header.type);
  for (const int64_t extent : header.dims) {
    LAT_CHECK(!__builtin_mul_overflow(header.values, extent, &header.values) &&
                  header.values < INT64_MAX - header.bytes(),
              Code::input, path, "the header promises ", shape_text(header.dims),
              " values, more than 2^63 bytes. The header is damaged: fetch the file again");
  }
  header.row_bytes = header.values / header.dims[0];
  return header;
}

// "file is 7,840,000 bytes but its header promises 47,040,016 (60000 x 28 x 28)."
std::string size_text(const Source& in, const Header& header, int64_t found) {
  return cat(in.packed() ? "file unpacks to " : "file is ", grouped(found),
             " bytes but its header promises ", grouped(header.bytes() + header.values), " (",
             shape_text(header.dims), "). ");
}

[[noreturn]] void fail_cut_short(const Source& in, const std::string& path, const Header& header,
                                 int64_t found) {
  const int64_t whole = (found - header.bytes()) / header.row_bytes;
  const char* entry = header.dims.size() >= 3 ? "image" : "entry";
  const std::string remedy =
      whole == 0 ? std::string(".")
                 : cat(", or use --set data.limit=", whole, " to train on what is there.");
  fail(Code::input, path, size_text(in, header, found), "The file looks cut short at ", entry, " ",
       grouped(whole), ". Fetch it again", remedy);
}

void check_size(const Source& in, const std::string& path, const Header& header, int64_t needed,
                bool whole) {
  if (in.packed()) {
    LAT_CHECK(needed <= in.capacity(), Code::input, path, "gzip file is ", grouped(in.file_size()),
              " bytes and can unpack to at most ", grouped(in.capacity()),
              " but its header promises ", grouped(header.bytes() + header.values), " (",
              shape_text(header.dims), "). The header is damaged: fetch the file again");
    return;
  }
  if (in.file_size() < needed) fail_cut_short(in, path, header, in.file_size());
  const int64_t promised = header.bytes() + header.values;
  LAT_CHECK(!whole || in.file_size() == promised, Code::input, path,
            size_text(in, header, in.file_size()), "There are ", grouped(in.file_size() - promised),
            " bytes too many, from byte ", grouped(promised),
            " on. The header is damaged or files were joined: fetch it again");
}

// Reverses every value: IDX is big-endian.
void swap_bytes(std::vector<uint8_t>& bytes, int64_t size) {
  if (size == 1 || std::endian::native == std::endian::big) return;
  for (auto it = bytes.begin(); it != bytes.end(); it += size) std::reverse(it, it + size);
}

}  // namespace

int64_t idx_size(IdxType type) {
  switch (type) {
    case IdxType::u8:
      return 1;
    case IdxType::i16:
      return 2;
    case IdxType::i32:
      return 4;
    case IdxType::f32:
      return 4;
    case IdxType::f64:
      return 8;
  }
  fail(Code::usage, "idx_size", "type ", static_cast<int>(type), " is no IDX type");
}

IdxArray read_idx(const std::string& path, int64_t limit) {
  LAT_CHECK(limit >= 0, Code::usage, path, "limit ", limit, " is negative: give 0 for no limit");
  Source in(path);
  Header header = read_header(in, path);
  const int64_t promised = header.dims[0];
  const int64_t rows = limit > 0 ? std::min(limit, promised) : promised;
  const int64_t wanted = rows * header.row_bytes;
  const bool whole = rows == promised;
  check_size(in, path, header, header.bytes() + wanted, whole);

  IdxArray array{header.type, header.dims, {}, promised};
  array.dims[0] = rows;
  try {
    // The address space is taken at once, the memory as data arrives: a lying header costs nothing.
    array.bytes.reserve(static_cast<size_t>(wanted));
  } catch (const std::exception&) {
    fail(Code::machine, path, "needs ", grouped(wanted), " bytes of memory, more than there are. ",
         "Use --set data.limit=N to read fewer entries");
  }
  for (int64_t got = 0; got < wanted;) {
    const int64_t piece = std::min(kPiece, wanted - got);
    array.bytes.resize(static_cast<size_t>(got + piece));
    if (in.read(array.bytes.data() + got, piece) < piece) {
      fail_cut_short(in, path, header, in.offset());
    }
    got += piece;
  }
  if (whole) {
    uint8_t extra = 0;
    LAT_CHECK(in.read(&extra, 1) == 0, Code::input, path, "there is more data than the header's ",
              grouped(header.bytes() + header.values), " bytes (", shape_text(header.dims),
              "). The header is damaged or files were joined: fetch it again");
    LAT_CHECK(!in.cut_short(), Code::input, path,
              "the gzip data ends before its check sum, at byte ", grouped(in.file_size()),
              ". Fetch it again");
  }
  swap_bytes(array.bytes, idx_size(header.type));
  return array;
}

void write_idx(const std::string& path, const IdxArray& array) {
  int64_t bytes = idx_size(array.type);
  std::vector<uint8_t> header = {0, 0, static_cast<uint8_t>(array.type),
                                 static_cast<uint8_t>(array.dims.size())};
  bool possible = !array.dims.empty() && array.dims.size() <= kMaxDims;
  for (const int64_t extent : array.dims) {
    possible = possible && extent >= 1 && extent <= kMaxExtent &&
               !__builtin_mul_overflow(bytes, extent, &bytes);
    for (int shift = 24; shift >= 0; shift -= 8) {
      header.push_back(static_cast<uint8_t>(extent >> shift));
    }
  }
  LAT_CHECK(possible && bytes == static_cast<int64_t>(array.bytes.size()), Code::usage, path, "(",
            shape_text(array.dims), ") is no shape for ", array.bytes.size(),
            " bytes: give 1 to 4 extents of 1 to 2^31 - 1 whose product fits");

  std::vector<uint8_t> values = array.bytes;
  swap_bytes(values, idx_size(array.type));
  File file(std::fopen(path.c_str(), "wb"));
  const bool written = file &&
                       std::fwrite(header.data(), 1, header.size(), file.get()) == header.size() &&
                       std::fwrite(values.data(), 1, values.size(), file.get()) == values.size() &&
                       std::fflush(file.get()) == 0;
  LAT_CHECK(written, Code::machine, path, "cannot be written (", grouped(bytes),
            " bytes). Check the folder, its permissions and the free space");
}

}  // namespace lat
