// run_program FILE ENTRY N INPUT OUTPUT: runs ENTRY N times; run i takes the i-th share of INPUT
// for its inputs; OUTPUT gets the outputs of every run, then the whole state. run_program FILE:
// checks the golden run of every entry.
//
// Linked with the runtime and the kernels only: what it computes, it computes without tape, models
// or the engine.
#include <stdio.h>
#include <stdlib.h>

#include "engine/runtime/runtime.h"

namespace rt = lat::runtime;

namespace {

struct Block {
  unsigned char* bytes = nullptr;
  size_t size = 0;
  ~Block() { free(bytes); }
};

bool read_whole(const char* path, Block& to) {
  FILE* file = fopen(path, "rb");
  if (!file) return false;
  bool good = fseek(file, 0, SEEK_END) == 0;
  const long size = good ? ftell(file) : -1;
  good = size >= 0 && fseek(file, 0, SEEK_SET) == 0;
  if (good) {
    to.size = size_t(size);
    to.bytes = static_cast<unsigned char*>(malloc(to.size + 1));
    good = to.bytes && fread(to.bytes, 1, to.size, file) == to.size;
  }
  fclose(file);
  return good;
}

int complain(const char* what, const rt::Error& error) {
  fprintf(stderr, "%s: status %d at byte %llu: %s\n", what, int(error.status),
          static_cast<unsigned long long>(error.byte_offset), error.text);
  return 3;
}

bool write_whole(FILE* to, const rt::Tensor& t) {
  return fwrite(t.data, 1, t.bytes, to) == t.bytes;
}

int run_steps(rt::Model& model, char** argv) {
  const int entry = model.find(argv[2]);
  const int steps = atoi(argv[3]);
  Block input;
  if (entry < 0 || !read_whole(argv[4], input)) return 2;
  FILE* out = fopen(argv[5], "wb");
  if (!out) return 2;
  const unsigned char* next = input.bytes;
  bool good = true;
  for (int step = 0; step < steps && good; ++step) {
    for (int i = 0; i < model.inputs(entry) && good; ++i) {
      const size_t bytes = model.input(entry, i).bytes;
      good = bytes <= size_t(input.bytes + input.size - next) &&
             model.set_input(entry, i, next, bytes) == rt::Status::ok;
      next += bytes;
    }
    good = good && model.run(entry) == rt::Status::ok;
    for (int i = 0; i < model.outputs(entry) && good; ++i)
      good = write_whole(out, model.output(entry, i));
  }
  for (int i = 0; i < model.states() && good; ++i) good = write_whole(out, model.state(i));
  return fclose(out) == 0 && good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 6) return 2;
  Block file, memory;
  rt::Error error;
  rt::Model model;
  if (!read_whole(argv[1], file)) return 2;
  if (rt::required_workspace(file.bytes, file.size, &memory.size, &error) != rt::Status::ok)
    return complain(argv[1], error);
  memory.bytes = static_cast<unsigned char*>(malloc(memory.size));
  if (!memory.bytes) return 2;
  if (rt::open(file.bytes, file.size, memory.bytes, memory.size, &model, &error) != rt::Status::ok)
    return complain(argv[1], error);
  if (argc == 6) return run_steps(model, argv);
  for (int entry = 0; entry < model.entries(); ++entry)
    if (model.check_golden(entry, &error) != rt::Status::ok)
      return complain(model.entry_name(entry), error);
  return 0;
}
