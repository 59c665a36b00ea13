#pragma once
// A row of the op table: a name and what can be done with a record of it. The functions are captureless lambdas.
namespace lat {

class Emit;  // engine/tape/tape.h: a forward being computed
class Back;  // engine/tape/tape.h: a derivative being computed

struct Op {
  const char* name;
  void (*forward)(Emit&);             // shapes checked, outputs made, kernels called
  void (*backward)(Back&) = nullptr;  // ordinary code that calls ops; null: no derivative
  // The same outputs from simpler ops. A gradient that is itself recorded goes through it; null, or no result:
  // `backward` is made of ops that can be differentiated again.
  void (*composition)(Emit&) = nullptr;
};

}  // namespace lat
