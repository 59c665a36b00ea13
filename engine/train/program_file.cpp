#include "engine/train/program_file.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <map>

#include "engine/data/file.h"

namespace lat {

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie");

namespace {

constexpr u32 kOrder = 0x01020304, kVersion = 1, kNumerics = 1;
constexpr i64 kAlign = 64;
constexpr size_t kPlaces = 3;  // parameters, persistent, work
enum Section {
  kText,
  kKernels,
  kCalls,
  kArguments,
  kSizes,
  kContents,
  kState,
  kTensors,
  kEntries,
  kData,
  kSections
};
enum : u32 { kNull, kPointer, kInteger, kReal };

// Bytes [begin, end) of an arena.
struct Range {
  i64 begin, end;
  auto operator<=>(const Range&) const = default;
};

// Sorted, and those that overlap joined; with `touching`, those that meet as well.
std::vector<Range> joined(std::vector<Range> ranges, bool touching) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<Range> out;
  for (const Range& r : ranges) {
    if (!out.empty() && (r.begin < out.back().end || (touching && r.begin == out.back().end)))
      out.back().end = std::max(out.back().end, r.end);
    else
      out.push_back(r);
  }
  return out;
}

// What an arena of the file keeps of the context's: blocks in the same order, without the gaps.
class Compact {
 public:
  void add(Range r) {
    used_.push_back({r.begin / kAlign * kAlign, (r.end + kAlign - 1) / kAlign * kAlign});
  }
  void settle() {
    used_ = joined(used_, true);
    for (const Range& r : used_) {
      starts_.push_back(bytes_);
      bytes_ += r.end - r.begin;
    }
  }
  i64 bytes() const { return bytes_; }
  // Where the byte at `offset`, which lies in an added range, went.
  i64 operator()(i64 offset) const {
    const auto after = std::upper_bound(used_.begin(), used_.end(), offset,
                                        [](i64 at, const Range& r) { return at < r.begin; });
    const size_t block = static_cast<size_t>(after - used_.begin()) - 1;
    return starts_[block] + offset - used_[block].begin;
  }

 private:
  std::vector<Range> used_;
  std::vector<i64> starts_;
  i64 bytes_ = 0;
};

class Writer {
 public:
  Writer(Context& ctx, std::span<const ProgramEntry> entries, std::span<const NamedTensor> state)
      : ctx_(ctx), entries_(entries), state_(state) {}

  std::string bytes() {
    check_names();
    survey();
    put_contents();
    put_calls();
    for (const Compact& c : compact_) put<u64>(kSizes, static_cast<u64>(c.bytes()));
    for (const NamedTensor& s : state_) put_tensor(kState, s, 0);
    put_entries();
    return assembled();
  }

 private:
  struct Spot {
    size_t place;  // 0 parameters, 1 persistent, 2 work
    Range range;
  };

  template <class T>
  void put(Section s, T number) {
    section_[s].append(reinterpret_cast<const char*>(&number), sizeof(number));
  }

  // A place in the text section; equal texts share one.
  u32 text(const std::string& s) {
    const auto [found, fresh] = texts_.try_emplace(s, static_cast<u32>(section_[kText].size()));
    if (fresh) section_[kText].append(s.c_str(), s.size() + 1);
    return found->second;
  }

  // A place in the data section.
  u64 data(const void* from, i64 size) {
    std::string& d = section_[kData];
    const u64 at = d.size();
    d.append(static_cast<const char*>(from), static_cast<size_t>(size));
    d.resize((d.size() + 7) / 8 * 8);
    return at;
  }

  static constexpr bool is_number(char role) { return role == 'i' || role == 'd'; }
  const kernels::Kernel& row(const Call& c) const { return ctx_.rows()[c.kernel]; }
  const Arena& arena(size_t place) const {
    return place == 0   ? ctx_.parameter_arena()
           : place == 1 ? ctx_.persistent_arena()
                        : ctx_.work_arena();
  }

  Spot spot(const void* p, i64 size, Place where, const std::string& what) const {
    const size_t place = where == Place::parameters   ? 0
                         : where == Place::persistent ? 1
                         : where == Place::work       ? 2
                                                      : kPlaces;
    LAT_CHECK(place < kPlaces, Code::state, "program_file", what,
              " lies in a step's memory, which is rewound; keep it in a Buffer or pass it as an "
              "argument of the Step");
    LAT_CHECK(arena(place).holds(p), Code::usage, "program_file", what,
              " belongs to another context");
    const i64 at = arena(place).offset(p);
    return {place, {at, at + size}};
  }
  Spot spot(const NamedTensor& n) const {
    const Tensor& t = n.tensor;
    LAT_CHECK(t && t.place != Place::work, Code::state, "program_file", "'", n.name,
              "' is empty or lives only while its Step runs; give the Step's slot");
    return spot(t.data, t.bytes(), t.place, cat("'", n.name, "'"));
  }

