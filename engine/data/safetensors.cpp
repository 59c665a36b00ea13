#include "engine/data/safetensors.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <new>
#include <span>
#include <utility>

#include "engine/core/error.h"
#include "engine/core/sha256.h"
#include "engine/data/file.h"

namespace lat {

static_assert(std::endian::native == std::endian::little, "elements are written as they lie");

namespace {

constexpr uint64_t kHeaderLimit = 100'000'000;  // bytes; the limit of the reference implementation
constexpr size_t kAlignment = 64;               // bytes
constexpr std::string_view kMetadata = "__metadata__";
constexpr std::string_view kChecksum = "sha256";

struct KindRow {
  std::string_view name;
  size_t size;
};
constexpr KindRow kKinds[] = {{"F32", 4}, {"F64", 8}, {"I32", 4}, {"I64", 8}, {"U8", 1}};

// ---- text -------------------------------------------------------------------------------------

// Bytes of the character that `text` begins with, 0 where they are not UTF-8 (RFC 3629, table 3-7
// of Unicode: no overlong form, no surrogate, nothing above U+10FFFF).
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0; };
  const auto follows = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const int a = byte(0), b = byte(1);
  if (a < 0x80) return text.empty() ? 0 : 1;
  if (!follows(1)) return 0;
  if (a >= 0xc2 && a <= 0xdf) return 2;
  if (!follows(2)) return 0;
  if (a >= 0xe0 && a <= 0xef) return (a == 0xe0 && b < 0xa0) || (a == 0xed && b > 0x9f) ? 0 : 3;
  if (!follows(3)) return 0;
  if (a >= 0xf0 && a <= 0xf4) return (a == 0xf0 && b < 0x90) || (a == 0xf4 && b > 0x8f) ? 0 : 4;
  return 0;
}

bool is_utf8(std::string_view text) {
  while (const size_t n = utf8_length(text)) text.remove_prefix(n);
  return text.empty();
}

void append_utf8(std::string& text, uint32_t code) {
  const auto put = [&](uint32_t byte) { text += static_cast<char>(byte); };
  const auto tail = [&](int shift) { put(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6), tail(0);
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12), tail(6), tail(0);
  } else {
    put(0xf0 | code >> 18), tail(12), tail(6), tail(0);
  }
}

