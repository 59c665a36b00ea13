#include "engine/data/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "engine/core/error.h"

namespace lat {

namespace {

namespace fs = std::filesystem;

struct Cause {
  int number;
  const char* what;
  const char* remedy;
};

constexpr Cause kCauses[] = {
    {EACCES, "permission denied", "Change the permissions or choose another path."},
    {EPERM, "permission denied", "Change the permissions or choose another path."},
    {EROFS, "read-only file system", "Choose a folder on another one."},
    {ENOENT, "no such file or folder", "Check the path."},
    {ENOTDIR, "a part of the path is a file, not a folder", "Check the path."},
    {EISDIR, "it is a folder", "Name a file."},
    {EEXIST, "a file of that name is in the way", "Choose another name."},
    {ELOOP, "its symbolic links form a loop", "Check the path."},
    {ENAMETOOLONG, "the name is too long", "Choose a shorter one."},
    {ENOSPC, "disk full", "Free space and run again."},
    {EDQUOT, "disk quota used up", "Free space and run again."},
    {EFBIG, "over the file size limit", "Raise it (ulimit -f) and run again."},
    {EMFILE, "too many open files", "Raise the limit (ulimit -n) and run again."},
    {ENFILE, "too many open files on this machine", "Close programs and run again."},
    {EIO, "the disk reports an error", "Check the disk, choose another."},
};

std::string folder_of(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

std::string free_text(const std::string& folder, uint64_t needed) {
  struct statvfs disk;
  if (::statvfs(folder.c_str(), &disk) != 0) return cat(" (needs ", size_text(needed), ")");
  const uint64_t free = uint64_t{disk.f_bavail} * disk.f_frsize;
  return cat(" (needs ", size_text(needed), ", ", size_text(free), " free)");
}

[[noreturn]] void refuse(Code code, const std::string& verb, const std::string& path,
                         const std::string& what, const std::string& remedy) {
  Error error(code, "", cat("cannot ", verb, " ", path, ": ", what, ". ", remedy));
  error.op = path;
  throw error;
}

[[noreturn]] void refuse(Code code, const std::string& verb, const std::string& path, int number,
                         const std::string& detail = "") {
  for (const Cause& cause : kCauses) {
    if (cause.number == number) refuse(code, verb, path, cause.what + detail, cause.remedy);
  }
  refuse(code, verb, path, std::generic_category().message(number), "Check the path and the disk.");
}

[[noreturn]] void refuse_write(const std::string& path, int number, uint64_t needed) {
  const std::string folder = folder_of(path);
  if (number == ENOENT) {
    refuse(Code::machine, "write", path, "no such folder", cat("Make ", folder, " first."));
  }
  const bool space = number == ENOSPC || number == EDQUOT || number == EFBIG;
  refuse(Code::machine, "write", path, number, space ? free_text(folder, needed) : "");
}

[[noreturn]] void refuse_read(const std::string& path, int number) {
  const bool name = number == ENOENT || number == ENOTDIR || number == EISDIR || number == ELOOP ||
                    number == ENAMETOOLONG;
  refuse(name ? Code::input : Code::machine, "read", path, number);
}

template <class Call>
auto retried(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

// 0, or the errno of the call that failed. The descriptor is closed either way.
int write_and_close(int descriptor, std::span<const std::string_view> pieces) {
  int failure = 0;
  for (std::string_view left : pieces) {
    while (failure == 0 && !left.empty()) {
      const ssize_t written =
          retried([&] { return ::write(descriptor, left.data(), left.size()); });
      if (written > 0) {
        left.remove_prefix(static_cast<size_t>(written));
      } else {
        failure = written < 0 ? errno : ENOSPC;
      }
    }
  }
  // Devices and a few file systems do not know fsync, and say so by EINVAL or ENOTSUP.
  if (failure == 0 && retried([&] { return ::fsync(descriptor); }) != 0 && errno != EINVAL &&
      errno != ENOTSUP && errno != EROFS) {
    failure = errno;
  }
  if (::close(descriptor) != 0 && failure == 0 && errno != EINTR) failure = errno;
  return failure;
}

// What makes the rename last through a power cut. A folder that cannot be synced is no failure:
// the new file stands already.
void sync_folder(const std::string& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  retried([&] { return ::fsync(descriptor); });
  ::close(descriptor);
}

}  // namespace

void write_file_atomic(const std::string& path, std::span<const std::string_view> pieces) {
  uint64_t needed = 0;
  for (const std::string_view piece : pieces) needed += piece.size();

  std::string target = path;
  mode_t mode = 0666;
  struct stat old;
  if (::stat(path.c_str(), &old) == 0) {
    if (S_ISDIR(old.st_mode)) refuse_write(path, EISDIR, needed);
    if (!S_ISREG(old.st_mode)) {
      const int device = retried([&] { return ::open(path.c_str(), O_WRONLY | O_CLOEXEC); });
      const int failure = device < 0 ? errno : write_and_close(device, pieces);
      if (failure != 0) refuse_write(path, failure, needed);
      return;
    }
    std::error_code unresolved;
    const fs::path real = fs::canonical(path, unresolved);
    if (!unresolved) target = real.string();
    mode = old.st_mode & 0777;
  }
  const std::string folder = folder_of(target);
  const std::string name = fs::path(target).filename().string();
  if (name.empty() || name == "." || name == "..") {
    refuse(Code::machine, "write", path, "it names no file", "Name one.");
  }
  const std::string temporary = folder + "/." + name + ".tmp";

  // What a killed run left is removed first: O_EXCL then follows no link that stands in its place.
  ::unlink(temporary.c_str());
  const int descriptor = retried(
      [&] { return ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode); });
  if (descriptor < 0) refuse_write(path, errno, needed);
  int failure = write_and_close(descriptor, pieces);
  if (failure == 0 && ::rename(temporary.c_str(), target.c_str()) != 0) failure = errno;
  if (failure != 0) {
    ::unlink(temporary.c_str());
    refuse_write(path, failure, needed);
  }
  sync_folder(folder);
}

void write_file_atomic(const std::string& path, std::string_view bytes) {
  write_file_atomic(path, std::span<const std::string_view>(&bytes, 1));
}

InputFile::InputFile(const std::string& path)
    : path_(path),
      descriptor_(
          retried([&] { return ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC); })) {
  if (descriptor_ < 0) refuse_read(path, errno);
  struct stat now;
  const int failure = ::fstat(descriptor_, &now) != 0 ? errno : 0;
  if (failure != 0 || !S_ISREG(now.st_mode)) {
    ::close(descriptor_);
    if (failure != 0) refuse_read(path, failure);
    if (S_ISDIR(now.st_mode)) refuse_read(path, EISDIR);
    refuse(Code::input, "read", path, "it is a device or a pipe", "Name a regular file.");
  }
  size_ = static_cast<uint64_t>(now.st_size);
}

InputFile::~InputFile() { ::close(descriptor_); }

size_t InputFile::read_some(uint64_t offset, void* to, size_t bytes) const {
  const ssize_t got =
      retried([&] { return ::pread(descriptor_, to, bytes, static_cast<off_t>(offset)); });
  if (got < 0) refuse_read(path_, errno);
  return static_cast<size_t>(got);
}

void InputFile::read(uint64_t offset, void* to, size_t bytes) const {
  while (bytes > 0) {
    const size_t got = read_some(offset, to, bytes);
    if (got == 0) {
      refuse(Code::input, "read", path_,
             cat("it ends at byte ", offset, " where ", bytes, " more were expected"),
             "It was cut or is being written; use another.");
    }
    to = static_cast<char*>(to) + got;
    offset += got, bytes -= got;
  }
}

std::string read_file(const std::string& path, size_t limit) {
  const InputFile file(path);
  const auto check_limit = [&](uint64_t size) {
    if (size > limit) {
      refuse(Code::input, "read", path,
             cat("it has ", size_text(size), " or more, the limit here is ", size_text(limit)),
             "Name a smaller file.");
    }
  };
  check_limit(file.size());
  std::string bytes(file.size() + 1, '\0');  // one more, so that the end is seen
  size_t have = 0;
  while (const size_t got = file.read_some(have, bytes.data() + have, bytes.size() - have)) {
    have += got;
    check_limit(have);
    if (have == bytes.size())
      bytes.resize(2 * have);  // it grows, or lies in /proc and tells no size
  }
  bytes.resize(have);
  return bytes;
}

void make_folder(const std::string& path) {
  std::error_code failure;
  fs::create_directories(path, failure);
  if (failure) {
    const int number = failure.value();
    refuse(Code::machine, "make folder", path, number,
           number == ENOSPC || number == EDQUOT ? free_text(folder_of(path), 0) : "");
  }
}

std::string size_text(uint64_t bytes) {
  if (bytes < 1000) return cat(bytes, " B");
  const char* const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  uint64_t unit = 1000;
  size_t i = 0;
  // Moves on where one decimal would round to 1000.0.
  while (i + 1 < std::size(units) && bytes >= unit * 1000 - unit / 20) unit *= 1000, ++i;
  const uint64_t tenths = bytes / (unit / 10) + (bytes % (unit / 10) >= unit / 20 ? 1 : 0);
  return cat(tenths / 10, ".", tenths % 10, " ", units[i]);
}

}  // namespace lat
