// latent learn: the exercises of the book. The reader's file is compiled with its check against the library in the build
// folder, and run.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <sstream>
#include <thread>

#include "engine/data/file.h"
#include "tools/latent/commands.h"
#include "tools/latent/json.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

constexpr size_t kLargest = size_t{1} << 20;
constexpr double kCompileSeconds = 120;
constexpr rlim_t kProgramBytes = 1 << 30, kOutputBytes = 16 << 20;

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) out.push_back(part);
  return out;
}

// What the build wrote down beside the program: compiler, flags, source tree, libraries.
struct Workshop {
  std::string compiler, source;
  Words flags, libraries;

  Workshop() {
    const fs::path path = fs::read_symlink("/proc/self/exe").parent_path() / "book/exercise.txt";
    LAT_CHECK(fs::exists(path), Code::machine, "",
              "exercises are compiled against the build folder, and ", path.string(),
              " is not there. Run the program where tools/setup has built it: build/latent learn");
    const Words lines = split(read_file(path.string(), kLargest), '\n');
    LAT_CHECK(lines.size() >= 4, Code::input, path.string(),
              "is damaged; build again: ninja -C build");
    compiler = lines[0], flags = split(lines[1], ' '), source = lines[2];
    libraries.assign(lines.begin() + 3, lines.end());
    LAT_CHECK(fs::exists(source + "/tools/book"), Code::input, source,
              "the book is not there any more. Build again where the source tree is now");
  }
};

struct Exercise {
  i64 number;
  std::string folder, title;  // "04_elbo"
};

// "Exercise 4: what it asks" is the first line of its file.
std::vector<Exercise> exercises(const Workshop& shop) {
  std::vector<Exercise> out;
  for (const auto& entry : fs::directory_iterator(shop.source + "/tools/book")) {
    if (!fs::exists(entry.path() / "exercise.cpp")) continue;
    const std::string folder = entry.path().filename().string();
    const std::string text = read_file((entry.path() / "exercise.cpp").string(), kLargest);
    const std::string first = text.substr(0, text.find('\n'));
    out.push_back({std::stol(folder), folder, first.substr(first.find(": ") + 2)});
  }
  std::sort(out.begin(), out.end(),
            [](const Exercise& a, const Exercise& b) { return a.number < b.number; });
  return out;
}

struct Ended {
  bool late = false;
  int status = 0;  // of waitpid
};