// A JSON string.
std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\', out += c;
    } else if (static_cast<uint8_t>(c) < 0x20) {
      out += "\\u00", out += "01"[c >> 4], out += "0123456789abcdef"[c & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

// A name for a message: short, without control characters.
std::string shown(std::string_view name) {
  constexpr size_t kMost = 60;
  if (name.size() <= kMost) return json_string(name);
  size_t cut = kMost;
  while (cut > 0 && (static_cast<uint8_t>(name[cut]) & 0xc0) == 0x80) --cut;
  return json_string(name.substr(0, cut)) + "...";
}

// "[2,3]"
std::string list_text(std::span<const int64_t> numbers) {
  std::string out = "[";
  for (const int64_t n : numbers) out += (out.size() > 1 ? "," : "") + cat(n);
  return out + "]";
}

// ---- what both directions need ----------------------------------------------------------------

// Bytes of an array of that shape; false where they do not fit 63 bits or an extent is negative.
bool count_bytes(const NamedArray& array, uint64_t& bytes) {
  int64_t product = static_cast<int64_t>(size_of(array.kind));
  for (const int64_t extent : array.shape) {
    if (extent < 0 || __builtin_mul_overflow(product, extent, &product)) return false;
  }
  bytes = static_cast<uint64_t>(product);
  return true;
}

using Index = std::map<std::string, size_t, std::less<>>;
using Metadata = std::map<std::string, std::string>;

// SHA-256 over the arrays in the order of their names, then the metadata. Each text is preceded by
// its length: "6 weight F32 [2,3]\n" and the elements; "4 seed 1 7\n".
std::string content_hash(const std::vector<NamedArray>& arrays, const Index& index,
                         const Metadata& metadata) {
  Sha256 hash;
  const auto line = [&](const std::string& text) { hash.update(text.data(), text.size()); };
  for (const auto& [name, place] : index) {
    const NamedArray& array = arrays[place];
    line(cat(name.size(), " ", name, " ", name_of(array.kind), " ", list_text(array.shape), "\n"));
    hash.update(array.data, array.bytes);
  }
  for (const auto& [key, value] : metadata) {
    line(cat(key.size(), " ", key, " ", value.size(), " ", value, "\n"));
  }
  return hash.hex();
}

// ---- reading ----------------------------------------------------------------------------------

struct Entry {
  NamedArray array;
  uint64_t begin = 0;  // bytes from the start of the payload
  uint64_t end = 0;
  size_t at = 0;  // where its name stands in the header
};

// The JSON of the header and nothing more: three levels of objects, strings, whole numbers.
class HeaderReader {
 public:
  HeaderReader(const std::string& path, std::string_view text, uint64_t payload)
      : path_(path), text_(text), payload_(payload) {}

  void read() {
    if (!text_.starts_with('{')) refuse(0, "expected '{', found ", found());
    object([&](std::string name, size_t at) {
      if (name == kMetadata) {
        if (std::exchange(has_metadata_, true)) refuse(at, shown(name), " stands twice");
        read_metadata();
      } else {
        read_array(std::move(name), at);
      }
    });
    skip_space();
    if (at_ < text_.size()) refuse(at_, "expected the end of the header, found ", found());
    place();
  }

  std::vector<Entry> entries;  // in the order of their data
  Index index;
  Metadata metadata;

 private:
  template <class... Parts>
  [[noreturn]] void refuse(size_t at, const Parts&... what) const {
    fail(Code::input, path_, "byte ", 8 + at, ": ", what...,
         ". The file is damaged or not safetensors; use another.");
  }

  std::string found() const {
    if (at_ >= text_.size()) return "the end";
    const uint8_t c = static_cast<uint8_t>(text_[at_]);
    if (c > 0x20 && c < 0x7f) return cat("'", text_[at_], "'");
    return cat("the byte ", int{c});
  }

  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
  }

  bool accept(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void expect(char c) {
    if (!accept(c)) refuse(at_, "expected '", c, "', found ", found());
  }

  // Calls item() for everything between `open` and `close`.
  template <class Item>
  void list(char open, char close, Item item) {
    expect(open);
    if (accept(close)) return;
    do item();
    while (accept(','));
    expect(close);
  }

  // Calls member(key, place of the key) with the reader in front of the value.
  template <class Member>
  void object(Member member) {
    list('{', '}', [&] {
      skip_space();
      const size_t at = at_;
      std::string key = string();
      expect(':');
      member(std::move(key), at);
    });
  }

  uint32_t hex4() {
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      const char c = at_ < text_.size() ? text_[at_] : ' ';
      const size_t digit = kDigits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c);
      if (digit == kDigits.npos) refuse(at_, "expected a hex digit, found ", found());
      code = code << 4 | static_cast<uint32_t>(digit);
    }
    return code;
  }

  void escape(std::string& out) {
    constexpr std::string_view kLetters = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
    const size_t at = at_ - 1;
    const size_t letter = at_ < text_.size() ? kLetters.find(text_[at_]) : kLetters.npos;
    if (letter != kLetters.npos) {
      out += kMeant[letter], ++at_;
      return;
    }
    if (at_ >= text_.size() || text_[at_] != 'u') refuse(at_, "no escape begins with ", found());
    ++at_;
    uint32_t code = hex4();
    if (code >= 0xd800 && code < 0xe000) {  // UTF-16: a high half, then a low one
      const bool high = code < 0xdc00 && text_.substr(at_, 2) == "\\u";
      if (high) at_ += 2;
      const uint32_t low = high ? hex4() : 0;
      if (low < 0xdc00 || low >= 0xe000) refuse(at, "half of a surrogate pair");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    append_utf8(out, code);
  }

  std::string string() {
    expect('"');
    std::string out;
    for (;;) {
      const size_t length = utf8_length(text_.substr(at_));
      const char c = length == 0 ? '\0' : text_[at_];
      if (length == 0 || (length == 1 && static_cast<uint8_t>(c) < 0x20)) {
        refuse(at_, "expected text in UTF-8, found ", found());
      }
      if (c != '\\' && c != '"') out += text_.substr(at_, length);
      at_ += length;
      if (c == '"') return out;
      if (c == '\\') escape(out);
    }
  }

  int64_t number() {
    skip_space();
    const size_t at = at_;
    int64_t value = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      if (at_ > at && value == 0) refuse(at, "a number begins with a superfluous 0");
      if (__builtin_mul_overflow(value, 10, &value) ||
          __builtin_add_overflow(value, text_[at_] - '0', &value)) {
        refuse(at, "a number over ", std::numeric_limits<int64_t>::max());
      }
    }
    if (at_ == at) refuse(at, "expected a whole number, found ", found());
    return value;
  }

  std::vector<int64_t> numbers() {
    std::vector<int64_t> out;
    list('[', ']', [&] { out.push_back(number()); });
    return out;
  }

  void read_metadata() {
    object([&](std::string key, size_t at) {
      if (!metadata.emplace(key, string()).second) refuse(at, shown(key), " stands twice");
    });
  }

  void read_array(std::string name, size_t at) {
    if (!index.emplace(name, 0).second) refuse(at, "array ", shown(name), " stands twice");
    Entry entry;
    entry.at = at;
    NamedArray& array = entry.array;
    array.name = std::move(name);
    std::vector<int64_t> offsets;
    bool has_kind = false, has_shape = false, has_offsets = false;
    object([&](const std::string& key, size_t where) {
      const bool again = key == "dtype"          ? std::exchange(has_kind, true)
                         : key == "shape"        ? std::exchange(has_shape, true)
                         : key == "data_offsets" ? std::exchange(has_offsets, true)
                                                 : true;
      if (again) refuse(where, "expected dtype, shape, data_offsets once each, found ", shown(key));
      if (key == "dtype") array.kind = kind();
      if (key == "shape") array.shape = numbers();
      if (key == "data_offsets") offsets = numbers();
    });
    if (!has_kind || !has_shape || !has_offsets) {
      refuse(at, "array ", shown(array.name), " lacks dtype, shape or data_offsets");
    }
    if (offsets.size() != 2 || offsets[0] > offsets[1]) {
      refuse(at, "array ", shown(array.name), ": data_offsets ", list_text(offsets),
             " are no begin and end");
    }
    entry.begin = static_cast<uint64_t>(offsets[0]), entry.end = static_cast<uint64_t>(offsets[1]);
    if (entry.end > payload_) {
      refuse(at, "array ", shown(array.name), " ends at byte ", entry.end,
             " of the data, which has ", payload_, " bytes");
    }
    uint64_t bytes = 0;
    if (!count_bytes(array, bytes) || bytes != entry.end - entry.begin) {
      refuse(at, "array ", shown(array.name), ": ", name_of(array.kind), " ",
             list_text(array.shape), " does not fit its ", entry.end - entry.begin, " bytes");
    }
    array.bytes = static_cast<size_t>(bytes);
    entries.push_back(std::move(entry));
  }

  NamedArray::Kind kind() {
    skip_space();
    const size_t at = at_;
    const std::string name = string();
    for (size_t i = 0; i < std::size(kKinds); ++i) {
      if (kKinds[i].name == name) return static_cast<NamedArray::Kind>(i);
    }
    fail(Code::input, path_, "byte ", 8 + at, ": dtype ", shown(name),
         " is not one of F32, F64, I32, I64, U8. Convert the array, or use another file.");
  }

  // Sorts by place, and sees that the arrays cover the payload once.
  void place() {
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    uint64_t covered = 0;
    for (size_t i = 0; i < entries.size(); ++i) {
      const Entry& entry = entries[i];
      index.find(entry.array.name)->second = i;
      if (entry.begin != covered) {
        refuse(entry.at, "array ", shown(entry.array.name), " begins at byte ", entry.begin,
               " of the data, the one before ends at ", covered);
      }
      covered = entry.end;
    }
    if (covered != payload_) {
      refuse(text_.size() + covered, "no array claims the last ", payload_ - covered, " bytes");
    }
  }

  const std::string& path_;
  std::string_view text_;
  uint64_t payload_;
  size_t at_ = 0;
  bool has_metadata_ = false;
};

}  // namespace

