#include <doctest/doctest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "engine/core/error.h"
#include "engine/core/sha256.h"
#include "engine/data/file.h"
#include "engine/data/safetensors.h"
#include "tests/harness/folder.h"

namespace lat {
namespace {

namespace fs = std::filesystem;

using test::Folder;

void put(const std::string& path, const std::string& bytes) {
  fs::remove(path);  // a file truncated and written again waits for the disk on ext4
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string get(const std::string& path) { return read_file(path, size_t{1} << 30); }

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// The text of the Error that call() throws, "" when it throws none.
template <class Call>
std::string refusal(Code code, Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code == code ? error.what() : cat("wrong code: ", error.what());
  }
  return "";
}

// Runs `body` in a forked child and returns the text it returns.
template <class Body>
std::string in_child(Body body) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::string text;
    try {
      text = body();
    } catch (const std::exception& error) {
      text = cat("unexpected: ", error.what());
    }
    const ssize_t written = ::write(ends[1], text.data(), text.size());
    ::_exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text;
  char c;
  while (::read(ends[0], &c, 1) == 1) text += c;
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status == 0 ? text : cat("the child ended with status ", status);
}

// What a failing write of 1 MB over the file `path` says; more when it left a trace.
std::string failing_write(const std::string& path) {
  const std::string before = get(path);
  const std::string text =
      refusal(Code::machine, [&] { write_file_atomic(path, std::string(1'000'000, 'x')); });
  if (get(path) != before) return "the old file changed";
  const fs::path p(path);
  if (fs::exists(p.parent_path() / ("." + p.filename().string() + ".tmp"))) return "left a .tmp";
  return text;
}

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes.data(), bytes.size());
  return hash.hex();
}

// Arrays with their elements, for writing and comparing.
struct Small {
  std::array<float, 6> a = {0.0F, -0.0F, 1.5F, -2.25F, 3e38F, 1e-45F};
  std::array<double, 2> b = {1.0 / 3, -1e300};
  std::array<int32_t, 3> c = {-1, 0, 2147483647};
  std::array<int64_t, 1> d = {-9007199254740993};
  std::array<uint8_t, 3> e = {0, 128, 255};

  std::vector<NamedArray> arrays() const {
    return {
        {"e.bytes", NamedArray::u8, {3}, e.data(), sizeof e},
        {"a \"weight\" \\ \n\u00e9\u4e2d\U0001f600", NamedArray::f32, {2, 3}, a.data(), sizeof a},
        {"b", NamedArray::f64, {2}, b.data(), sizeof b},
        {"empty", NamedArray::f32, {0, 4}, nullptr, 0},
        {"c", NamedArray::i32, {3, 1}, c.data(), sizeof c},
        {"scalar", NamedArray::i64, {}, d.data(), sizeof d}};
  }
  std::map<std::string, std::string> metadata() const {
    return {{"model", "vae"}, {"note", "\"quoted\"\t\u00fc"}, {"nothing", ""}};
  }
};

bool equal(const std::vector<NamedArray>& a, const std::vector<NamedArray>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.name == y.name && x.kind == y.kind && x.shape == y.shape && x.bytes == y.bytes &&
           (x.bytes == 0 || std::memcmp(x.data, y.data, x.bytes) == 0);
  });
}

// A file of the format from the text of its header.
std::string with_header(const std::string& header, const std::string& payload) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + payload;
}

bool runs(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

}  // namespace

