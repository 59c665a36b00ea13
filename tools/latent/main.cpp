// latent: the program. Finds the command, maps failures to exit codes (0 done, 1 failed run, 2 usage, 3 bad input file,
// 4 machine, 5 expectation not met, 130 interrupted after saving).
#include <signal.h>

#include <new>

#include "tools/latent/commands.h"
#include "tools/latent/settings.h"
#include "tools/latent/terminal.h"

namespace {

using lat::Code;
using lat::tools::Args;

struct Command {
  const char* name;
  int (*run)(const Args&);  // null: not part of this version
  const char* help;
};

constexpr Command kCommands[] = {
    {"demo", lat::tools::demo, "train on built-in data and show a picture (no arguments needed)"},
    {"train", lat::tools::train, "train a model: a preset or a .toml file"},
    {"eval", lat::tools::eval, "held-out figures of a run; --expect makes it a test"},
    {"sample", lat::tools::sample, "images from the prior"},
    {"reconstruct", lat::tools::reconstruct, "held-out images beside their reconstructions"},
    {"traverse", lat::tools::traverse, "what each latent does"},
    {"play", lat::tools::play, "walk through the scenes that a scene model predicts"},
    {"bench", lat::tools::bench, "time whole training steps, single kernels, environments"},
    {"replay", lat::tools::replay, "given actions from a given state of an environment"},
    {"inspect", lat::tools::inspect, "what a file holds: safetensors, IDX, PNG"},
    {"data", lat::tools::data, "list data sets, show images"},
    {"config", lat::tools::config, "list presets, show one, explain a key"},
    {"doctor", lat::tools::doctor, "this machine: CPU, memory, data sets, and what to do"},
    {"export", nullptr, ""},
    {"report", nullptr, ""},
    {"learn", nullptr, ""},
    {"explain", nullptr, ""},
};

std::string help() {
  std::string out = lat::cat("latent ", lat::tools::kVersion,
                             ": learning with latent variables\n\nusage: latent COMMAND [...]\n\n");
  for (const Command& c : kCommands) {
    if (!c.run) continue;
    std::string line = std::string("  ") + c.name;
    line.resize(16, ' ');
    out += line + c.help + "\n";
  }
  return out + "\nlatent COMMAND --help says more. Start with:  latent demo\n";
}

int run(const Args& args) {
  if (args.empty() || args[0] == "--help" || args[0] == "-h" || args[0] == "help") {
    lat::tools::print(help());
    return args.empty() ? static_cast<int>(Code::usage) : 0;
  }
  if (args[0] == "--version" || args[0] == "version") {
    lat::tools::print(lat::cat("latent ", lat::tools::kVersion, "\n"));
    return 0;
  }
  std::vector<std::string> names;
  for (const Command& c : kCommands) {
    if (args[0] == c.name) {
      LAT_CHECK(c.run, Code::usage, "", "'latent ", c.name,
                "' is not part of this version.  (latent --help lists what is)");
      return c.run(Args(args.begin() + 1, args.end()));
    }
    if (c.run) names.push_back(c.name);
  }
  lat::fail(Code::usage, "", "unknown command '", args[0], "'.",
            args[0] == "list" ? " Presets:  latent config list   data sets:  latent data list"
                              : lat::suggestion(args[0], names),
            "  (latent --help)");
}

int exit_code(Code code) {
  return static_cast<int>(code) < 10 ? static_cast<int>(code) : static_cast<int>(Code::failed);
}

}  // namespace

int main(int count, char** words) {
  ::signal(SIGXFSZ, SIG_IGN);  // a file size limit then is an error like any other
  ::signal(SIGPIPE, SIG_IGN);
  try {
    const int code = run(Args(words + 1, words + count));
    lat::tools::flush_print();
    return code;
  } catch (const lat::Error& e) {
    lat::tools::say("error: ", e.what());
    return exit_code(e.code);
  } catch (const std::bad_alloc&) {
    lat::tools::say("error: not enough memory. Try a smaller --set train.batch or data.limit");
    return static_cast<int>(Code::machine);
  } catch (const std::exception& e) {
    lat::tools::say("error: ", e.what());
    return static_cast<int>(Code::failed);
  }
}