size_t size_of(NamedArray::Kind kind) { return kKinds[kind].size; }
std::string_view name_of(NamedArray::Kind kind) { return kKinds[kind].name; }

void write_safetensors(const std::string& path, const std::vector<NamedArray>& arrays,
                       const Metadata& metadata) {
  const auto check_text = [&](const std::string& text) {
    LAT_CHECK(is_utf8(text), Code::usage, path, "a name or value is not UTF-8: choose another.");
  };
  const auto check_name = [&](const std::string& name, std::string_view reserved) {
    check_text(name);
    LAT_CHECK(name != reserved, Code::usage, path, reserved, " is the format's own: rename it.");
  };
  Index index;
  std::string entries;
  std::vector<std::string_view> pieces(1);
  uint64_t begin = 0;
  for (const NamedArray& array : arrays) {
    check_name(array.name, kMetadata);
    LAT_CHECK(index.emplace(array.name, index.size()).second, Code::usage, path, "two arrays are ",
              "named ", shown(array.name), ": names must differ.");
    uint64_t bytes = 0;
    LAT_CHECK(count_bytes(array, bytes) && bytes == array.bytes, Code::usage, path, "array ",
              shown(array.name), ": ", name_of(array.kind), " ", list_text(array.shape),
              " does not fit its ", array.bytes, " bytes.");
    entries += cat(",", json_string(array.name), ":{\"dtype\":\"", name_of(array.kind),
                   "\",\"shape\":", list_text(array.shape), ",\"data_offsets\":[", begin, ",",
                   begin + bytes, "]}");
    pieces.emplace_back(static_cast<const char*>(array.data), array.bytes);
    begin += bytes;
  }
  std::string header;
  for (const auto& [key, value] : metadata) {
    check_name(key, kChecksum), check_text(value);
    header += cat(json_string(key), ":", json_string(value), ",");
  }
  header = cat("{", json_string(kMetadata), ":{", header, json_string(kChecksum), ":",
               json_string(content_hash(arrays, index, metadata)), "}", entries, "}");
  header.resize((header.size() + 7) / 8 * 8, ' ');
  LAT_CHECK(header.size() <= kHeaderLimit, Code::usage, path, "the header has ", header.size(),
            " bytes, the format allows ", kHeaderLimit, ": write fewer arrays into one file.");

  const uint64_t length = header.size();
  header.insert(0, reinterpret_cast<const char*>(&length), sizeof length);
  pieces[0] = header;
  write_file_atomic(path, pieces);
}

