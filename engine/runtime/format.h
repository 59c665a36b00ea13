#pragma once
// The program file, version 1: kernel calls with the memory they work on, weights, entry points and
// a golden run of each.
//
//   header     Header, 32 bytes
//   sections   kSections of them, in the order of the enum: SectionHeader, then the payload, a
//              multiple of 8 bytes
//
// Every number is little-endian; nothing lies between the sections or after the last. Each CRC-32
// (IEEE 802.3, as in zip and png) covers what follows it: together they cover every byte. A name is
// an offset into the text section. engine/train/program_file.cpp writes the same bytes and does not
// include this file: the layers forbid it.
#include "kernels/common/types.h"

namespace lat::runtime {

using kernels::i32;
using kernels::i64;
using kernels::u32;
using kernels::u64;
using kernels::u8;

constexpr char kMagic[8] = {'l', 'a', 't', 'p', 'r', 'o', 'g', '\n'};
constexpr u32 kOrder = 0x01020304;  // reads otherwise on a big-endian machine
constexpr u32 kVersion = 1;         // of this layout
constexpr u32 kNumerics = 1;        // of the kernels' bits: another number, other results
constexpr u32 kArenas = 3;          // parameters, persistent, work
constexpr u32 kWork = 2;
constexpr u32 kMaxRank = 6;
constexpr u32 kMaxArguments = 24;  // of one call

struct Header {
  char magic[8];
  u32 order, version, numerics;
  u32 real;      // working real type: 0 f32, 1 f64
  u32 sections;  // kSections
  u32 crc;       // of the bytes before it
};

struct SectionHeader {
  u32 crc;    // of all that follows, payload included
  u32 id;     // its place in the enum
  u64 bytes;  // of the payload
};

enum : u32 {
  kText,       // names, each ended by a zero byte
  kKernels,    // KernelRecord
  kCalls,      // CallRecord
  kArguments,  // ArgumentRecord
  kSizes,      // u64: bytes of each arena
  kContents,  // ContentsRecord: what parameters and persistent start with; the rest starts as zeros
  kState,     // TensorRecord: what is read and set by name (words, clocks, parameters)
  kTensors,   // TensorRecord: inputs and outputs
  kEntries,   // EntryRecord
  kData,      // bytes of contents and golden runs
  kSections
};

struct KernelRecord {
  u32 name, roles;  // text; the roles must equal those of the reader's kernel
};

struct CallRecord {
  u32 kernel;        // KernelRecord
  u32 first, count;  // ArgumentRecord first .. first + count - 1
  u32 real;          // 0 f32, 1 f64
};

enum : u32 { kNull, kPointer, kInteger, kReal };
struct ArgumentRecord {
  u32 kind;
  u32 arena;   // of a pointer
  u64 value;   // pointer: byte offset in the arena; integer; bits of a double
  u64 extent;  // pointer: bytes
};

struct ContentsRecord {
  u32 arena, unused;
  u64 offset, bytes;  // in the arena
  u64 at;             // in the data section
};

struct TensorRecord {
  u32 name;
  u32 dtype;  // 0 f32, 1 f64, 2 i32, 3 u8
  u32 rank, arena;
  u32 dim[kMaxRank];
  u64 offset;  // in the arena
  u64 golden;  // in the data section; 0 for state
};

struct EntryRecord {
  u32 name;
  u32 first_call, calls;
  u32 first_tensor, inputs, outputs;  // inputs, then outputs
};

static_assert(sizeof(Header) == 32 && sizeof(SectionHeader) == 16 && sizeof(KernelRecord) == 8 &&
              sizeof(CallRecord) == 16 && sizeof(ArgumentRecord) == 24 &&
              sizeof(ContentsRecord) == 32 && sizeof(TensorRecord) == 56 &&
              sizeof(EntryRecord) == 24);

}  // namespace lat::runtime
