#pragma once
// Runs a program file without the engine: no tape, no models, no exceptions; kernels are all it
// needs.
//
//   size_t need;
//   if (required_workspace(bytes, n, &need, &error) != Status::ok) ...
//   Model model;
//   if (open(bytes, n, memory, need, &model, &error) != Status::ok) ...
//   const i32 decode = model.find("decode");
//   model.set_input(decode, 0, z, sizeof(z));
//   model.run(decode);
//   const Tensor x = model.output(decode, 0);
//
// It allocates nothing, holds no global state, starts no thread, prints nothing: the caller gives
// the file's bytes and the workspace, and both must outlive the Model. The bytes are never written
// and need no alignment. One Model, one thread at a time; Models share nothing.
//
// open: any bytes give a Model or an Error; reads stay within n, writes within the workspace. Checked
// are the checksums, every count, name, role, range (against 64-bit overflow too) and alignment.
// run: NOT checked is whether a call's integers and null pointers fit the extents that the writer
// recorded; a forged file can make a kernel read and write outside the arenas (and, on opening, make
// the sum in a kernel's plan overflow). Run only files from a writer you trust: the checksums find
// damage, not intent.
#include <stddef.h>

#include "engine/runtime/format.h"
#include "kernels/table.h"

namespace lat::runtime {

enum class Status : i32 {
  ok = 0,
  argument = 1,   // no such entry, input or name; a wrong number of bytes
  truncated = 2,  // the bytes end too early
  format = 3,     // not a program file, or a record that contradicts the others
  version = 4,    // a newer layout, or the bits of another numerics version
  checksum = 5,   // damaged
  kernel = 6,     // a kernel that this build lacks or that takes other arguments
  workspace = 7,  // too small
  golden = 8      // this machine computes other bits
};

// Filled where a call fails and the caller gave one; left alone otherwise.
struct Error {
  Status status = Status::ok;
  u64 byte_offset = 0;  // in the file: of what is wrong
  char text[160] = {};  // what, and what was expected; ends with a zero byte
};

enum class DType : u32 { f32, f64, int32, uint8 };

// A named place in the workspace; row-major, last axis fastest. data is null where there is none of
// that name.
struct Tensor {
  const char* name = nullptr;
  void* data = nullptr;
  size_t bytes = 0;
  DType dtype = DType::f32;
  u32 rank = 0;
  u32 dim[kMaxRank] = {};
};

class Model {
 public:
  // Entry points: 0 .. entries() - 1; find returns -1 where there is none of that name.
  i32 entries() const;
  const char* entry_name(i32 entry) const;  // null where there is none
  i32 find(const char* name) const;

  i32 inputs(i32 entry) const;
  i32 outputs(i32 entry) const;
  Tensor input(i32 entry, i32 index) const;
  Tensor output(i32 entry, i32 index) const;  // valid until the next run, of any entry
  // Copies exactly the input's bytes.
  Status set_input(i32 entry, i32 index, const void* data, size_t bytes);
  // The calls of the entry, in order. What it leaves in the state is there for the next run, of any
  // entry.
  Status run(i32 entry);

  // State by name or index: parameters, words such as the learning rate, clocks. Set by writing to
  // data.
  i32 states() const;
  Tensor state(i32 index) const;
  Tensor state(const char* name) const;

  // The state as stored in the file.
  void reset();
  // Runs the entry on the golden input with the state as stored and compares the outputs, bit for
  // bit, with those of the machine that wrote the file. Leaves the state as stored. Status::golden
  // names the output and its first byte.
  Status check_golden(i32 entry, Error* error);

  // Working real type: f32 or f64.
  DType real() const { return real_; }

 private:
  friend Status open(const void*, size_t, void*, size_t, Model*, Error*, kernels::Isa);
  struct Call {
    void (*run)(const kernels::Arg*, kernels::Part);
    u32 first;
  };
  bool has(i32 entry) const { return entry >= 0 && entry < entries(); }
  template <class Record>
  Record record(u32 section, u64 index) const;
  Tensor tensor(u32 section, u64 index) const;

  const u8* payload_[kSections] = {};
  u64 bytes_[kSections] = {};
  u8* arena_[kArenas] = {};
  u64 arena_bytes_[kArenas] = {};
  void* kernel_workspace_ = nullptr;
  Call* calls_ = nullptr;
  kernels::Arg* arguments_ = nullptr;
  DType real_ = DType::f32;
};

// How many bytes open needs: arenas, one call's kernel workspace, resolved calls. Validates the
// whole file. O(n). `isa` must be one that the machine has; the bits are equal on all.
Status required_workspace(const void* bytes, size_t n, size_t* needed, Error* error,
                          kernels::Isa isa = kernels::best_isa());

// Validates the file and lays the Model out in the workspace, at any alignment. O(n). A Model whose
// opening fails has no entries.
Status open(const void* bytes, size_t n, void* workspace, size_t workspace_bytes, Model* model,
            Error* error, kernels::Isa isa = kernels::best_isa());

}  // namespace lat::runtime