Safetensors Safetensors::read(const std::string& path) {
  const InputFile file(path);
  uint64_t length = 0;
  LAT_CHECK(file.size() >= sizeof length, Code::input, path, "byte ", file.size(),
            ": the file ends inside the 8 bytes that hold the header's length. ",
            "The file is cut or not safetensors; use another.");
  file.read(0, &length, sizeof length);
  const uint64_t most = std::min(kHeaderLimit, file.size() - sizeof length);
  LAT_CHECK(length <= most, Code::input, path, "byte 0: the header claims ", length,
            " bytes where ", most, " are possible. ",
            "The file is cut or not safetensors; use another.");
  std::string header(length, '\0');
  file.read(sizeof length, header.data(), length);

  const uint64_t start = sizeof length + length;  // of the payload
  HeaderReader reader(path, header, file.size() - start);
  reader.read();

  const auto padded = [](uint64_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  };
  uint64_t total = 0;
  for (const Entry& entry : reader.entries) total += padded(entry.array.bytes);

  Safetensors out;
  out.buffer_.reset(
      static_cast<std::byte*>(::operator new (total, std::align_val_t{kAlignment}, std::nothrow)));
  LAT_CHECK(out.buffer_ != nullptr, Code::machine, path, "no memory for ", size_text(total),
            ". Close programs or use a larger machine.");
  std::byte* next = out.buffer_.get();
  for (Entry& entry : reader.entries) {
    file.read(start + entry.begin, next, entry.array.bytes);
    entry.array.data = next;
    next += padded(entry.array.bytes);
    out.arrays_.push_back(std::move(entry.array));
  }
  out.index_ = std::move(reader.index);
  out.metadata_ = std::move(reader.metadata);

  if (const auto stated = out.metadata_.find(std::string(kChecksum));
      stated != out.metadata_.end()) {
    out.sha256_ = stated->second;
    out.metadata_.erase(stated);
    const std::string actual = content_hash(out.arrays_, out.index_, out.metadata_);
    LAT_CHECK(actual == out.sha256_, Code::input, path, "byte ", start,
              ": payload does not match its checksum (", shown(out.sha256_), " stated, ", actual,
              " found): the file is damaged; use another checkpoint.");
  }
  return out;
}

const NamedArray* Safetensors::find(std::string_view name) const {
  const auto place = index_.find(name);
  return place == index_.end() ? nullptr : &arrays_[place->second];
}

void Safetensors::Free::operator()(std::byte* p) const {
  ::operator delete (p, std::align_val_t{kAlignment});
}

}  // namespace lat
