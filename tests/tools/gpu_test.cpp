// tools/check/gpu where there is no GPU: its rehearsal, and how it tells of what is missing or wrong.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "tests/tools/program.h"
#include "tools/latent/json.h"

namespace {

using namespace lat::test;

// A program that others call, for the length of the test.
void script(const Folder& in, const std::string& name, const std::string& text) {
  fs::create_directories(fs::path(in / name).parent_path());
  put(in / name, "#!/bin/sh\n" + text + "\n");
  REQUIRE(::chmod((in / name).c_str(), 0755) == 0);
}

// The script of this source tree, with the results in `in`/out and programs of `in`/bin before all others.
Outcome check_gpu(const Folder& in, const std::string& options) {
  const char* const source = std::getenv("LATENT_SOURCE");
  REQUIRE(source);
  fs::create_directories(in / "bin");
  const std::string line = "PATH='" + in / "bin" + "':\"$PATH\" OUT='" + in / "out" + "' '" +
                           source + "/tools/check/gpu' " + options + " >'" + in / "out.txt" +
                           "' 2>'" + in / "err.txt" + "'";
  const int status = std::system(line.c_str());
  return {WEXITSTATUS(status), get(in / "out.txt"), get(in / "err.txt")};
}

std::map<std::string, std::string> found(const Folder& in) {
  return lat::tools::flat_json("gpu.json", get(in / "out/gpu.json"));
}

// The rows of the table under a heading, its head left out.
long rows_of(const std::string& markdown, const std::string& heading) {
  const size_t at = markdown.find("## " + heading + "\n\n|");
  REQUIRE_MESSAGE(at != std::string::npos, heading, " has no table in\n", markdown);
  const size_t begin = markdown.find('|', at);
  const size_t end = std::min(markdown.find("|\n\n", begin), markdown.size() - 2);
  const std::string table = markdown.substr(begin, end - begin);
  CHECK(contains(table, "\n|---|"));
  return std::count(table.begin(), table.end(), '\n') - 1;
}

constexpr const char* kSmi = "echo 'NVIDIA Test, 1.2.3, 9.0, 1000, 100, 200, 300'";

}  // namespace

TEST_CASE("the rehearsal goes the whole road and fills the tables") {
  const Folder in;
  const std::string build = fs::path(program()).parent_path();
  const Outcome o = check_gpu(in, "--emulated --build '" + build + "'");
  REQUIRE_MESSAGE(o.code == 0, o.out, o.err);
  CHECK_MESSAGE(o.err == "", o.err);
  const auto values = found(in);
  CHECK(values.at("device/device") == "emulated GPU");
  for (const char* part : {R"("device":"emulated")", R"("preset":"vae")", R"("preset":"conv-vae")"})
    CHECK_MESSAGE(contains(values.at("hashes"), part), values.at("hashes"));
  CHECK(contains(values.at("steps"), R"("replay_us")"));
  CHECK(contains(values.at("training"), R"("elbo")"));
  CHECK(contains(values.at("tests"), "0 failed"));
  CHECK(!contains(values.at("sections"), R"("failed")"));
  const std::string markdown = get(in / "out/gpu.md");
  CHECK(rows_of(markdown, "Targets") == 8);
  CHECK(rows_of(markdown, "Training steps") >= 2);
  CHECK(rows_of(markdown, "The same bits") == 4);
  CHECK(rows_of(markdown, "Training") == 1);
  CHECK(rows_of(markdown, "Tests") == 2);
  CHECK(rows_of(markdown, "Sections") == 9);
  CHECK(rows_of(markdown, "Kernels") == 4);
  CHECK(contains(markdown, "## Copies\n"));
}

TEST_CASE("without a GPU one line says so") {
  const Folder in;
  script(in, "bin/nvidia-smi", "exit 9");
  const Outcome o = check_gpu(in, "");
  CHECK(o.code == 4);
  CHECK(o.out == "");
  CHECK(o.err.starts_with("There is no GPU here"));
  CHECK(std::count(o.err.begin(), o.err.end(), '\n') == 1);
  CHECK(!fs::exists(in / "out"));
  CHECK(check_gpu(in, "--emulated bildung").code == 2);
}

TEST_CASE("a hash that is not the CPU's fails, and both are told") {
  const Folder in;
  script(in, "fake/latent",
         "case \"$*\" in *emulated*) h=bb ;; *) h=aa ;; esac\necho \"{\\\"hash\\\": \\\"$h\\\"}\"");
  const Outcome o = check_gpu(in, "--emulated --build '" + in / "fake" + "' hashes");
  CHECK_MESSAGE(o.code == 1, o.out, o.err);
  const auto values = found(in);
  CHECK(contains(values.at("sections"), "vae: the hash on emulated is not the CPU's"));
  CHECK(contains(values.at("targets"), R"("measured":0.0,"met":false)"));
  CHECK(contains(get(in / "out/gpu.md"), "| conv-vae | emulated | 3 | `bb` | no |"));
}

TEST_CASE("what fails, and what the machine lacks, is told in the results") {
  const Folder in;
  const auto section = [&](const std::string& what, const std::string& program) {
    script(in, "bin/nvidia-smi", kSmi);
    script(in, "fake/latent", program);
    script(in, "fake/tests/test_kernels", "echo unused");
    script(in, "bin/compute-sanitizer", "echo 'Error: Device not supported. 1 error'; exit 1");
    return check_gpu(in, "--build '" + in / "fake" + "' " + what);
  };
  CHECK(section("training", "echo 'error: it broke' >&2; exit 1").code == 1);
  CHECK(contains(found(in).at("sections"), R"("state":"failed")"));
  CHECK(contains(found(in).at("sections"), "exit code 1: error: it broke"));
  CHECK(found(in).at("device/device") == "NVIDIA Test");
  CHECK(found(in).at("device/capability") == "9.0");

  // An option that this program does not have, a library that is not installed.
  const Outcome without = section("kernels",
                                  "case \"$*\" in\n"
                                  "*cudnn*) echo 'error: no libcudnn' >&2; exit 4 ;;\n"
                                  "*) echo '{\"kernel\": \"copy\", \"shape\": [9], \"impl\": "
                                  "\"latent\", \"us\": 2, \"gbps\": 3}' ;;\nesac");
  CHECK(without.code == 1);  // training still stands as it was
  CHECK(contains(found(in).at("sections"), R"("note":"error: no libcudnn")"));
  CHECK(contains(found(in).at("kernels"), R"("kernel":"copy")"));
  CHECK(rows_of(get(in / "out/gpu.md"), "Kernels") == 1);

  section("sanitizer", "");
  CHECK(contains(found(in).at("sections"), "compute-sanitizer does not support this device"));
}
