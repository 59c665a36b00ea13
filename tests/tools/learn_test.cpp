// latent learn, and the exercises of the book: as they stand they do not pass, and their solutions do.
#include <algorithm>

#include "tests/tools/program.h"

using namespace lat::test;

namespace {

fs::path book() { return fs::path(std::getenv("LATENT_SOURCE")) / "tools/book"; }

struct Exercise {
  std::string number, folder;
};

std::vector<Exercise> exercises() {
  std::vector<Exercise> out;
  for (const auto& entry : fs::directory_iterator(book()))
    if (fs::exists(entry.path() / "expect.json")) {
      const std::string folder = entry.path().filename().string();
      out.push_back({std::to_string(std::stoi(folder)), folder});
    }
  return out;
}

// What stands at this folder's NAME.cpp instead of exercise 4.
Outcome answered(const Folder& in, const std::string& code, const Words& more = {}) {
  in.write("04_elbo.cpp", code);
  return run(in, Words{"learn", "4"} + more);
}

}  // namespace

TEST_CASE("learn: every chapter has an exercise, a hint and a solution that passes") {
  const std::vector<Exercise> all = exercises();
  CHECK(all.size() >= 6);
  const std::string list = run(Folder(), {"learn"}).out;
  for (const Exercise& e : all) {
    CAPTURE(e.folder);
    CHECK(contains(list, " " + e.number + "  "));
    const Folder in;
    CHECK(run(in, {"learn", e.number, "--hint"}).out.size() > 100);
    Outcome o = run(in, {"learn", e.number, "--json"});
    CHECK(o.code == 5);
    CHECK(contains(o.out, "\"passed\": false"));
    CHECK(contains(o.out, e.folder + "/exercise.cpp"));
    in.write(e.folder + ".cpp", get((book() / e.folder / "solution.cpp").string()));
    o = run(in, {"learn", e.number, "--json"});
    CHECK_MESSAGE(o.code == 0, o.out, o.err);
    CHECK(value(o.out, "file") == e.folder + ".cpp");
    CHECK(std::count(o.out.begin(), o.out.end(), '\n') == 1);
    CHECK(!contains(o.out, "\"passed\": false"));
  }
}

TEST_CASE("learn: the solution is shown after a pass, or to who gives up") {
  const Folder in;
  const std::string ours = get((book() / "04_elbo/solution.cpp").string());
  const std::string asked = get((book() / "04_elbo/exercise.cpp").string());
  const Outcome early = answered(in, asked, {"--solution"});
  CHECK(early.code == 5);
  CHECK(!contains(early.out, "posterior: p(z|x) ="));
  CHECK(contains(early.out, "--give-up"));
  CHECK(answered(in, asked, {"--solution", "--give-up"}).out == ours);
  CHECK(answered(in, ours, {"--solution"}).out == ours);
}

TEST_CASE("learn: what is not an answer is told apart") {
  const Folder in;
  const std::string ours = get((book() / "04_elbo/solution.cpp").string());
  check_refused(in, {"learn", "99"}, 2, {"there is no exercise 99", "0 4 5 6 7 8", "latent learn"});
  check_refused(in, {"learn", "four"}, 2, {"'four' is not a whole number"});

  Outcome o = answered(in, ours + "\nint broken = no_such_name;\n");
  CHECK(o.code == 3);
  CHECK_MESSAGE(contains(o.err, "04_elbo.cpp: does not compile"), o.err);
  CHECK(contains(o.err, "no_such_name"));

  const std::string head = "double log_evidence(const Numbers& prior, const Numbers& likelihood) {";
  const auto with = [&](const std::string& code) {
    std::string text = ours;
    text.insert(text.find(head) + head.size(), code);
    return text;
  };
  o = answered(in, with(" for (volatile int i = 0;; i = i + 1) {}"), {"--seconds", "1"});
  CHECK(o.code == 1);
  CHECK_MESSAGE(contains(o.err, "was stopped after 1 s"), o.err);
  CHECK(contains(o.err, "Does a loop never end?"));
  o = answered(in, with(" __builtin_trap();"));
  CHECK(o.code == 1);
  CHECK_MESSAGE(contains(o.err, "crashed behind 0 checks"), o.err);
  o = answered(in, "#include <cstdlib>\n" + with(" std::exit(0);"));
  CHECK(o.code == 1);
  CHECK_MESSAGE(contains(o.err, "ended before its check began"), o.err);
}

TEST_CASE("learn: a program away from its build folder says so") {
  const Folder in;
  fs::copy_file(program(), in / "latent");
  const std::string command =
      "'" + (in / "latent") + "' learn > '" + (in / "out") + "' 2> '" + (in / "err") + "'";
  CHECK(WEXITSTATUS(std::system(command.c_str())) == 4);
  CHECK(contains(get(in / "err"), "exercises are compiled against the build folder"));
}
