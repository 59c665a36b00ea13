// latent replay and latent bench env, as their users run them.
#include <algorithm>
#include <cmath>

#include "engine/data/numpy.h"
#include "rl/core/environments.h"
#include "tests/tools/program.h"

namespace lat::test {
namespace {

// A .npy of doubles, or of whole numbers.
template <class T>
void write_actions(const std::string& path, const std::string& descr, const std::string& shape,
                   const std::vector<T>& values) {
  std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + "}";
  header.resize(117, ' ');
  header += '\n';
  std::string bytes =
      std::string("\x93NUMPY\1\0", 8) + static_cast<char>(header.size()) + '\0' + header;
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  put(path, bytes);
}

// A member of a .npz whose entries are stored.
NumpyArray member(const Folder& in, const std::string& file, const std::string& name) {
  const std::string all = get(in / file);
  const size_t at = all.find(name + ".npy\x93NUMPY");
  REQUIRE(at != std::string::npos);
  uint32_t size = 0;
  std::copy_n(all.data() + at - 30 + 18, 4, reinterpret_cast<char*>(&size));
  put(in / "member.npy", all.substr(at + name.size() + 4, size));
  return read_npy(in / "member.npy");
}

}  // namespace

TEST_CASE("replay: the file holds the trajectory, and numpy reads it where there is one") {
  const Folder in;
  std::vector<int64_t> actions;
  std::vector<double> numbers;
  for (int t = 0; t < 60; ++t) {
    actions.push_back(t % 2);
    numbers.push_back(static_cast<double>(t % 2));
  }
  write_actions(in / "a.npy", "<i8", "(60,)", actions);
  const Outcome o = run(in, {"replay", "cartpole", "--state", "-0.01,0.02,-0.03,0.04", "--actions",
                             "a.npy", "-o", "t.npz"});
  REQUIRE_MESSAGE(o.code == 0, o.err);
  CHECK(contains(o.err, "60 steps"));
  const std::vector<double> start{-0.01, 0.02, -0.03, 0.04};
  const rl::Trajectory truth = rl::trajectory("cartpole", start, numbers);
  const NumpyArray obs = member(in, "t.npz", "obs"), reward = member(in, "t.npz", "reward"),
                   ends = member(in, "t.npz", "terminated");
  CHECK(obs.shape == std::vector<i64>{61, 4});
  CHECK(obs.values == truth.obs);
  CHECK(reward.values == truth.reward);
  CHECK(ends.values == std::vector<double>(truth.terminated.begin(), truth.terminated.end()));

  if (std::system("python3 -c 'import numpy' 2>/dev/null") != 0) {
    MESSAGE("python3 has no numpy: its reading of the file skipped");
    return;
  }
  const std::string script =
      "cd " + in.path +
      " && python3 -c \"import numpy as n; z = n.load('t.npz'); "
      "assert z['obs'].shape == (61, 4) and z['obs'].dtype == n.float64; "
      "assert z['reward'].shape == (60,) and z['terminated'].dtype == n.bool_; "
      "assert z['obs'][0, 1] == 0.02\"";
  CHECK(std::system(script.c_str()) == 0);
}

TEST_CASE("replay: numbers as actions, and everything that can be wrong") {
  const Folder in;
  write_actions<double>(in / "box.npy", "<f8", "(3, 1)", {1, -2, 0.5});
  const Outcome o = run(in, {"replay", "pendulum", "--state", "3,-1", "--actions", "box.npy"});
  REQUIRE_MESSAGE(o.code == 0, o.err);
  CHECK(member(in, "trajectory.npz", "obs").shape == std::vector<i64>{4, 3});

  const Words good{"replay", "pendulum", "--state", "3,1", "--actions"};
  check_refused(in, {"replay"}, 2, {"no environment is named", "cartpole"});
  check_refused(in, {"replay", "pendulun", "--state", "3,1", "--actions", "box.npy"}, 2,
                {"Did you mean 'pendulum'?"});
  check_refused(in, {"replay", "pendulum", "--actions", "box.npy"}, 2, {"--state"});
  check_refused(in, {"replay", "pendulum", "--state", "3,1"}, 2, {"--actions"});
  check_refused(in, {"replay", "pendulum", "--state", "3", "--actions", "box.npy"}, 2,
                {"2 numbers", "got 1"});
  check_refused(in, {"replay", "pendulum", "--state", "3,x", "--actions", "box.npy"}, 2,
                {"--state", "x"});
  check_refused(in, good + Words{"none.npy"}, 3, {"none.npy"});
  put(in / "text.npy", "hello");
  check_refused(in, good + Words{"text.npy"}, 3, {"text.npy", "numpy.save"});
  write_actions<double>(in / "nan.npy", "<f8", "(2,)", {0, std::nan("")});
  check_refused(in, good + Words{"nan.npy"}, 2, {"pendulum", "step 1", "finite"});
  write_actions<double>(in / "wide.npy", "<f8", "(2, 2)", {0, 1, 2, 3});
  check_refused(in, good + Words{"wide.npy"}, 3, {"2 rows", "4 steps"});
  write_actions<int64_t>(in / "far.npy", "<i8", "(2,)", {0, 2});
  check_refused(in, {"replay", "cartpole", "--state", "0,0,0,0", "--actions", "far.npy"}, 2,
                {"cartpole", "step 1", "0 .. 1"});
}

TEST_CASE("bench env: a line for people, and one of JSON with the keys of the others") {
  const Folder in;
  const Outcome people = run(in, {"bench", "env", "catch", "--threads", "1", "--seconds", "0.05"});
  REQUIRE_MESSAGE(people.code == 0, people.err);
  CHECK(contains(people.out, "env catch  1 thread"));
  CHECK(contains(people.out, "million steps a second"));
  const Outcome json = run(in, {"bench", "env", "pendulum", "--threads", "1,2", "--seconds", "0.05",
                                "--batch", "64", "--json"});
  REQUIRE_MESSAGE(json.code == 0, json.err);
  CHECK(value(json.out, "workload") == "env pendulum");
  CHECK(value(json.out, "impl") == "latent");
  CHECK(value(json.out, "copies") == "64");
  CHECK(std::stod(value(json.out, "steps_per_second")) > 1000);
  CHECK(std::count(json.out.begin(), json.out.end(), '\n') == 2);
  check_refused(in, {"bench", "env", "acrobat"}, 2, {"Did you mean 'acrobot'?"});
  check_refused(in, {"bench", "env"}, 2, {"no environment is named"});
}

}  // namespace lat::test
