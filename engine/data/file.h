#pragma once
// Files, read and written whole. An Error says which file, what happened and what to do:
//
//   cannot write runs/x/model.safetensors: disk full (needs 6.1 MB, 0.2 MB free). Free space and
//   run again.
//
// Code::input when the path names no usable file, Code::machine for disk and permissions.
// A file size limit (ulimit -f) is an Error only where SIGXFSZ is ignored. Signals belong to the
// process: the program ignores that one, the engine touches none.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace lat {

// Writes the pieces one after the other into `.name.tmp` beside the file, syncs it, and renames it
// over `path`: whatever fails, the old file is whole and the temporary one is gone. A symbolic link
// is followed; a device or pipe (/dev/stdout) is written as it stands. One writer per path.
void write_file_atomic(const std::string& path, std::span<const std::string_view> pieces);
void write_file_atomic(const std::string& path, std::string_view bytes);

// A regular file, open for reading at offsets in bytes.
class InputFile {
 public:
  explicit InputFile(const std::string& path);
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile();

  // Bytes when it was opened.
  uint64_t size() const { return size_; }

  // At least one byte and at most `bytes`, or 0 at the end of the file. Returns how many.
  size_t read_some(uint64_t offset, void* to, size_t bytes) const;

  // All of them, or an Error.
  void read(uint64_t offset, void* to, size_t bytes) const;

 private:
  std::string path_;
  int descriptor_;
  uint64_t size_ = 0;
};

// The whole file. More than `limit` bytes is an Error.
std::string read_file(const std::string& path, size_t limit);

// Makes the folder and those above it; one that exists is left as it is.
void make_folder(const std::string& path);

// "512 B", "6.1 MB": powers of 1000.
std::string size_text(uint64_t bytes);

}  // namespace lat
