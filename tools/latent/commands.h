#pragma once
// The commands of the program. Each takes what stands after its name and returns the exit code; failures are thrown.
#include "tools/latent/args.h"

namespace lat::tools {

int demo(const Args& args);
int train(const Args& args);
int eval(const Args& args);
int sample(const Args& args);
int reconstruct(const Args& args);
int traverse(const Args& args);
int play(const Args& args);
int bench(const Args& args);
int replay(const Args& args);
int doctor(const Args& args);
int config(const Args& args);
int data(const Args& args);
int inspect(const Args& args);

}  // namespace lat::tools
