// latent replay: given actions from a given state, to be held against the original environment.
#include <algorithm>

#include "engine/data/numpy.h"
#include "engine/train/fields.h"
#include "rl/core/environments.h"
#include "tools/latent/commands.h"
#include "tools/latent/settings.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

namespace {

std::vector<double> numbers_of(const std::string& flag, const std::string& text) {
  std::vector<double> out;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    out.push_back(parse_number(flag, text.substr(begin, end - begin), kAnyLeast, kAnyMost));
    begin = end + 1;
  }
  return out;
}

}  // namespace

int replay(const Args& args) {
  std::string name, state, actions, out = "trajectory.npz";
  if (!parse_options(
          "replay",
          "Runs given actions from a given state of an environment, in double precision "
          "and without resets. The file holds obs (T+1 rows), reward, terminated and "
          "state: numpy.load reads it.",
          {{"ENV", &name, rl::environment_list()},
           {"--state", &state, "s0,s1,...: where it starts, the environment's own numbers"},
           {"--actions", &actions, "a .npy file: (T) choices, or (T,A) or (T) numbers"},
           {"-o,--out", &out, "the file to write (trajectory.npz)"}},
          args))
    return 0;
  LAT_CHECK(!name.empty(), Code::usage, "", "no environment is named. There are ",
            rl::environment_list());
  rl::environment_threshold(name);  // refuses an unknown name before files are asked for
  LAT_CHECK(!state.empty(), Code::usage, "--state", "is missing: s0,s1,... of ", name);
  LAT_CHECK(!actions.empty(), Code::usage, "--actions",
            "is missing: a .npy file, as numpy.save writes it");
  const NumpyArray file = read_npy(actions);
  LAT_CHECK(file.shape.size() == 1 || file.shape.size() == 2, Code::input, actions, "has ",
            file.shape.size(), " axes; expected (T) or (T,A)");
  const rl::Trajectory t = rl::trajectory(name, numbers_of("--state", state), file.values);
  LAT_CHECK(file.shape[0] == t.steps, Code::input, actions, "has ", file.shape[0], " rows for ",
            t.steps, " steps; expected (T) or (T,A)");
  const i64 T = t.steps;
  write_npz(out, {{"obs", NumpyMember::f64, {T + 1, t.observed}, t.obs},
                  {"reward", NumpyMember::f64, {T}, t.reward},
                  {"terminated",
                   NumpyMember::boolean,
                   {T},
                   std::vector<double>(t.terminated.begin(), t.terminated.end())},
                  {"state", NumpyMember::f64, {T + 1, t.states}, t.state}});
  double sum = 0;
  i64 end = -1;
  for (i64 k = 0; k < T; ++k) {
    sum += t.reward[static_cast<size_t>(k)];
    if (end < 0 && t.terminated[static_cast<size_t>(k)]) end = k;
  }
  say(name, "  ", T, " steps, rewards add up to ", number_text(sum),
      end < 0 ? std::string(", not terminated") : cat(", first terminated at step ", end));
  say("saved  ", out);
  return 0;
}

}  // namespace lat::tools
