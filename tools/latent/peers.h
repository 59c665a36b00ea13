#pragma once
// Other people's libraries on the same work, opened at run time: a yardstick is never a need of the build.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tools/latent/problem.h"

namespace lat::tools {

// The peer's version of a call: the same operands, an output of its own. Each function keeps alive what it needs.
struct PeerCall {
  std::function<void()> run;  // on a device: queues it
  // The output in our layout and the host's memory, after run().
  std::function<const float*()> output;
};

class Peer {
 public:
  virtual ~Peer() = default;
  virtual std::string name() const = 0;   // as in ../peers: OpenBLAS, oneDNN
  virtual std::string about() const = 0;  // version, and what it makes of this CPU
  virtual void set_threads(int) {}
  // Nothing where the library has no such kernel.
  virtual PeerCall prepare(const Family& family, const WorkShape& shape, Problem& problem) = 0;
};

// "openblas" or "onednn" on the CPU, "cublaslt" or "cudnn" on a GPU. Code::usage for any other, Code::machine with the
// package where it is not installed.
std::unique_ptr<Peer> open_peer(const std::string& name, Accelerator* device = nullptr);
std::vector<std::string> peer_names();

// The latter two.
std::unique_ptr<Peer> open_cublaslt(Accelerator& device);
std::unique_ptr<Peer> open_cudnn(Accelerator& device);

}  // namespace lat::tools