// Runs a command, its output in a file, none of its files larger than `most` bytes, and ends it and what it started
// after so many seconds.
Ended run_for(double seconds, rlim_t most, const Words& words, const std::string& out) {
  std::vector<char*> pointers;
  for (const std::string& w : words) pointers.push_back(const_cast<char*>(w.c_str()));
  pointers.push_back(nullptr);
  const pid_t child = ::fork();
  LAT_CHECK(child >= 0, Code::machine, "", "no process can be started");
  if (child == 0) {
    ::setpgid(0, 0);
    const rlimit size{most, most};
    ::setrlimit(RLIMIT_FSIZE, &size);
    const int file = ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(file, 1);
    ::dup2(file, 2);
    ::execvp(pointers[0], pointers.data());
    ::_exit(127);
  }
  Ended ended;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (::waitpid(child, &ended.status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > end) {
      ::kill(-child, SIGKILL);
      ::waitpid(child, &ended.status, 0);
      ended.late = true;
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return ended;
}

struct Folder {
  std::string path = (fs::temp_directory_path() / "latent_learn_XXXXXX").string();
  Folder() {
    LAT_CHECK(::mkdtemp(path.data()), Code::machine, path, "no folder can be made there");
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
};

struct Answer {
  std::string text;
  bool right;
};

// The first lines of a text.
std::string head(const std::string& text, size_t lines) {
  size_t at = 0;
  for (size_t i = 0; i < lines && at < text.size(); ++i)
    at = std::min(text.find('\n', at), text.size() - 1) + 1;
  return text.substr(0, at) + (at < text.size() ? "...\n" : "");
}

// Compiles the file with the exercise's check and runs both.
std::vector<Answer> answers(const Workshop& shop, const Exercise& e, const std::string& file,
                            double limit) {
  const Folder folder;
  const std::string program = folder.path + "/exercise", log = folder.path + "/log";
  Words words = {shop.compiler};
  words.insert(words.end(), shop.flags.begin(), shop.flags.end());
  for (const std::string& w :
       {std::string("-I"), shop.source, file,
        shop.source + "/tools/book/" + e.folder + "/check.cpp", std::string("-o"), program})
    words.push_back(w);
  words.insert(words.end(), shop.libraries.begin(), shop.libraries.end());
  words.insert(words.end(), {"-pthread", "-ldl"});
  const Ended compiled = run_for(kCompileSeconds, kProgramBytes, words, log);
  LAT_CHECK(!compiled.late, Code::input, file, "was still being compiled after ", kCompileSeconds,
            " s");
  LAT_CHECK(!WIFEXITED(compiled.status) || WEXITSTATUS(compiled.status) != 127, Code::machine,
            shop.compiler, "the compiler that built this program cannot be started");
  LAT_CHECK(WIFEXITED(compiled.status) && WEXITSTATUS(compiled.status) == 0, Code::input, file,
            "does not compile:\n", head(read_file(log, 16 << 20), 20));

  const Ended ran = run_for(limit, kOutputBytes, {program}, log);
  std::vector<Answer> out;
  for (const std::string& line : split(read_file(log, 17 << 20), '\n')) {
    const bool right = line.starts_with("ok\t");
    if (right || line.starts_with("no\t")) out.push_back({line.substr(3), right});
  }
  LAT_CHECK(!ran.late, Code::failed, file, "was stopped after ", limit, " s, behind ", out.size(),
            " checks. Does a loop never end?");
  LAT_CHECK(WIFEXITED(ran.status), Code::failed, file, "crashed behind ", out.size(),
            " checks (signal ", WTERMSIG(ran.status), ")");
  LAT_CHECK(!out.empty(), Code::failed, file, "ended before its check began");
  return out;
}

int list(const Workshop& shop, bool json) {
  std::vector<Json> all;
  for (const Exercise& e : exercises(shop)) {
    all.push_back(Json::object({{"exercise", e.number}, {"title", e.title}, {"folder", e.folder}}));
    if (!json) print(cat(e.number < 10 ? "  " : " ", e.number, "  ", e.title, "\n"));
  }
  if (json) print(Json::object({{"exercises", Json::array(all)}}).line() + "\n");
  if (!json)
    print(
        "\nlatent learn N checks your answer to exercise N in tools/book/; --hint helps; "
        "--solution shows ours\n");
  return 0;
}

const Exercise& find(const std::vector<Exercise>& all, const std::string& text) {
  const i64 number = whole_number("exercise", text, 0).value_or(-1);
  std::string known;
  for (const Exercise& e : all) {
    if (e.number == number) return e;
    known += cat(known.empty() ? "" : " ", e.number);
  }
  fail(Code::usage, "", "there is no exercise ", number, "; there are ", known,
       "  (latent learn lists them)");
}

}  // namespace

int learn(const Args& args) {
  std::string which, limit_text;
  bool hint = false, solution = false, give_up = false, json = false;
  if (!parse_options("learn", "The exercises of the book (tools/book). Without a number: a list.",
                     {{"exercise", &which, "its number"},
                      {"--hint", &hint, "help, without the answer"},
                      {"--solution", &solution, "our answer, once yours passes"},
                      {"--give-up", &give_up, "with --solution: even before"},
                      {"--seconds", &limit_text, "how long your answer may run (20)"},
                      {"--json", &json, "one JSON object on standard output"}},
                     args))
    return 0;
  const Workshop shop;
  if (which.empty()) return list(shop, json);
  const std::vector<Exercise> all = exercises(shop);
  const Exercise& e = find(all, which);
  const std::string folder = shop.source + "/tools/book/" + e.folder + "/";
  if (hint) {
    print(read_file(folder + "hint.txt", kLargest));
    return 0;
  }
  if (solution && give_up) {
    print(read_file(folder + "solution.cpp", kLargest));
    return 0;
  }
  // A copy in the folder at hand goes before the file of the tree.
  const std::string copy = e.folder + ".cpp";
  const std::string file = fs::exists(copy) ? copy : folder + "exercise.cpp";
  if (!json)
    say("exercise ", e.number, ": ", e.title, "\nfile        ", file,
        file == copy ? "" : "   (or a copy of it here, as " + copy + ")");
  const std::vector<Answer> found =
      answers(shop, e, file, seconds("--seconds", limit_text).value_or(20));
  const auto right =
      std::count_if(found.begin(), found.end(), [](const Answer& a) { return a.right; });
  const bool passed = right == std::ssize(found);
  std::vector<Json> checks;
  for (const Answer& a : found) {
    checks.push_back(Json::object({{"check", a.text}, {"passed", a.right}}));
    if (!json && !(solution && passed)) print(cat(a.right ? "  ok    " : "  no    ", a.text, "\n"));
  }
  if (json) {
    print(Json::object({{"exercise", e.number},
                        {"file", file},
                        {"passed", passed},
                        {"checks", Json::array(checks)}})
              .line() +
          "\n");
  } else if (passed && solution) {
    print(read_file(folder + "solution.cpp", kLargest));
  } else if (passed) {
    print(cat("all ", found.size(), " pass. Ours:  latent learn ", e.number, " --solution\n"));
  } else {
    print(cat(right, " of ", found.size(), " pass.  latent learn ", e.number,
              solution ? " --solution --give-up shows ours all the same\n" : " --hint helps\n"));
  }
  return passed ? 0 : static_cast<int>(Code::expectation);
}

}  // namespace lat::tools
