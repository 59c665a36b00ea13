#include "tools/check/check.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

namespace lat::check {
namespace {

// The one finding of a tree with one planted violation, "file:line: rule"; "" when there is none.
std::string only(const std::vector<Finding>& findings) {
  if (findings.empty()) return "";
  if (findings.size() > 1) return "several findings";
  return findings[0].path + ":" + std::to_string(findings[0].line) + ": " + findings[0].rule;
}

bool allowed(const std::string& from, const std::string& to) {
  return layer_rule(from, to).empty();
}

std::string text_of(const std::string& path, const std::string& text) {
  return only(check_text({{path, text}}));
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("layers: what lies to the left may be included") {
  const char* const order[] = {
      "kernels/common/types.h", "kernels/matmul/matmul.h", "kernels/table.h",
      "engine/core/tensor.h",   "engine/tape/tape.h",      "engine/ops/ops.h",
      "engine/nn/linear.h",     "engine/optim/adam.h",     "engine/train/loop.h",
      "engine/lat.h",           "models/model.h",          "rl/core/env.h",
      "tools/latent/run.h"};
  for (size_t i = 0; i < std::size(order); ++i) {
    for (size_t j = 0; j < std::size(order); ++j) {
      CAPTURE(order[i]);
      CAPTURE(order[j]);
      const std::string from = order[i], to = order[j];
      const bool kernel = to.starts_with("kernels/");
      const bool high = from.starts_with("models/") || from.starts_with("rl/");
      bool expected = j <= i && !(high && kernel);
      if (kernel && from == "engine/lat.h") expected = false;
      if (to.starts_with("kernels/matmul") && from.starts_with("engine/core")) expected = false;
      CHECK(allowed(from, to) == expected);
    }
    CHECK(allowed("tests/ops/ops_test.cpp", order[i]));
    CHECK_FALSE(allowed(order[i], "tests/harness/harness.h"));
  }
}

TEST_CASE("layers: the rules that are no order") {
  CHECK(allowed("kernels/common/cuda.h", "kernels/emulator/language.h"));
  CHECK(allowed("kernels/emulator/device.h", "kernels/common/gpu.h"));
  CHECK_FALSE(allowed("kernels/emulator/device.h", "kernels/table.h"));
  CHECK(allowed("engine/nn/a.h", "engine/dist/b.h"));
  CHECK(allowed("engine/dist/b.h", "engine/nn/a.h"));
  CHECK(allowed("engine/nn/a.h", "engine/nn/b.h"));
  CHECK_FALSE(allowed("engine/optim/a.h", "engine/data/b.h"));
  CHECK_FALSE(allowed("engine/data/b.h", "engine/optim/a.h"));

  CHECK(allowed("kernels/conv/conv.cpp", "kernels/conv/conv_spec.h"));
  CHECK_FALSE(allowed("kernels/conv/conv.cpp", "kernels/matmul/matmul.h"));
  CHECK_FALSE(allowed("kernels/common/types.h", "kernels/conv/conv.h"));
  CHECK(allowed("kernels/table.cpp", "kernels/conv/conv_spec.h"));
  CHECK(allowed("kernels/study/matmul/05_last.cu", "kernels/matmul/matmul.cu"));
  CHECK(allowed("kernels/study/probes.cpp", "kernels/table.h"));
  CHECK_FALSE(allowed("kernels/study/probes.cpp", "engine/core/team.h"));
  CHECK_FALSE(allowed("kernels/conv/conv.cpp", "kernels/study/study.h"));
  CHECK(allowed("kernels/cuda_library.cpp", "kernels/study/study.h"));
  CHECK_FALSE(allowed("engine/core/team.cpp", "kernels/study/study.h"));
  CHECK(allowed("tools/latent/measure.h", "kernels/study/study.h"));
  CHECK_FALSE(allowed("kernels/conv/conv.cpp", "kernels/table.h"));

  CHECK(allowed("engine/core/a.h", "kernels/table.h"));
  CHECK(allowed("engine/core/a.h", "kernels/common/types.h"));
  CHECK_FALSE(allowed("engine/core/a.h", "kernels/conv/conv.h"));
  CHECK(allowed("engine/ops/a.cpp", "kernels/conv/conv.h"));

  CHECK(allowed("engine/runtime/a.cpp", "kernels/conv/conv.h"));
  CHECK(allowed("engine/runtime/a.cpp", "engine/runtime/a.h"));
  CHECK_FALSE(allowed("engine/runtime/a.cpp", "engine/core/error.h"));
  CHECK_FALSE(allowed("engine/train/a.cpp", "engine/runtime/a.h"));
  CHECK_FALSE(allowed("models/vae/a.cpp", "engine/runtime/a.h"));
  CHECK(allowed("tools/latent/export.cpp", "engine/runtime/a.h"));

  CHECK(allowed("engine/lat.h", "engine/train/a.h"));
  CHECK_FALSE(allowed("engine/lat.h", "engine/runtime/a.h"));
  CHECK_FALSE(allowed("engine/lat.h", "models/model.h"));
  CHECK_FALSE(allowed("engine/train/a.cpp", "engine/lat.h"));

  CHECK(allowed("models/vae/a.cpp", "models/model.h"));
  CHECK(allowed("models/vae/a.cpp", "models/vae/a.h"));
  CHECK(allowed("models/vae/a.cpp", "models/parts/encoder.h"));
  CHECK(allowed("models/catalogue.cpp", "models/vae/a.h"));
  CHECK_FALSE(allowed("models/vae/a.cpp", "models/vae/b.h"));
  CHECK_FALSE(allowed("models/vae/a.cpp", "models/flow/a.h"));
  CHECK_FALSE(allowed("models/parts/encoder.h", "models/vae/a.h"));
  CHECK_FALSE(allowed("models/model.h", "models/vae/a.h"));
  CHECK(allowed("rl/agents/dreamer.cpp", "models/world/rssm.h"));
  CHECK(allowed("rl/envs/cartpole.h", "kernels/common/math.h"));
  CHECK(allowed("rl/kernels.cu", "kernels/devices.h"));
  CHECK_FALSE(allowed("rl/envs/cartpole.h", "kernels/gather/gather.h"));
  CHECK_FALSE(allowed("rl/agents/dreamer.cpp", "kernels/common/math.h"));

  CHECK_FALSE(allowed("engine/ops/a.cpp", "a.h"));
  CHECK_FALSE(allowed("engine/unknown/a.cpp", "engine/core/error.h"));
}

TEST_CASE("layers: a planted violation is found where it stands, comments and strings are not") {
  const std::vector<Source> clean = {
      {"engine/core/a.cpp",
       "#include \"engine/core/a.h\"\n#include <vector>\n"
       "// #include \"rl/a.h\"\n/*\n#include \"rl/a.h\"\n*/\n"
       "const char* text = R\"(\n#include \"rl/a.h\"\n)\";\n"
       "const int many = 1'000;\nconst char quote = '\"';\n"},
      {"kernels/kernels.def", "#include \"kernels/elementwise/unary.def\"\n"},
      {"README.md", "#include \"rl/a.h\"\n"}};
  CHECK(only(check_layers(clean)) == "");

  std::vector<Source> planted = clean;
  planted[0].text += "  #  include \"engine/ops/a.h\"  // late\n";
  CHECK(only(check_layers(planted)).starts_with("engine/core/a.cpp:12: \"engine/ops/a.h\": "));
}

TEST_CASE("text: banned words in the library") {
  for (const std::string word :
       {"assert(x)", "assert (x)", "printf(x)", "std::printf(x)", "fprintf(f)", "std::cout << x",
        "std::cerr << x", "abort()", "std::abort()", "exit(1)", "getenv(x)", "std::getenv(x)",
        "setlocale(x)", "std::shared_ptr<int> p", "rand()"}) {
    CAPTURE(word);
    const std::string line = "int a;\n  " + word + ";\n";
    for (const std::string path :
         {"engine/core/a.cpp", "kernels/conv/a.cu", "models/vae/a.cpp", "rl/core/a.cpp"}) {
      CHECK(text_of(path, line).starts_with(path + ":2: banned"));
    }
    CHECK(text_of("tools/latent/a.cpp", line) == "");
    CHECK(text_of("engine/core/a.cpp", "// " + word + "\n/* " + word + " */\n") == "");
    CHECK(text_of("engine/core/a.cpp", "const char* s = \"" + word + "\";\n") == "");
  }
  for (const std::string word :
       {"static_assert(x)", "snprintf(x)", "on_exit(x)", "curand(x)", "rng.rand()", "p->exit()",
        "int exit = 0", "std::shared_ptr_like x", "getenv_like(x)"}) {
    CAPTURE(word);
    CHECK(text_of("engine/core/a.cpp", word + ";\n") == "");
  }
}

TEST_CASE("text: notes to self and paths of one machine, in any file") {
  for (const std::string word : {"TO"
                                 "DO",
                                 "FIX"
                                 "ME",
                                 "XX"
                                 "X"}) {
    CAPTURE(word);
    for (const std::string path : {"README.md", "tools/book/a.md", "engine/core/a.cpp"}) {
      CHECK(text_of(path, "fine\n// " + word + ": later\n").starts_with(path + ":2: note"));
    }
    CHECK(text_of("tests/a.cpp", "mkdtemp(\"" + word + word + "\");\n") == "");
  }
  for (const std::string place : {"/"
                                  "work",
                                  "/"
                                  "root",
                                  "/"
                                  "home"}) {
    CAPTURE(place);
    for (const std::string& line :
         {place + "/a", "\"" + place + "\"", "cd " + place, "--out=" + place + "/runs"}) {
      CAPTURE(line);
      CHECK(contains(text_of(".ci/run", line), ":1: path of one machine"));
    }
    for (const std::string& line : {"a" + place + "/b", place + "space/x", "$(pwd)" + place,
                                    ".." + place, "~" + place, place + "-like"}) {
      CAPTURE(line);
      CHECK(text_of(".ci/run", line) == "");
    }
  }
}

TEST_CASE("text: headers, names, the top level") {
  CHECK(text_of("engine/core/a.h", "#pragma once\n") == "");
  CHECK(contains(text_of("engine/core/a.h", "int a;\n"), "#pragma once"));
  CHECK(contains(text_of("engine/core/a.h", "// #pragma once\n"), "#pragma once"));

  CHECK(text_of("kernels/study/matmul/01_naive.cu", "") == "");
  CHECK(contains(text_of("engine/core/Tensor.cpp", ""), "'Tensor.cpp' is not snake_case"));
  CHECK(contains(text_of("engine/core/two-words.cpp", ""), "not snake_case"));
  CHECK(contains(text_of("tests/Golden/a.txt", ""), "'Golden' is not snake_case"));

  for (const std::string path :
       {"CMakeLists.txt", "README.md", "LICENSE", ".clang-format", ".ci/run",
        "engine/CMakeLists.txt", "build/a.o", "build_asan/a.o", "runs/a/log.txt", "tools/setup"}) {
    CAPTURE(path);
    CHECK(text_of(path, "") == "");
  }
  for (const std::string path : {"notes.md", "docs/a.md", "build.md", "engine", "makefile"}) {
    CAPTURE(path);
    CHECK(contains(text_of(path, ""), "top level"));
  }
}

TEST_CASE("read_tree: a real folder, without .git, build* and runs") {
  namespace fs = std::filesystem;
  const fs::path root = fs::temp_directory_path() / "latent_check_test";
  fs::remove_all(root);
  for (const char* const path :
       {".git/config", ".ci/run", "build/a.cpp", "build_asan/a.cpp", "runs/a", "engine/core/a.cpp",
        "engine/build/b.cpp", "engine/.git"}) {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << "text of " << path;
  }
  std::ofstream(root / "engine/core/binary") << std::string(3, '\0');

  std::string paths;
  for (const Source& source : read_tree(root.string())) {
    paths += source.path + " ";
    CHECK(source.text == (source.path.ends_with("binary") ? "" : "text of " + source.path));
  }
  CHECK(paths == ".ci/run engine/build/b.cpp engine/core/a.cpp engine/core/binary ");
  CHECK_THROWS(read_tree((root / "absent").string()));
  fs::remove_all(root);
}

}  // namespace lat::check
