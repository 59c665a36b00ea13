#pragma once
// What is asked of a device that kernels are launched on: memory, streams, events, graphs. Two
// bodies: the emulator (kernels/emulator) and CUDA (kernels/cuda_device.cu).
//
// Names and rules are CUDA's: a stream runs what was queued on it in order, different streams in
// any order that events allow, and nothing is certain to have run before `synchronize`.
#include <memory>
#include <stdexcept>
#include <string>

#include "kernels/common/types.h"

namespace lat::gpu {

using kernels::i32;
using kernels::i64;
using kernels::u32;
using kernels::u64;
using kernels::u8;

// What a device refuses or finds wrong; the text names the launch by file and line.
class Error : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The extents of a grid or a block.
struct Extent {
  i64 x, y, z;
  Extent(i64 x_, i64 y_ = 1, i64 z_ = 1) : x(x_), y(y_), z(z_) {}
  i64 volume() const { return x * y * z; }
};

// How a kernel is launched: blocks, threads of each, bytes of dynamic shared memory; and by which
// line. An empty grid launches nothing.
struct Launch {
  Extent grid, block;
  i64 shared;
  const char* file;
  int line;
  Launch(Extent grid_, Extent block_, i64 shared_ = 0, const char* file_ = __builtin_FILE(),
         int line_ = __builtin_LINE())
      : grid(grid_), block(block_), shared(shared_), file(file_), line(line_) {}
};

// A point in a stream that other streams and the host can wait for.
class Event {
 public:
  virtual ~Event() = default;
  virtual void synchronize() = 0;  // waits for its newest record; without one, for nothing
  virtual bool passed() = 0;       // whether it need not wait for that; waits for nothing itself
  // Between the newest records of two timed events, both of which have run. In the emulator time of
  // the host.
  virtual double milliseconds_since(Event& earlier) = 0;
};

// Recorded work, to be run many times. Arguments are kept by value: a pointer stays the pointer and
// a number the number of the recording.
class Graph {
 public:
  virtual ~Graph() = default;
};

class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  // Memory of the caller's, aligned to 256 bytes, of at least the bytes that DeviceKernel::scratch
  // says. The calls of one stream share it: none needs what another left there.
  void* scratch = nullptr;

  // Bytes from anywhere to anywhere, host or device; both sides must live until it has run.
  virtual void copy(void* to, const void* from, size_t bytes) = 0;
  virtual void fill(void* to, u8 byte, size_t bytes) = 0;
  // A function of the host's in its turn, which must call nothing of the device.
  virtual void call(void (*function)(void*), void* argument) = 0;
  virtual void record(Event& event) = 0;
  // What is queued from here on runs after the newest record of `event`; without one, at once.
  virtual void wait(Event& event) = 0;
  virtual void run(Graph& graph) = 0;
  virtual void synchronize() = 0;

  // Between the two, calls are recorded and not run. A stream that waits for an event of a
  // capturing stream joins its capture, and must be waited for in turn before the end.
  virtual void begin_capture() = 0;
  virtual std::unique_ptr<Graph> end_capture() = 0;

  // The cudaStream_t, for libraries that queue on it; null in the emulator.
  virtual void* native() = 0;
};

// What a GPU says of itself; zeros where there is none.
struct Facts {
  i32 multiprocessors = 0;
  double ghz = 0;     // its highest clock
  double gflops = 0;  // f32 fused multiply-adds without tensor cores, two operations each
  size_t l2 = 0;      // bytes of the last cache
};

// Streams, events and graphs must not outlive their device.
class Device {
 public:
  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  virtual ~Device() = default;

  virtual std::string name() const = 0;
  virtual Facts facts() const = 0;
  virtual void* allocate(size_t bytes) = 0;  // aligned to 256 bytes
  virtual void release(void* memory) = 0;    // after synchronizing
  // Addresses for `most` bytes, of which the first `bytes` are memory once `commit` has said so. What is there already
  // stays; new memory holds anything.
  virtual void* reserve(size_t most) = 0;
  virtual void commit(void* range, size_t bytes) = 0;
  virtual void give_back(void* range) = 0;  // after synchronizing
  // Memory of the host that copies to and from the device need not be waited for.
  virtual void* allocate_host(size_t bytes) = 0;
  virtual void release_host(void* memory) = 0;
  virtual std::unique_ptr<Stream> stream() = 0;
  virtual std::unique_ptr<Event> event() = 0;
  virtual std::unique_ptr<Event> timed_event() = 0;  // knows when it was passed
  virtual void synchronize() = 0;
};

}  // namespace lat::gpu