TEST_CASE("sha256: the vectors of FIPS 180-4") {
  CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
               "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu") ==
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  CHECK(sha256(std::string(1'000'000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha256: pieces of any length, a digest in between") {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 7);
  for (size_t piece = 1; piece <= 130; ++piece) {
    Sha256 hash;
    for (size_t at = 0; at < text.size(); at += piece) {
      CHECK(hash.hex() == sha256(text.substr(0, at)));
      hash.update(text.data() + at, std::min(piece, text.size() - at));
    }
    CHECK(hash.hex() == sha256(text));
  }
}

TEST_CASE("files: written, read, replaced") {
  const Folder folder;
  const std::string path = folder / "a";
  write_file_atomic(path, "first");
  CHECK(get(path) == "first");
  const std::string_view pieces[] = {"se", "", "cond"};
  write_file_atomic(path, pieces);
  CHECK(get(path) == "second");
  write_file_atomic(path, "");
  CHECK(get(path) == "");
  CHECK_FALSE(fs::exists(folder / ".a.tmp"));

  put(folder / ".a.tmp", "left by a killed run");
  ::chmod(path.c_str(), 0600);
  fs::create_symlink(path, folder / "link");
  write_file_atomic(folder / "link", "through the link");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(get(path) == "through the link");
  CHECK(fs::status(path).permissions() == (fs::perms::owner_read | fs::perms::owner_write));

  write_file_atomic("/dev/null", "swallowed");
  CHECK(fs::is_character_file("/dev/null"));

  const fs::path here = fs::current_path();
  fs::current_path(folder.path);
  write_file_atomic("bare", "name");
  CHECK(get("bare") == "name");
  fs::current_path(here);
}

TEST_CASE("files: reading what cannot be read") {
  const Folder folder;
  put(folder / "a", "12345");
  CHECK(read_file(folder / "a", 5) == "12345");
  CHECK(contains(refusal(Code::input, [&] { read_file(folder / "a", 4); }),
                 "5 B or more, the limit here is 4 B. Name a smaller file."));
  CHECK(contains(refusal(Code::input, [&] { get(folder / "b"); }),
                 "no such file or folder. Check the path."));
  CHECK(contains(refusal(Code::input, [&] { get(folder / "a/b"); }), "a file, not a folder"));
  CHECK(contains(refusal(Code::input, [&] { get(folder.path); }), "it is a folder"));
  CHECK(contains(refusal(Code::input, [&] { get("/dev/zero"); }), "a device or a pipe"));
  if (fs::exists("/proc/self/status")) {
    CHECK(contains(read_file("/proc/self/status", 100'000), "Name:"));
    CHECK(contains(refusal(Code::input, [&] { read_file("/proc/self/status", 10); }), "limit"));
  }
  const InputFile file(folder / "a");
  char bytes[4];
  file.read(1, bytes, 4);
  CHECK(std::string(bytes, 4) == "2345");
  CHECK(contains(refusal(Code::input, [&] { file.read(3, bytes, 4); }),
                 "it ends at byte 5 where 2 more were expected"));
}

TEST_CASE("files: folders") {
  const Folder folder;
  make_folder(folder / "a/b/c");
  make_folder(folder / "a/b/c/");
  CHECK(fs::is_directory(folder / "a/b/c"));
  put(folder / "file", "");
  CHECK(contains(refusal(Code::machine, [&] { make_folder(folder / "file/x"); }), "not a folder"));
  CHECK(refusal(Code::machine, [&] { make_folder(folder / "file"); }) != "");
  CHECK(refusal(Code::machine, [&] { make_folder(""); }) != "");
}

TEST_CASE("files: sizes in words") {
  CHECK(size_text(0) == "0 B");
  CHECK(size_text(999) == "999 B");
  CHECK(size_text(1000) == "1.0 kB");
  CHECK(size_text(6'149'999) == "6.1 MB");
  CHECK(size_text(999'949) == "999.9 kB");
  CHECK(size_text(999'950) == "1.0 MB");
  CHECK(size_text(UINT64_MAX) == "18.4 EB");
}

TEST_CASE("files: a path that cannot be written") {
  const Folder folder;
  put(folder / "file", "old");
  const auto write = [&](const std::string& path) {
    return refusal(Code::machine, [&] { write_file_atomic(path, "new"); });
  };
  CHECK(write(folder / "none/a") == cat("cannot write ", folder / "none/a",
                                        ": no such folder. Make ", folder / "none", " first."));
  CHECK(contains(write(folder / "file/a"), "a part of the path is a file, not a folder"));
  CHECK(contains(write(folder.path), "it is a folder. Name a file."));
  CHECK(write("") != "");
  CHECK(write(folder / "..") != "");
  CHECK(contains(write(folder / std::string(300, 'n')), "too long"));
  CHECK(get(folder / "file") == "old");
  CHECK(contains(refusal(Code::machine, [&] { write_file_atomic("/dev/full", "new"); }),
                 "cannot write /dev/full: disk full (needs 3 B"));
}

TEST_CASE("files: a short write at the file size limit") {
  const Folder folder;
  put(folder / "a", "old");
  const std::string text = in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {40'960, 40'960};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return std::string("no limit");
    return failing_write(folder / "a");
  });
  CHECK(contains(text, "over the file size limit (needs 1.0 MB, "));
  CHECK(contains(text, "Raise it (ulimit -f) and run again."));
}

TEST_CASE("files: a full disk, then a read-only one") {
  const Folder folder;
  const std::string text = in_child([&]() -> std::string {
    const char* const at = folder.path.c_str();
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, "") != 0 ||
        ::mount("none", at, "tmpfs", 0, "size=256k") != 0) {
      return "skipped";
    }
    put(folder / "a", "old");
    const std::string full = failing_write(folder / "a");
    if (::mount("none", at, nullptr, MS_REMOUNT | MS_RDONLY, "size=256k") != 0) return "skipped";
    return full + "\n" + failing_write(folder / "a");
  });
  if (text == "skipped") {
    MESSAGE("SKIPPED: no right to mount, so no full and no read-only disk was tried");
    return;
  }
  CHECK(contains(text, "disk full (needs 1.0 MB, 2"));
  CHECK(contains(text, " kB free). Free space and run again."));
  CHECK(contains(text, "read-only file system. Choose a folder on another one."));
}

TEST_CASE("files: a folder without permission") {
  const Folder folder;
  put(folder / "a", "old");
  ::chmod(folder.path.c_str(), 0555);
  const std::string text = in_child([&]() -> std::string {
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) return "skipped";
    if (::access(folder.path.c_str(), X_OK) != 0)
      return "skipped";  // the way there is closed already
    return failing_write(folder / "a");
  });
  ::chmod(folder.path.c_str(), 0755);
  if (text == "skipped") {
    MESSAGE(
        "SKIPPED: root could not become another user who sees this folder, so no permission bound "
        "it");
    return;
  }
  CHECK(contains(text, "permission denied. Change the permissions or choose another path."));
}

TEST_CASE("safetensors: round trip") {
  const Folder folder;
  const std::string path = folder / "a.safetensors";
  const Small small;
  write_safetensors(path, small.arrays(), small.metadata());
  const Safetensors file = Safetensors::read(path);
  CHECK(equal(file.arrays(), small.arrays()));
  CHECK(file.metadata() == small.metadata());
  CHECK(file.sha256().size() == 64);
  for (const NamedArray& array : file.arrays()) {
    CHECK(reinterpret_cast<uintptr_t>(array.data) % 64 == 0);
    CHECK(file.find(array.name) == &array);
  }
  CHECK(file.find("absent") == nullptr);

  uint64_t header = 0;
  const std::string bytes = get(path);
  std::memcpy(&header, bytes.data(), 8);
  CHECK(header % 8 == 0);
  CHECK(bytes.size() == 8 + header + 3 + sizeof small.a + 16 + 12 + 8);

  write_safetensors(folder / "again", file.arrays(), file.metadata());
  CHECK(get(folder / "again") == bytes);
  write_safetensors(path, {});
  CHECK(Safetensors::read(path).arrays().empty());
}

TEST_CASE("safetensors: what cannot be written") {
  const Folder folder;
  const float x = 1;
  const auto write = [&](const NamedArray& array, const std::string& key) {
    return refusal(Code::usage, [&] {
      write_safetensors(folder / "a", {array}, {{key, "value"}});
    });
  };
  CHECK(write({"x", NamedArray::f32, {}, &x, 4}, "k") == "");
  CHECK(contains(write({"x", NamedArray::f32, {2}, &x, 4}, "k"), "F32 [2] does not fit its 4"));
  CHECK(contains(write({"x", NamedArray::f32, {-1, -1}, &x, 4}, "k"), "does not fit"));
  CHECK(contains(write({"__metadata__", NamedArray::f32, {}, &x, 4}, "k"), "rename it"));
  CHECK(contains(write({"x", NamedArray::f32, {}, &x, 4}, "sha256"), "rename it"));
  CHECK(contains(write({"\xff", NamedArray::f32, {}, &x, 4}, "k"), "not UTF-8"));
  const NamedArray twice = {"x", NamedArray::f32, {}, &x, 4};
  CHECK(contains(refusal(Code::usage,
                         [&] {
                           write_safetensors(folder / "a", {twice, twice});
                         }),
                 "names must differ"));
}

TEST_CASE("safetensors: cut at every byte, every bit flipped") {
  const Folder folder;
  const std::string path = folder / "a";
  const Small small;
  write_safetensors(path, small.arrays(), small.metadata());
  const std::string bytes = get(path);
  for (size_t n = 0; n < bytes.size(); ++n) {
    put(path, bytes.substr(0, n));
    CHECK(contains(refusal(Code::input, [&] { Safetensors::read(path); }), "byte "));
  }
  put(path, bytes + "x");
  CHECK(
      contains(refusal(Code::input, [&] { Safetensors::read(path); }), "claims the last 1 bytes"));

  // Seen as an Error, but for a renamed key "sha256" (8 x 6 bits) and "\u000a" read as "\u000A".
  size_t unseen = 0;
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    put(path, flipped);
    const std::string text = refusal(Code::input, [&] {
      const Safetensors file = Safetensors::read(path);
      ++unseen;
      CHECK(equal(file.arrays(), small.arrays()));
      for (const auto& [key, value] : small.metadata()) CHECK(file.metadata().at(key) == value);
    });
    CHECK((text == "" || contains(text, "byte ")));
    CHECK(text.find("wrong code") == text.npos);
  }
  CHECK(unseen <= 49);

  std::string damaged = bytes;
  damaged.back() ^= 1;
  put(path, damaged);
  const std::string text = refusal(Code::input, [&] { Safetensors::read(path); });
  CHECK(contains(text, "payload does not match its checksum"));
  CHECK(contains(text, "the file is damaged; use another checkpoint"));
}

TEST_CASE("safetensors: headers that claim what is not so") {
  const Folder folder;
  const std::string path = folder / "a";
  const auto read = [&](const std::string& header, size_t payload = 8) {
    put(path, with_header(header, std::string(payload, 'p')));
    return refusal(Code::input, [&] { Safetensors::read(path); });
  };
  const auto array = [](const std::string& kind, const std::string& shape,
                        const std::string& place) {
    return "{\"dtype\":\"" + kind + "\",\"shape\":" + shape + ",\"data_offsets\":" + place + "}";
  };
  const std::string good = array("F32", "[2]", "[0,8]");
  CHECK(read("{\"a\":" + good + "}") == "");
  CHECK(read("{ \"a\" :\t" + good + "\n}   ") == "");
  CHECK(read("{}", 0) == "");

  const struct {
    std::string header, part;
  } cases[] = {
      {"", "expected '{', found the end"},
      {" {}", "byte 8: expected '{', found the byte 32"},
      {"[]", "expected '{', found '['"},
      {"{\"a\":" + good, "expected '}', found the end"},
      {"{\"a\":" + good + ",}", "expected '\"', found '}'"},
      {"{\"a\":" + good + "}x", "expected the end of the header, found 'x'"},
      {"{\"a\":" + good + ",\"a\":" + good + "}", "\"a\" stands twice"},
      {"{\"a\":" + good + ",\"\\u0061\":" + good + "}", "\"a\" stands twice"},
      {"{\"a\":" + std::string(100'000, '[') + "}", "byte 13: expected '{', found '['"},
      {"{\"a\":" + array("F16", "[4]", "[0,8]") + "}", "dtype \"F16\" is not one of"},
      {"{\"a\":" + array("F32", "[2]", "[8,0]") + "}", "no begin and end"},
      {"{\"a\":" + array("F32", "[2]", "[0]") + "}", "no begin and end"},
      {"{\"a\":" + array("F32", "[2]", "[0,8,8]") + "}", "no begin and end"},
      {"{\"a\":" + array("F32", "[3]", "[0,12]") + "}", "ends at byte 12 of the data"},
      {"{\"a\":" + array("U8", "[9223372036854775807]", "[0,9223372036854775807]") + "}",
       "ends at byte 9223372036854775807"},
      {"{\"a\":" + array("F32", "[3]", "[0,8]") + "}", "F32 [3] does not fit its 8 bytes"},
      {"{\"a\":" + array("F32", "[4294967296,4294967296,2]", "[0,8]") + "}", "does not fit"},
      {"{\"a\":" + array("F32", "[9223372036854775808]", "[0,8]") + "}", "a number over"},
      {"{\"a\":" + array("F32", "[02]", "[0,8]") + "}", "superfluous 0"},
      {"{\"a\":" + array("F32", "[-2]", "[0,8]") + "}", "expected a whole number, found '-'"},
      {"{\"a\":" + array("F32", "[2.0]", "[0,8]") + "}", "expected ']', found '.'"},
      {"{\"a\":" + array("F32", "[2]", "[4,12]") + "}", "ends at byte 12"},
      {"{\"a\":" + array("F32", "[1]", "[4,8]") + "}", "begins at byte 4 of the data"},
      {"{\"a\":" + array("F32", "[1]", "[0,4]") + "}", "no array claims the last 4 bytes"},
      {"{\"a\":" + good + ",\"b\":" + array("F32", "[1]", "[4,8]") + "}",
       "the one before ends at 8"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", "lacks dtype, shape or data_offsets"},
      {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", "once each, found \"dtype\""},
      {"{\"a\":{\"other\":1}}", "once each, found \"other\""},
      {"{\"__metadata__\":{\"k\":1}}", "expected '\"', found '1'"},
      {"{\"__metadata__\":{\"k\":\"v\",\"k\":\"v\"}}", "\"k\" stands twice"},
      {"{\"__metadata__\":{},\"__metadata__\":{}}", "stands twice"},
      {"{\"__metadata__\":{\"sha256\":\"00\"},\"a\":" + good + "}", "does not match its checksum"},
      {"{\"\\ud800\":" + good + "}", "half of a surrogate pair"},
      {"{\"\\ud800\\u0041\":" + good + "}", "half of a surrogate pair"},
      {"{\"\\udc00\":" + good + "}", "half of a surrogate pair"},
      {"{\"\\u12g4\":" + good + "}", "byte 14: expected a hex digit, found 'g'"},
      {"{\"\\x\":" + good + "}", "no escape begins with 'x'"},
      {"{\"\xc0\x80\":" + good + "}", "expected text in UTF-8, found the byte 192"},
      {"{\"\xed\xa0\x80\":" + good + "}", "found the byte 237"},
      {"{\"\xf4\x90\x80\x80\":" + good + "}", "found the byte 244"},
      {"{\"\xe4\xb8", "found the byte 228"},
      {"{\"line\nbreak\":" + good + "}", "found the byte 10"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.header.substr(0, 200));
    CHECK(contains(read(c.header), c.part));
  }

  for (const uint64_t claim : {uint64_t{1}, uint64_t{100'000'001}, uint64_t{1} << 63, UINT64_MAX}) {
    put(path, std::string(reinterpret_cast<const char*>(&claim), 8));
    CHECK(contains(refusal(Code::input, [&] { Safetensors::read(path); }), "byte 0: the header"));
  }
  const std::string name = "\\uD83D\\uDE00\\u00e9\\/\\b\\f\\n\\r\\t\\\"\\\\";
  put(path, with_header("{\"" + name + "\":" + good + "}", std::string(8, 'p')));
  CHECK(Safetensors::read(path).find("\U0001f600\u00e9/\b\f\n\r\t\"\\") != nullptr);
}

TEST_CASE("safetensors: random headers give a value or an Error") {
  const Folder folder;
  const std::string path = folder / "a";
  const char* const words[] = {"{",
                               "}",
                               "[",
                               "]",
                               ":",
                               ",",
                               "\"a\"",
                               "\"b\"",
                               "0",
                               "8",
                               "\"dtype\":",
                               "\"shape\":",
                               "\"F32\"",
                               "[2]",
                               "\"__metadata__\":",
                               "[0,8]",
                               "\"\\ud83d",
                               "\"",
                               " ",
                               "\"data_offsets\":",
                               "99999999999999999999",
                               "\xe4",
                               "\"a\":{\"dtype\":\"F32\",",
                               "\"shape\":[2],\"data_offsets\":[0,8]}"};
  uint32_t state = 1;
  const auto next = [&](size_t n) {
    state = state * 1664525 + 1013904223;
    return (state >> 8) % n;
  };
  for (int trial = 0; trial < 5000; ++trial) {
    std::string header = "{";
    for (size_t left = next(12); left > 0; --left) header += words[next(std::size(words))];
    if (next(2) == 0) header += "}";
    put(path, with_header(header, std::string(next(2) * 8, 'p')));
    const std::string text = refusal(Code::input, [&] { Safetensors::read(path); });
    CHECK((text == "" || contains(text, "byte ")));
  }
}

TEST_CASE("safetensors: Python reads what is written here") {
  if (!runs("python3 -c 'import json, struct, hashlib'")) {
    MESSAGE("SKIPPED: no python3");
    return;
  }
  const Folder folder;
  const Small small;
  write_safetensors(folder / "a", small.arrays(), small.metadata());
  put(folder / "read.py", R"(
import hashlib, json, struct, sys
data = open(sys.argv[1], "rb").read()
n, = struct.unpack("<Q", data[:8])
header, payload = json.loads(data[8:8 + n]), data[8 + n:]
meta = header.pop("__metadata__")
stated = meta.pop("sha256")
hash, text = hashlib.sha256(), lambda s: b"%d " % len(s.encode()) + s.encode()
for name, a in sorted(header.items()):
    begin, end = a["data_offsets"]
    shape = json.dumps(a["shape"], separators=(",", ":"))
    hash.update(text(name) + f" {a['dtype']} {shape}\n".encode() + payload[begin:end])
for key, value in sorted(meta.items()):
    hash.update(text(key) + b" " + text(value) + b"\n")
assert hash.hexdigest() == stated
at = lambda name, code: struct.unpack("<" + code, payload[slice(*header[name]["data_offsets"])])
assert at("b", "2d") == (1 / 3, -1e300) and at("c", "3i") == (-1, 0, 2147483647)
assert at("scalar", "q") == (-9007199254740993,) and at("e.bytes", "3B") == (0, 128, 255)
assert at("a \"weight\" \\ \n\u00e9\u4e2d\U0001f600", "6f")[2:4] == (1.5, -2.25)
assert meta == {"model": "vae", "note": "\"quoted\"\t\u00fc", "nothing": ""}
)");
  CHECK(std::system(cat("python3 ", folder / "read.py", " ", folder / "a").c_str()) == 0);

  if (!runs("python3 -c 'import numpy, safetensors.numpy'")) {
    MESSAGE("SKIPPED: the Python package safetensors is not installed, so it was not tried");
    return;
  }
  put(folder / "package.py", R"(
import sys
import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
arrays = load_file(sys.argv[1])
meta = safe_open(sys.argv[1], "np").metadata()
assert len(arrays) == 6 and arrays["b"].tolist() == [1 / 3, -1e300]
assert arrays["c"].shape == (3, 1) and arrays["c"].dtype == np.int32
assert arrays["scalar"] == -9007199254740993 and arrays["empty"].shape == (0, 4)
save_file(arrays, sys.argv[2], meta)
save_file({"x": np.arange(6, dtype=np.float32).reshape(2, 3)}, sys.argv[3])
)");
  CHECK(std::system(cat("python3 ", folder / "package.py", " ", folder / "a", " ", folder / "b",
                        " ", folder / "c")
                        .c_str()) == 0);
  const Safetensors again = Safetensors::read(folder / "b");
  CHECK(again.sha256() == Safetensors::read(folder / "a").sha256());
  CHECK(again.metadata() == small.metadata());
  const Safetensors theirs = Safetensors::read(folder / "c");
  REQUIRE(theirs.find("x") != nullptr);
  CHECK(theirs.find("x")->shape == std::vector<int64_t>{2, 3});
  CHECK(static_cast<const float*>(theirs.find("x")->data)[5] == 5.0F);
  CHECK(theirs.sha256() == "");
}

}  // namespace lat
