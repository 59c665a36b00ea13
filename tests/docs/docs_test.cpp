// What the README says is true: its program is the one that is compiled here, its output is the recorded one, and its
// commands run.
#include <doctest/doctest.h>

#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

std::string read(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  REQUIRE_MESSAGE(!text.str().empty(), path);
  return text.str();
}

std::string source() {
  const char* folder = std::getenv("LATENT_SOURCE");
  REQUIRE_MESSAGE(folder, "LATENT_SOURCE names the repository; ctest sets it");
  return folder;
}

std::vector<std::string> blocks(const std::string& text, const std::string& language) {
  std::vector<std::string> out;
  const std::string open = "```" + language + "\n";
  for (size_t at = text.find(open); at != std::string::npos; at = text.find(open, at + 1)) {
    const size_t begin = at + open.size();
    out.push_back(text.substr(begin, text.find("```", begin) - begin));
  }
  return out;
}

int run(const std::string& command) {
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("the README's page is the program that is compiled, and prints what is recorded") {
  const std::vector<std::string> pages = blocks(read(source() + "/README.md"), "cpp");
  REQUIRE(pages.size() == 1);
  CHECK(pages[0] == read(source() + "/tests/docs/first_vae.cpp"));
  REQUIRE(run("'" LAT_FIRST_VAE "' > first_vae.txt") == 0);
  CHECK(read("first_vae.txt") == read(source() + "/tests/golden/first_vae.txt"));
}

TEST_CASE("every build/latent command of the README runs, in order, in an empty folder") {
  std::string all;
  for (const std::string& block : blocks(read(source() + "/README.md"), "sh")) all += block;
  const fs::path folder = fs::absolute("readme commands");
  fs::remove_all(folder);
  fs::create_directories(folder / "build");
  fs::create_symlink(LAT_PROGRAM, folder / "build" / "latent");
  std::istringstream lines(all);
  int count = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("build/latent ")) continue;
    CAPTURE(line);
    CHECK(run("cd '" + folder.string() + "' && " + line + " > log.txt 2>&1") == 0);
    ++count;
  }
  CHECK(count >= 5);
}

TEST_CASE("both commands of the README exist and answer --help") {
  for (const char* command : {"/tools/setup --help", "/tools/test --help"})
    CHECK(run("'" + source() + "'" + command + " > help.txt") == 0);
}