  template <class List>
  void check_unique(const List& list, const std::string& where) const {
    std::vector<std::string> names;
    for (const auto& item : list) {
      LAT_CHECK(!item.name.empty() && item.name.find('\0') == std::string::npos &&
                    std::find(names.begin(), names.end(), item.name) == names.end(),
                Code::usage, "program_file", "the name '", item.name, "' in ", where,
                " is empty, holds a zero byte or is used twice");
      names.push_back(item.name);
    }
  }

  void check_names() const {
    LAT_CHECK(!entries_.empty(), Code::usage, "program_file", "there is no entry point");
    check_unique(entries_, "the entries");
    check_unique(state_, "the state");
    for (const ProgramEntry& e : entries_) {
      check_unique(e.inputs, "the inputs of '" + e.name + "'");
      check_unique(e.outputs, "the outputs of '" + e.name + "'");
      LAT_CHECK(e.program && !e.program->calls.empty(), Code::state, "program_file", "entry '",
                e.name, "' has no recorded calls; call its Step once, without --eager");
      for (const Call& c : e.program->calls)
        LAT_CHECK(!c.foreign, Code::unsupported, "program_file", "entry '", e.name,
                  "' calls the kernel '", c.foreign->name,
                  "', which is no row of the kernel table and so cannot be saved; give the part "
                  "without it, a policy without its environment, a Step of its own");
    }
  }

  template <class F>
  void each_pointer(F&& f) const {
    for (const ProgramEntry& e : entries_)
      for (const Call& c : e.program->calls)
        for (int32_t j = 0; j < c.count; ++j) {
          const size_t a = static_cast<size_t>(c.first + j);
          const char role = row(c).roles[j];
          const void* const p = is_number(role) ? nullptr : e.program->args[a].p;
          if (p)
            f(spot(p, e.program->bytes[a], e.program->places[a],
                   cat("argument ", j, " of kernel ", row(c).name, " in entry '", e.name, "'")),
              role);
        }
  }

  // What is used of each arena, what may be read, what is written.
  void survey() {
    std::array<std::vector<Range>, kPlaces> inputs;
    const auto use = [&](const Spot& s) {
      if (s.range.begin < s.range.end) compact_[s.place].add(s.range);
    };
    for (const ProgramEntry& e : entries_) {
      for (const NamedTensor& n : e.inputs) {
        use(spot(n));
        inputs[spot(n).place].push_back(spot(n).range);
      }
      for (const NamedTensor& n : e.outputs) use(spot(n));
    }
    const auto read = [&](const Spot& s) {
      const auto within = [&](const Range& r) {
        return r.begin <= s.range.begin && s.range.end <= r.end;
      };
      const std::vector<Range>& slots = inputs[s.place];
      if (std::none_of(slots.begin(), slots.end(), within)) read_[s.place].push_back(s.range);
    };
    for (const NamedTensor& n : state_) {
      use(spot(n));
      read(spot(n));
    }
    each_pointer([&](const Spot& s, char role) {
      use(s);
      if (role != 'r' && role != 'R') written_[s.place].push_back(s.range);
      if (role != 'w' && role != 'W') read(s);
    });
    for (size_t place = 0; place < kPlaces; ++place) {
      compact_[place].settle();
      read_[place] = joined(read_[place], false);
      written_[place] = joined(written_[place], false);
    }
  }

  void put_contents() {
    for (size_t place = 0; place < 2; ++place) {
      for (const Range& r : read_[place]) {
        const char* const from = static_cast<const char*>(arena(place).at(r.begin));
        if (std::all_of(from, from + (r.end - r.begin), [](char c) { return c == 0; })) continue;
        put<u32>(kContents, static_cast<u32>(place));
        put<u32>(kContents, 0);
        put<u64>(kContents, static_cast<u64>(compact_[place](r.begin)));
        put<u64>(kContents, static_cast<u64>(r.end - r.begin));
        put<u64>(kContents, data(from, r.end - r.begin));
      }
    }
  }

  void put_argument(u32 kind, u32 place, u64 value, u64 extent) {
    put<u32>(kArguments, kind);
    put<u32>(kArguments, place);
    put<u64>(kArguments, value);
    put<u64>(kArguments, extent);
  }

  void put_calls() {
    std::map<int32_t, u32> rows;  // of the kernel table, to those of the file
    u32 arguments = 0;
    for (const ProgramEntry& e : entries_) {
      for (const Call& c : e.program->calls) {
        const kernels::Kernel& k = row(c);
        const auto [found, fresh] = rows.try_emplace(c.kernel, static_cast<u32>(rows.size()));
        if (fresh) {
          put<u32>(kKernels, text(k.name));
          put<u32>(kKernels, text(k.roles));
        }
        put<u32>(kCalls, found->second);
        put<u32>(kCalls, arguments);
        put<u32>(kCalls, static_cast<u32>(c.count));
        put<u32>(kCalls, c.real == DType::f64 ? 1 : 0);
        arguments += static_cast<u32>(c.count);
        for (int32_t j = 0; j < c.count; ++j) {
          const size_t a = static_cast<size_t>(c.first + j);
          const kernels::Arg arg = e.program->args[a];
          const i64 extent = e.program->bytes[a];
          if (k.roles[j] == 'i') {
            put_argument(kInteger, 0, static_cast<u64>(arg.i), 0);
          } else if (k.roles[j] == 'd') {
            put_argument(kReal, 0, std::bit_cast<u64>(arg.r), 0);
          } else if (!arg.p || extent == 0) {  // no kernel looks behind a pointer to nothing
            put_argument(kNull, 0, 0, 0);
          } else {
            const Spot s = spot(arg.p, extent, e.program->places[a], k.name);
            put_argument(kPointer, static_cast<u32>(s.place),
                         static_cast<u64>(compact_[s.place](s.range.begin)),
                         static_cast<u64>(extent));
          }
        }
      }
    }
  }

