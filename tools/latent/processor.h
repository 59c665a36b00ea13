#pragma once
// What the bench times kernels on: threads of this CPU, or a device.
#include "tools/latent/bench_fast.h"
#include "tools/latent/json.h"

namespace lat::tools {

// One way to compute a call: the engine's, or a rung of a ladder.
struct Version {
  std::string name, does;
  std::function<bool(const Work&)> matches;                 // writes the specification's bits
  std::function<std::function<void()>(const Problem&)> on;  // its call, ready to run; owns nothing
};

struct Climb {
  std::vector<Version> rungs;
  size_t product;  // which of them the engine calls
};

class Processor {
 public:
  virtual ~Processor() = default;
  virtual Accelerator* device() { return nullptr; }  // null: a CPU
  virtual FastBench* fast() { return nullptr; }      // null without --numerics fast
  // The kinds of work that it is timed on.
  virtual const std::vector<Family>& families() const = 0;
  virtual std::vector<WorkShape> shapes(const Family& f) const { return f.shapes; }
  virtual WorkShape ladder_shape(const Family& f) const { return f.shapes[0]; }

  // Until the next stop it computes with so many threads. What it can do is measured in about so long a time for each roof.
  virtual void start(int threads, double seconds) = 0;
  virtual void stop() = 0;
  virtual Clock& clock() = 0;
  const Peaks& peaks() const { return peaks_; }
  virtual bool has_speed() const { return true; }  // emulated: a time of the host alone

  virtual std::string about() const = 0;                  // itself, in a line or two
  virtual std::string how() const = 0;                    // what `us` is
  virtual std::vector<Json::Member> members() const = 0;  // itself, for a file

  virtual Version kernel(const Work& work) = 0;
  // Code::usage where it has none of that name, Code::machine where it cannot run it.
  virtual Climb ladder(const std::string& name) = 0;

 protected:
  Peaks peaks_;
};

std::unique_ptr<Processor> cpu_processor(kernels::Isa isa, bool fast);
// Names as in core/accelerator.h.
std::unique_ptr<Processor> device_processor(const std::string& name);

}  // namespace lat::tools
