#include "engine/runtime/runtime.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace lat::runtime {

using kernels::Arg;
using kernels::Kernel;
using kernels::Plan;

namespace {

constexpr u64 kAlign = 64;  // bytes, of every arena
constexpr u64 kMost =
    u64{1} << 46;  // bytes of one arena or kernel workspace: sums of a few stay within 64 bits
constexpr u64 kSizeOf[] = {4, 8, 4, 1};  // of a dtype's element
constexpr u64 kRecordBytes[kSections] = {1,
                                         sizeof(KernelRecord),
                                         sizeof(CallRecord),
                                         sizeof(ArgumentRecord),
                                         8,
                                         sizeof(ContentsRecord),
                                         sizeof(TensorRecord),
                                         sizeof(TensorRecord),
                                         sizeof(EntryRecord),
                                         1};

constexpr u64 rounded(u64 bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

// [offset, offset + bytes) lies in [0, size), without a sum that could wrap.
constexpr bool inside(u64 offset, u64 bytes, u64 size) {
  return offset <= size && bytes <= size - offset;
}

// The bits depend on rounding mode and subnormals: the defaults, for the life of the object.
class FloatGuard {
 public:
#if defined(__x86_64__)
  FloatGuard() : saved_(_mm_getcsr()) { _mm_setcsr(0x1f80); }
  ~FloatGuard() { _mm_setcsr(u32(saved_)); }
#elif defined(__aarch64__)
  FloatGuard() {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" ::"r"(u64{0}));
  }
  ~FloatGuard() { asm volatile("msr fpcr, %0" ::"r"(saved_)); }
#else
  FloatGuard() : saved_(0) {}
#endif
  FloatGuard(const FloatGuard&) = delete;
  FloatGuard& operator=(const FloatGuard&) = delete;

 private:
  u64 saved_;
};

// CRC-32, four bits at a time.
u32 crc_of(const u8* p, u64 n) {
  constexpr u32 table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                             0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                             0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
  u32 crc = ~u32{0};
  for (u64 i = 0; i < n; ++i) {
    crc ^= p[i];
    crc = crc >> 4 ^ table[crc & 15];
    crc = crc >> 4 ^ table[crc & 15];
  }
  return ~crc;
}

// Text of an Error, cut where it is full; control characters of a file's names become '?'.
struct Text {
  char* at;
  char* end;
  void add(const char* s) {
    for (; *s && at < end; ++s) *at++ = u8(*s) < 0x20 || *s == 0x7f ? '?' : *s;
  }
  void add(u64 n) {
    char digits[21];
    char* first = digits + 20;
    *first = 0;
    do *--first = char('0' + n % 10);
    while (n /= 10);
    add(first);
  }
};

template <class... Parts>
Status refuse(Error* error, Status status, u64 offset, const Parts&... parts) {
  if (!error) return status;
  Text text{error->text, error->text + sizeof(error->text) - 1};
  (text.add(parts), ...);
  *text.at = 0;
  error->status = status;
  error->byte_offset = offset;
  return status;
}

// Alignment that the kernels may rely on. Capital roles are not of the working real type, and the
// letter does not say of which: words, clocks and counts of 8 bytes unless the kernel is named
// here.
u64 alignment_of(const Kernel& row, char role, u32 real) {
  constexpr const char* four[] = {"fill_i32", "categorical_log_prob", "categorical_log_prob_d1"};
  if (role >= 'a') return real == 1 ? 8 : 4;
  if (strcmp(row.name, "cast_u8") == 0) return 1;
  for (const char* name : four)
    if (strcmp(row.name, name) == 0) return 4;
  return 8;
}

// A file whose header and sections are sound, and the checks of its records.
class File {
 public:
  File(const void* bytes, u64 n, const Kernel* rows, Error* error)
      : bytes_(static_cast<const u8*>(bytes)), n_(n), rows_(rows), error_(error) {}

  Status check() {
    Status s = check_sections();
    if (s == Status::ok) s = check_memory();
    if (s == Status::ok) s = check_calls();
    if (s == Status::ok) s = check_tensors(kState);
    if (s == Status::ok) s = check_tensors(kTensors);
    if (s == Status::ok) s = check_entries();
    return s;
  }

  template <class Record>
  Record record(u32 section, u64 index) const {
    Record r;
    memcpy(&r, bytes_ + place(section, index), sizeof(r));
    return r;
  }
  u64 count(u32 section) const { return size[section] / kRecordBytes[section]; }
  const u8* payload(u32 section) const { return bytes_ + at_[section]; }
  const Kernel& row_of(const CallRecord& c) const {
    return rows_[kernels::find_kernel(text(record<KernelRecord>(kKernels, c.kernel).name))];
  }

  u64 size[kSections] = {};  // bytes of each section
  u64 arena[kArenas] = {};   // bytes of each arena
  u64 kernel_workspace = 0;
  u32 real = 0;

 private:
  u64 place(u32 section, u64 index) const { return at_[section] + index * kRecordBytes[section]; }
  const char* text(u32 name) const { return reinterpret_cast<const char*>(payload(kText) + name); }
  bool named(u32 name) const { return name < size[kText]; }
  template <class... Parts>
  Status refuse_record(u32 section, u64 index, const Parts&... parts) {
    return refuse(error_, Status::format, place(section, index), parts...);
  }

  Status check_sections() {
    Header h;
    if (n_ < sizeof(h))
      return refuse(error_, Status::truncated, n_, "the file ends after ", n_,
                    " bytes; expected a header of ", sizeof(h));
    memcpy(&h, bytes_, sizeof(h));
    if (memcmp(h.magic, kMagic, sizeof(kMagic)) != 0)
      return refuse(error_, Status::format, 0,
                    "not a program file: it does not begin with latprog");
    if (h.order != kOrder)
      return refuse(error_, Status::format, 8,
                    "the order mark reads otherwise: this machine is not "
                    "little-endian, or the file is damaged");
    if (h.version != kVersion)
      return refuse(error_, Status::version, 12, "the file has layout version ", h.version,
                    "; this program reads version ", kVersion);
    if (crc_of(bytes_, sizeof(h) - 4) != h.crc)
      return refuse(error_, Status::checksum, 0, "the header is damaged: its checksum differs");
    if (h.numerics != kNumerics)
      return refuse(error_, Status::version, 16, "the file has numerics version ", h.numerics,
                    "; these kernels have ", kNumerics, ", other bits. Export it again");
    if (h.real > 1 || h.sections != kSections)
      return refuse(error_, Status::format, 20, "real type ", h.real, " with ", h.sections,
                    " sections; expected 0 or 1 with ", kSections);
    real = h.real;
    u64 at = sizeof(h);
    for (u32 s = 0; s < kSections; ++s) {
      SectionHeader head;
      if (!inside(at, sizeof(head), n_))
        return refuse(error_, Status::truncated, n_, "the file ends where section ", s, " begins");
      memcpy(&head, bytes_ + at, sizeof(head));
      if (head.id != s)
        return refuse(error_, Status::format, at, "section ", head.id, " stands where ", s,
                      " should");
      if (!inside(at + sizeof(head), head.bytes, n_))
        return refuse(error_, Status::truncated, at, "section ", s, " promises ", head.bytes,
                      " bytes where the file has ", n_ - at - sizeof(head));
      if (crc_of(bytes_ + at + 4, sizeof(head) - 4 + head.bytes) != head.crc)
        return refuse(error_, Status::checksum, at, "section ", s,
                      " is damaged: its checksum differs");
      if (head.bytes % 8 != 0 || head.bytes % kRecordBytes[s] != 0)
        return refuse(error_, Status::format, at, "section ", s, " has ", head.bytes,
                      " bytes, not a whole number of records");
      at_[s] = at + sizeof(head);
      size[s] = head.bytes;
      at = at_[s] + head.bytes;
    }
    if (at != n_)
      return refuse(error_, Status::format, at, n_ - at, " bytes follow the last section");
    if (size[kText] == 0 || payload(kText)[size[kText] - 1] != 0)
      return refuse(error_, Status::format, at_[kText], "the names do not end with a zero byte");
    return Status::ok;
  }

  Status check_memory() {
    if (count(kSizes) != kArenas) return refuse_record(kSizes, 0, "expected ", kArenas, " arenas");
    for (u32 a = 0; a < kArenas; ++a) {
      arena[a] = record<u64>(kSizes, a);
      if (arena[a] > kMost)
        return refuse_record(kSizes, a, "arena ", a, " asks for ", arena[a], " bytes; at most ",
                             kMost);
    }
    for (u64 i = 0; i < count(kContents); ++i) {
      const ContentsRecord c = record<ContentsRecord>(kContents, i);
      if (c.arena >= kWork || !inside(c.offset, c.bytes, arena[c.arena]))
        return refuse_record(kContents, i, "contents of ", c.bytes, " bytes at ", c.offset,
                             " lie outside arena ", c.arena);
      if (!inside(c.at, c.bytes, size[kData]))
        return refuse_record(kContents, i, "contents of ", c.bytes, " bytes at ", c.at,
                             " lie outside the data section");
    }
    return Status::ok;
  }

  Status check_calls() {
    for (u64 i = 0; i < count(kKernels); ++i) {
      const KernelRecord k = record<KernelRecord>(kKernels, i);
      if (!named(k.name) || !named(k.roles))
        return refuse_record(kKernels, i, "a name lies outside the text section");
      const i32 row = kernels::find_kernel(text(k.name));
      if (row < 0)
        return refuse(error_, Status::kernel, place(kKernels, i), "this build has no kernel '",
                      text(k.name), "'");
      if (strcmp(rows_[row].roles, text(k.roles)) != 0)
        return refuse(error_, Status::kernel, place(kKernels, i), "kernel '", text(k.name),
                      "' takes arguments ", rows_[row].roles, " here and ", text(k.roles),
                      " in the file");
    }
    for (u64 i = 0; i < count(kCalls); ++i) {
      const CallRecord c = record<CallRecord>(kCalls, i);
      if (c.kernel >= count(kKernels) || c.real > 1)
        return refuse_record(kCalls, i, "call ", i, " names kernel ", c.kernel, " of ",
                             count(kKernels), " with real type ", c.real);
      const Kernel& row = row_of(c);
      if (c.count > kMaxArguments || c.count != strlen(row.roles) ||
          !inside(c.first, c.count, count(kArguments)))
        return refuse_record(kCalls, i, "call ", i, " of '", row.name, "' has arguments ", c.first,
                             " + ", c.count, " of ", count(kArguments), "; its roles are ",
                             row.roles);
      Arg args[kMaxArguments];
      for (u32 j = 0; j < c.count; ++j) {
        const ArgumentRecord a = record<ArgumentRecord>(kArguments, c.first + j);
        const Status s = check_argument(c, row, j, a);
        if (s != Status::ok) return s;
        args[j].i = a.kind == kPointer ? 0 : i64(a.value);  // a plan reads numbers only
      }
      const Plan plan = row.plan[c.real](args);
      if (plan.workspace < 0 || u64(plan.workspace) > kMost)
        return refuse_record(kCalls, i, "call ", i, " of '", row.name,
                             "' needs a workspace beyond ", kMost, " bytes");
      if (u64(plan.workspace) > kernel_workspace) kernel_workspace = u64(plan.workspace);
    }
    return Status::ok;
  }

  Status check_argument(const CallRecord& c, const Kernel& row, u32 j, const ArgumentRecord& a) {
    const char role = row.roles[j];
    const bool fits = role == 'i'   ? a.kind == kInteger
                      : role == 'd' ? a.kind == kReal
                                    : a.kind == kPointer || (a.kind == kNull && a.value == 0);
    if (!fits)
      return refuse_record(kArguments, c.first + j, "argument ", j, " of '", row.name,
                           "' has kind ", a.kind, "; its roles are ", row.roles);
    if (a.kind != kPointer) return Status::ok;
    if (a.arena >= kArenas || !inside(a.value, a.extent, arena[a.arena]))
      return refuse_record(kArguments, c.first + j, "argument ", j, " of '", row.name, "', ",
                           a.extent, " bytes at ", a.value, ", lies outside arena ", a.arena);
    if (a.value % alignment_of(row, role, c.real) != 0)
      return refuse_record(kArguments, c.first + j, "argument ", j, " of '", row.name, "' at byte ",
                           a.value, " is not aligned to ", alignment_of(row, role, c.real));
    return Status::ok;
  }

  Status check_tensors(u32 section) {
    for (u64 i = 0; i < count(section); ++i) {
      const TensorRecord t = record<TensorRecord>(section, i);
      if (!named(t.name) || t.dtype > 3 || t.rank > kMaxRank || t.arena >= kArenas)
        return refuse_record(section, i, "tensor ", i, " has dtype ", t.dtype, ", ", t.rank,
                             " axes, arena ", t.arena, ", or no name");
      u64 bytes = kSizeOf[t.dtype];
      for (u32 a = 0; a < t.rank; ++a)
        if (t.dim[a] > 0x7fffffff || __builtin_mul_overflow(bytes, u64{t.dim[a]}, &bytes))
          return refuse_record(section, i, "axis ", a, " of tensor '", text(t.name), "' has ",
                               t.dim[a], " elements: more than memory holds");
      if (!inside(t.offset, bytes, arena[t.arena]) || t.offset % kSizeOf[t.dtype] != 0)
        return refuse_record(section, i, "tensor '", text(t.name), "', ", bytes, " bytes at ",
                             t.offset, ", lies outside arena ", t.arena, " or is not aligned");
      if (section == kTensors && !inside(t.golden, bytes, size[kData]))
        return refuse_record(section, i, "the golden values of '", text(t.name),
                             "' lie outside the data section");
    }
    return Status::ok;
  }

  Status check_entries() {
    if (count(kEntries) > 0x7fffffff || count(kState) > 0x7fffffff)
      return refuse_record(kEntries, 0, "too many entries or names");
    for (u64 i = 0; i < count(kEntries); ++i) {
      const EntryRecord e = record<EntryRecord>(kEntries, i);
      if (!named(e.name) || !inside(e.first_call, e.calls, count(kCalls)) ||
          !inside(e.first_tensor, u64{e.inputs} + e.outputs, count(kTensors)))
        return refuse_record(kEntries, i, "entry ", i,
                             " names calls or tensors that are not there");
    }
    return Status::ok;
  }

  const u8* bytes_;
  u64 n_;
  const Kernel* rows_;
  Error* error_;
  u64 at_[kSections] = {};  // of each payload
};

// Where the parts of a Model lie in the workspace.
struct Layout {
  u64 arena[kArenas], kernel_workspace, calls, arguments, total;
};

Layout layout_of(const File& file, u64 call_bytes) {
  Layout l{};
  const auto take = [&](u64 bytes) {
    const u64 at = l.total;
    l.total += rounded(bytes);
    return at;
  };
  for (u32 a = 0; a < kArenas; ++a) l.arena[a] = take(file.arena[a]);
  l.kernel_workspace = take(file.kernel_workspace);
  l.calls = take(file.count(kCalls) * call_bytes);
  l.arguments = take(file.count(kArguments) * sizeof(Arg));
  l.total += kAlign - 1;  // the caller's memory may begin anywhere
  return l;
}

// Bytes of one resolved call; Model::Call is private.
constexpr u64 kCallBytes = 16;

Status check_arguments(const void* bytes, const void* result, kernels::Isa isa, Error* error) {
  if (!bytes || !result || !kernels::has_isa(isa))
    return refuse(error, Status::argument, 0,
                  "no bytes, no place for the result, or an instruction "
                  "set that this machine lacks");
  return Status::ok;
}

}  // namespace

Status required_workspace(const void* bytes, size_t n, size_t* needed, Error* error,
                          kernels::Isa isa) {
  Status s = check_arguments(bytes, needed, isa, error);
  if (s != Status::ok) return s;
  File file(bytes, n, kernels::table(isa), error);
  s = file.check();
  if (s != Status::ok) return s;
  const u64 total = layout_of(file, kCallBytes).total;
  if (total > SIZE_MAX)
    return refuse(error, Status::workspace, 0, "the program needs ", total, " bytes of workspace");
  *needed = size_t(total);
  return Status::ok;
}

Status open(const void* bytes, size_t n, void* workspace, size_t workspace_bytes, Model* model,
            Error* error, kernels::Isa isa) {
  static_assert(sizeof(Model::Call) <= kCallBytes);
  Status s = check_arguments(bytes, model, isa, error);
  if (s != Status::ok) return s;
  *model = Model();
  File file(bytes, n, kernels::table(isa), error);
  s = file.check();
  if (s != Status::ok) return s;
  const Layout l = layout_of(file, kCallBytes);
  if (!workspace || workspace_bytes < l.total)
    return refuse(error, Status::workspace, 0, "the workspace has ", u64{workspace_bytes},
                  " bytes; the program needs ", l.total);
  u8* base = static_cast<u8*>(workspace);
  base += (kAlign - reinterpret_cast<uintptr_t>(base) % kAlign) % kAlign;
  for (u32 i = 0; i < kSections; ++i) {
    model->payload_[i] = file.payload(i);
    model->bytes_[i] = file.size[i];
  }
  for (u32 a = 0; a < kArenas; ++a) {
    model->arena_[a] = base + l.arena[a];
    model->arena_bytes_[a] = file.arena[a];
  }
  model->kernel_workspace_ = base + l.kernel_workspace;
  model->calls_ = reinterpret_cast<Model::Call*>(base + l.calls);
  model->arguments_ = reinterpret_cast<Arg*>(base + l.arguments);
  model->real_ = DType(file.real);
  for (u64 i = 0; i < file.count(kCalls); ++i) {
    const CallRecord c = file.record<CallRecord>(kCalls, i);
    model->calls_[i] = {file.row_of(c).run[c.real], c.first};
  }
  for (u64 i = 0; i < file.count(kArguments); ++i) {
    const ArgumentRecord a = file.record<ArgumentRecord>(kArguments, i);
    Arg& arg = model->arguments_[i];
    arg.i = i64(a.value);  // the bits of a real or null, too
    // A record that no call uses has not been checked.
    if (a.kind == kPointer)
      arg.p = a.arena < kArenas && a.value <= file.arena[a.arena] ? model->arena_[a.arena] + a.value
                                                                  : nullptr;
  }
  model->reset();
  return Status::ok;
}

template <class Record>
Record Model::record(u32 section, u64 index) const {
  Record r;
  memcpy(&r, payload_[section] + index * sizeof(r), sizeof(r));
  return r;
}

Tensor Model::tensor(u32 section, u64 index) const {
  const TensorRecord r = record<TensorRecord>(section, index);
  Tensor t;
  t.name = reinterpret_cast<const char*>(payload_[kText] + r.name);
  t.data = arena_[r.arena] + r.offset;
  t.dtype = DType(r.dtype);
  t.rank = r.rank;
  u64 bytes = kSizeOf[r.dtype];
  for (u32 a = 0; a < r.rank; ++a) bytes *= t.dim[a] = r.dim[a];
  t.bytes = size_t(bytes);
  return t;
}

i32 Model::entries() const { return i32(bytes_[kEntries] / sizeof(EntryRecord)); }
i32 Model::states() const { return i32(bytes_[kState] / sizeof(TensorRecord)); }

const char* Model::entry_name(i32 entry) const {
  if (!has(entry)) return nullptr;
  const u32 name = record<EntryRecord>(kEntries, u64(entry)).name;
  return reinterpret_cast<const char*>(payload_[kText] + name);
}

i32 Model::find(const char* name) const {
  for (i32 e = 0; e < entries(); ++e)
    if (strcmp(entry_name(e), name) == 0) return e;
  return -1;
}

i32 Model::inputs(i32 entry) const {
  return has(entry) ? i32(record<EntryRecord>(kEntries, u64(entry)).inputs) : 0;
}

i32 Model::outputs(i32 entry) const {
  return has(entry) ? i32(record<EntryRecord>(kEntries, u64(entry)).outputs) : 0;
}

Tensor Model::input(i32 entry, i32 index) const {
  if (index < 0 || index >= inputs(entry)) return {};
  return tensor(kTensors, record<EntryRecord>(kEntries, u64(entry)).first_tensor + u64(index));
}

Tensor Model::output(i32 entry, i32 index) const {
  if (index < 0 || index >= outputs(entry)) return {};
  const EntryRecord e = record<EntryRecord>(kEntries, u64(entry));
  return tensor(kTensors, u64{e.first_tensor} + e.inputs + u64(index));
}

Status Model::set_input(i32 entry, i32 index, const void* data, size_t bytes) {
  const Tensor t = input(entry, index);
  if (!t.data || bytes != t.bytes || (!data && bytes > 0)) return Status::argument;
  if (bytes > 0) memcpy(t.data, data, bytes);
  return Status::ok;
}

Status Model::run(i32 entry) {
  if (!has(entry)) return Status::argument;
  const EntryRecord e = record<EntryRecord>(kEntries, u64(entry));
  const FloatGuard guard;
  for (u32 i = 0; i < e.calls; ++i) {
    const Call& c = calls_[e.first_call + i];
    c.run(arguments_ + c.first, {0, 1, kernel_workspace_});
  }
  return Status::ok;
}

Tensor Model::state(i32 index) const {
  return index < 0 || index >= states() ? Tensor() : tensor(kState, u64(index));
}

Tensor Model::state(const char* name) const {
  for (i32 i = 0; i < states(); ++i)
    if (strcmp(state(i).name, name) == 0) return state(i);
  return {};
}

void Model::reset() {
  for (u32 a = 0; a < kArenas; ++a)
    if (arena_bytes_[a] > 0) memset(arena_[a], 0, size_t(arena_bytes_[a]));
  for (u64 i = 0; i < bytes_[kContents] / sizeof(ContentsRecord); ++i) {
    const ContentsRecord c = record<ContentsRecord>(kContents, i);
    memcpy(arena_[c.arena] + c.offset, payload_[kData] + c.at, size_t(c.bytes));
  }
}

Status Model::check_golden(i32 entry, Error* error) {
  if (!has(entry)) return refuse(error, Status::argument, 0, "there is no such entry");
  const EntryRecord e = record<EntryRecord>(kEntries, u64(entry));
  const auto golden = [&](u64 i) {
    return payload_[kData] + record<TensorRecord>(kTensors, e.first_tensor + i).golden;
  };
  reset();
  for (u32 i = 0; i < e.inputs; ++i) {
    const Tensor t = input(entry, i32(i));
    memcpy(t.data, golden(i), t.bytes);
  }
  run(entry);
  Status s = Status::ok;
  for (u32 i = 0; i < e.outputs && s == Status::ok; ++i) {
    const Tensor t = output(entry, i32(i));
    const u8* const expected = golden(u64{e.inputs} + i);
    const u8* const found = static_cast<const u8*>(t.data);
    for (u64 b = 0; b < t.bytes && s == Status::ok; ++b)
      if (found[b] != expected[b])
        s = refuse(error, Status::golden,
                   u64(expected - payload_[kText]) + sizeof(Header) + sizeof(SectionHeader) + b,
                   "output '", t.name, "' of entry '", entry_name(entry),
                   "' differs from the golden run at its byte ", b);
  }
  reset();
  return s;
}

}  // namespace lat::runtime
