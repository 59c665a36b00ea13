#pragma once
// Recorded programs as a file that another process runs without tape or models:
// engine/runtime/runtime.h reads it, and engine/runtime/format.h says what every byte is.
//
//   const NamedTensor state[] = {{"lr", adam.lr}, {"clock", learn.clock()}};
//   const ProgramEntry entries[] = {
//       {"train", &learn.program(), {{"x", learn.arguments()[0]}}, {{"loss", loss}}},
//       {"decode", &decode.program(), {{"z", decode.arguments()[0]}}, {{"image", image}}}};
//   write_program_file("vae.program", ctx, entries, state);
#include <span>
#include <string>
#include <vector>

#include "engine/core/context.h"

namespace lat {

struct NamedTensor {
  std::string name;
  Tensor tensor;  // in parameters or persistent memory: a slot, a Buffer, a Word
};

// One entry point: what a Step recorded, and where its arguments and results lie. Entries share all
// memory, so a decoder beside a training step decodes with the weights as trained so far.
struct ProgramEntry {
  std::string name;
  const Program* program;
  std::vector<NamedTensor> inputs, outputs;
};

// The file as bytes. Of each arena only what the calls and names touch is laid out, in the same
// order; of parameters and persistent memory only what a call or a name may read is stored, as it
// stands now, and runs of zeros are not. The slots of the inputs are not part of that: what they
// hold now becomes the golden input, so an entry must have been called, with values that may be
// published. Each entry is run once for its golden output; memory is as before afterwards. One run
// of each entry, memory a small multiple of the file.
// Code::usage: no entries, a name used twice in its list, a tensor of another context.
// Code::state: an empty program (--eager), or one that reads memory which a rewound step owned.
std::string program_file_bytes(Context& ctx, std::span<const ProgramEntry> entries,
                               std::span<const NamedTensor> state);

// The same, written as write_file_atomic does (engine/data/file.h).
void write_program_file(const std::string& path, Context& ctx,
                        std::span<const ProgramEntry> entries, std::span<const NamedTensor> state);

}  // namespace lat
