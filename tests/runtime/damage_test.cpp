// Program files that are damaged or forged: every one is refused, with a place.
#include <doctest/doctest.h>
#include <zlib.h>

#include <array>
#include <cstring>
#include <random>

#include "tests/runtime/world.h"

namespace lat::test {
namespace {

struct Section {
  size_t at, bytes;  // of the payload
};

std::vector<Section> sections_of(const std::string& file) {
  std::vector<Section> list;
  for (size_t at = sizeof(rt::Header); at < file.size();) {
    rt::SectionHeader h;
    std::memcpy(&h, file.data() + at, sizeof(h));
    list.push_back({at + sizeof(h), static_cast<size_t>(h.bytes)});
    at += sizeof(h) + list.back().bytes;
  }
  return list;
}

// Makes every checksum right again: what is then refused is refused for what it says.
void reseal(std::string& file, const std::vector<Section>& sections) {
  const auto crc = [&](size_t at, size_t n) {
    return static_cast<u32>(crc32_z(0, reinterpret_cast<const Bytef*>(file.data() + at), n));
  };
  const auto put = [&](size_t at, u32 value) { std::memcpy(file.data() + at, &value, 4); };
  put(sizeof(rt::Header) - 4, crc(0, sizeof(rt::Header) - 4));
  for (const Section& s : sections) put(s.at - 16, crc(s.at - 12, s.bytes + 12));
}

template <class T>
void poke(std::string& file, size_t at, T value) {
  REQUIRE(at + sizeof(T) <= file.size());
  std::memcpy(file.data() + at, &value, sizeof(T));
}

TEST_CASE("damaged files are refused, with a place") {
  World<MlpVae> w(DType::f32);
  const std::string file = w.file();
  REQUIRE(Opened(file).status == Status::ok);
  const auto refused = [&](const std::string& bytes, const std::string& what) {
    const Opened o(bytes);
    CHECK_MESSAGE(o.status != Status::ok, what);
    CHECK_MESSAGE(o.error.status == o.status, what);
    CHECK_MESSAGE(o.error.text[0] != 0, what);
    CHECK_MESSAGE(o.error.byte_offset <= bytes.size(), what);
    return o.status;
  };
  CHECK(refused("", "empty") == Status::truncated);
  for (size_t n = 0; n < file.size(); n += 97)
    refused(file.substr(0, n), cat("first ", n, " bytes"));
  for (size_t n = file.size() - 64; n < file.size(); ++n)
    refused(file.substr(0, n), cat("first ", n));
  CHECK(refused(file + std::string(8, '\0'), "a tail") == Status::format);
  std::string other = file;
  other[0] = 'L';
  CHECK(refused(other, "magic") == Status::format);
  const auto with_version = [&](size_t at, u32 value) {
    std::string changed = file;
    poke(changed, at, value);
    reseal(changed, sections_of(file));
    return changed;
  };
  CHECK(refused(with_version(12, 2), "newer layout") == Status::version);
  CHECK(refused(with_version(16, 2), "newer numerics") == Status::version);
  CHECK(refused(with_version(8, 0x04030201), "big-endian") == Status::format);

  std::mt19937 random(11);
  const auto flipped = [&](size_t bit) {
    std::string changed = file;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    return changed;
  };
  for (size_t bit = 0; bit < 512 * 8; ++bit) refused(flipped(bit), cat("bit ", bit));
  for (int i = 0; i < 2000; ++i) {
    const size_t bit = random() % (file.size() * 8);
    refused(flipped(bit), cat("bit ", bit));
  }
}

TEST_CASE("forged records with right checksums are refused, with a place") {
  World<MlpVae> w(DType::f32);
  const std::string file = w.file();
  const std::vector<Section> s = sections_of(file);
  REQUIRE(s.size() == rt::kSections);
  const auto forged = [&](u32 section, size_t offset, auto value) {
    std::string changed = file;
    poke(changed, s[section].at + offset, value);
    reseal(changed, s);
    const Opened o(changed);
    CHECK_MESSAGE(o.status != Status::ok, section, " + ", offset);
    // The place is in the section that was changed, or in one that refers to it.
    CHECK_MESSAGE(o.error.byte_offset >= sizeof(rt::Header), o.error.text);
    CHECK_MESSAGE(o.error.byte_offset < file.size(), o.error.text);
    return o.status;
  };
  const u64 huge = ~u64{0};
  rt::KernelRecord kernel;
  std::memcpy(&kernel, file.data() + s[rt::kKernels].at, sizeof(kernel));
  CHECK(forged(rt::kText, kernel.name, 'Q') == Status::kernel);
  CHECK(forged(rt::kText, kernel.name, '\n') == Status::kernel);
  CHECK(forged(rt::kText, kernel.roles, 'd') == Status::kernel);
  CHECK(forged(rt::kText, s[rt::kText].bytes - 1, 'x') == Status::format);
  CHECK(forged(rt::kKernels, 0, u32(s[rt::kText].bytes)) == Status::format);
  CHECK(forged(rt::kKernels, 4, ~u32{0}) == Status::format);

  CHECK(forged(rt::kCalls, 0, u32(s[rt::kKernels].bytes / 8)) == Status::format);
  CHECK(forged(rt::kCalls, 4, ~u32{0}) == Status::format);  // first + count wraps in 32 bits
  CHECK(forged(rt::kCalls, 8, ~u32{0}) == Status::format);
  CHECK(forged(rt::kCalls, 8, u32{0}) == Status::format);
  CHECK(forged(rt::kCalls, 12, u32{2}) == Status::format);

  // The first argument of the first call is the clock of the Step.
  rt::ArgumentRecord clock;
  std::memcpy(&clock, file.data() + s[rt::kArguments].at, sizeof(clock));
  REQUIRE(clock.kind == rt::kPointer);
  REQUIRE(clock.extent == 16);
  u64 arena;
  std::memcpy(&arena, file.data() + s[rt::kSizes].at + clock.arena * 8, sizeof(arena));
  CHECK(forged(rt::kArguments, 0, u32{rt::kInteger}) == Status::format);
  CHECK(forged(rt::kArguments, 0, u32{9}) == Status::format);
  CHECK(forged(rt::kArguments, 4, u32{3}) == Status::format);
  CHECK(forged(rt::kArguments, 8, arena - 8) == Status::format);
  CHECK(forged(rt::kArguments, 8, arena) == Status::format);
  CHECK(forged(rt::kArguments, 8, huge - 7) == Status::format);         // offset + extent wraps
  CHECK(forged(rt::kArguments, 8, clock.value + 4) == Status::format);  // not aligned
  CHECK(forged(rt::kArguments, 16, arena + 1) == Status::format);
  CHECK(forged(rt::kArguments, 16, huge) == Status::format);

  for (size_t a = 0; a < rt::kArenas; ++a) {
    CHECK(forged(rt::kSizes, a * 8, u64{0}) == Status::format);
    CHECK(forged(rt::kSizes, a * 8, huge) == Status::format);
    CHECK(forged(rt::kSizes, a * 8, (u64{1} << 46) + 1) == Status::format);
  }
  CHECK(forged(rt::kContents, 0, u32{2}) == Status::format);
  CHECK(forged(rt::kContents, 8, huge) == Status::format);
  CHECK(forged(rt::kContents, 16, huge) == Status::format);
  CHECK(forged(rt::kContents, 24, u64{s[rt::kData].bytes}) == Status::format);
  CHECK(forged(rt::kContents, 24, huge - 3) == Status::format);

  for (const u32 section : {rt::kState, rt::kTensors}) {
    const size_t last = s[section].bytes - sizeof(rt::TensorRecord);  // has two axes
    CHECK(forged(section, last, ~u32{0}) == Status::format);
    CHECK(forged(section, last + 4, u32{4}) == Status::format);
    CHECK(forged(section, last + 8, u32{7}) == Status::format);
    CHECK(forged(section, last + 12, u32{3}) == Status::format);
    CHECK(forged(section, last + 16, ~u32{0}) == Status::format);
    CHECK(forged(section, last + 16, u32{0x7fffffff}) == Status::format);
    CHECK(forged(section, last + 40, huge) == Status::format);
    CHECK(forged(section, last + 40, u64{2}) == Status::format);
  }
  CHECK(forged(rt::kTensors, 48, huge) == Status::format);
  CHECK(forged(rt::kTensors, 48, u64{s[rt::kData].bytes}) == Status::format);
  for (const size_t field : {4u, 8u, 12u, 16u, 20u})
    CHECK(forged(rt::kEntries, field, ~u32{0}) == Status::format);

  // Lengths and names of sections.
  for (size_t i = 0; i < s.size(); ++i) {
    for (const u64 bytes : {huge, huge - 15, u64{file.size()}, u64{s[i].bytes + 8}}) {
      std::string changed = file;
      poke(changed, s[i].at - 8, bytes);
      CHECK(Opened(changed).status != Status::ok);
    }
    std::string changed = file;
    poke(changed, s[i].at - 12, u32(i + 1));
    reseal(changed, s);
    CHECK(Opened(changed).status == Status::format);
  }

  // An arena that memory does not hold but that could be: the caller learns the size and decides.
  std::string big = file;
  poke(big, s[rt::kSizes].at + 16, u64{1} << 46);
  reseal(big, s);
  size_t need = 0;
  rt::Error error;
  REQUIRE(rt::required_workspace(big.data(), big.size(), &need, &error) == Status::ok);
  CHECK(need > size_t{1} << 46);
  rt::Model model;
  std::array<char, 4096> little;
  CHECK(rt::open(big.data(), big.size(), little.data(), little.size(), &model, &error) ==
        Status::workspace);
}

TEST_CASE("any record opens or is refused") {
  World<MlpVae> w(DType::f32);
  const std::string file = w.file();
  const std::vector<Section> s = sections_of(file);
  std::mt19937 random(13);
  int opened = 0, refused = 0;
  for (int i = 0; i < 6000; ++i) {
    std::string changed = file;
    for (size_t n = 1 + random() % 3; n > 0; --n) {
      const size_t section = random() % rt::kSections;
      const size_t at = random() % s[section].bytes;
      if (section == rt::kSizes && at % 8 > 2) continue;  // more memory than the test has
      if (section == rt::kArguments) {                    // integers are the writer's to answer for
        const size_t record = s[section].at + at / 24 * 24;
        if (changed[record] == char(rt::kInteger) && at % 24 >= 8) continue;
      }
      changed[s[section].at + at] = static_cast<char>(random());
    }
    reseal(changed, s);
    Opened o(changed);
    ++(o.status == Status::ok ? opened : refused);
    for (int e = 0; o.status == Status::ok && e < o.model.entries(); ++e) {
      std::string touched = o.model.entry_name(e);
      for (int t = 0; t < o.model.inputs(e); ++t) touched += bits(o.model.input(e, t));
      for (int t = 0; t < o.model.outputs(e); ++t) touched += o.model.output(e, t).name;
      CHECK(o.model.find(o.model.entry_name(e)) >= 0);
    }
  }
  CHECK(opened > 100);
  CHECK(refused > 1000);
}

TEST_CASE("a golden run that differs is named") {
  World<MlpVae> w(DType::f32);
  std::string file = w.file();
  const std::vector<Section> s = sections_of(file);
  rt::TensorRecord loss;  // inputs, outputs of the first entry: x, loss
  std::memcpy(&loss, file.data() + s[rt::kTensors].at + sizeof(loss), sizeof(loss));
  const size_t at = s[rt::kData].at + static_cast<size_t>(loss.golden) + 1;
  file[at] = static_cast<char>(file[at] ^ 1);
  reseal(file, s);
  Opened o(file);
  REQUIRE(o.status == Status::ok);
  CHECK(o.model.check_golden(0, &o.error) == Status::golden);
  CHECK(o.error.byte_offset == at);
  CHECK(std::string(o.error.text).find("'loss' of entry 'train'") != std::string::npos);
  CHECK(o.model.check_golden(1, nullptr) == Status::ok);
  CHECK(o.model.check_golden(2, &o.error) == Status::argument);
}

}  // namespace
}  // namespace lat::test