  void put_tensor(Section section, const NamedTensor& n, u64 golden) {
    const Tensor& t = n.tensor;
    const Spot s = spot(n);
    put<u32>(section, text(n.name));
    put<u32>(section, static_cast<u32>(t.dtype));
    put<u32>(section, t.rank);
    put<u32>(section, static_cast<u32>(s.place));
    for (int a = 0; a < kMaxRank; ++a)
      put<u32>(section, a < t.rank ? static_cast<u32>(t.dim[a]) : 0);
    put<u64>(section, t.bytes() == 0 ? 0 : static_cast<u64>(compact_[s.place](s.range.begin)));
    put<u64>(section, golden);
  }

  void put_entries() {
    u32 calls = 0, tensors = 0;
    for (const ProgramEntry& e : entries_) {
      put<u32>(kEntries, text(e.name));
      put<u32>(kEntries, calls);
      put<u32>(kEntries, static_cast<u32>(e.program->calls.size()));
      put<u32>(kEntries, tensors);
      put<u32>(kEntries, static_cast<u32>(e.inputs.size()));
      put<u32>(kEntries, static_cast<u32>(e.outputs.size()));
      calls += static_cast<u32>(e.program->calls.size());
      tensors += static_cast<u32>(e.inputs.size() + e.outputs.size());
      for (const NamedTensor& n : e.inputs)
        put_tensor(kTensors, n, data(n.tensor.data, n.tensor.bytes()));
      const Unchanged guard(*this);
      ctx_.replay(*e.program);
      for (const NamedTensor& n : e.outputs)
        put_tensor(kTensors, n, data(n.tensor.data, n.tensor.bytes()));
    }
  }

  // Puts everything that the calls write back as it was when the object was made.
  class Unchanged {
   public:
    explicit Unchanged(const Writer& writer) : writer_(writer) {
      writer_.each_written([&](char* at, size_t n) { saved_.append(at, n); });
    }
    ~Unchanged() {
      const char* from = saved_.data();
      writer_.each_written([&](char* at, size_t n) {
        std::memcpy(at, from, n);
        from += n;
      });
    }
    Unchanged(const Unchanged&) = delete;
    Unchanged& operator=(const Unchanged&) = delete;

   private:
    const Writer& writer_;
    std::string saved_;
  };
  template <class F>
  void each_written(F&& f) const {
    for (size_t place = 0; place < 2; ++place)
      for (const Range& r : written_[place])
        f(static_cast<char*>(arena(place).at(r.begin)), static_cast<size_t>(r.end - r.begin));
  }

  std::string assembled() {
    std::string out = "latprog\n";
    const auto append = [](std::string& to, auto number) {
      to.append(reinterpret_cast<const char*>(&number), sizeof(number));
    };
    const auto crc = [](const std::string& of) {
      return static_cast<u32>(crc32_z(0, reinterpret_cast<const Bytef*>(of.data()), of.size()));
    };
    const u32 real = ctx_.real() == DType::f64 ? 1 : 0;
    for (const u32 n : {kOrder, kVersion, kNumerics, real, static_cast<u32>(kSections)})
      append(out, n);
    append(out, crc(out));
    for (u32 s = 0; s < kSections; ++s) {
      std::string& payload = section_[s];
      payload.resize((payload.size() + 7) / 8 * 8);
      std::string covered;
      append(covered, s);
      append(covered, static_cast<u64>(payload.size()));
      covered += payload;
      append(out, crc(covered));
      out += covered;
    }
    return out;
  }

  Context& ctx_;
  std::span<const ProgramEntry> entries_;
  std::span<const NamedTensor> state_;
  std::array<Compact, kPlaces> compact_;
  std::array<std::vector<Range>, kPlaces> read_, written_;
  std::array<std::string, kSections> section_;
  std::map<std::string, u32> texts_;
};

}  // namespace

std::string program_file_bytes(Context& ctx, std::span<const ProgramEntry> entries,
                               std::span<const NamedTensor> state) {
  LAT_CHECK(!ctx.recording(), Code::state, "program_file",
            "a Step is being recorded; write the file between steps");
  LAT_CHECK(ctx.on_cpu(), Code::unsupported, "program_file",
            "is written from a context on the CPU; load the checkpoint into one");
  return Writer(ctx, entries, state).bytes();
}

void write_program_file(const std::string& path, Context& ctx,
                        std::span<const ProgramEntry> entries, std::span<const NamedTensor> state) {
  write_file_atomic(path, program_file_bytes(ctx, entries, state));
}

}  // namespace lat
