// latent bench, as its users run it: keys, files, verdicts, refusals.
#include <algorithm>

#include "tests/tools/program.h"

using namespace lat::test;

TEST_CASE("bench: the keys of the peers") {
  const Folder in;
  const Outcome o = run(in, {"bench", "step", "vae", "--batch", "2", "--threads", "1,2",
                             "--seconds", "0.02", "--json"});
  REQUIRE_MESSAGE(o.code == 0, o.err);
  CHECK(std::count(o.out.begin(), o.out.end(), '\n') == 2);
  CHECK(keys(o.out.substr(0, o.out.find('\n'))) == "workload impl threads ms min max steps device");
  CHECK(value(o.out, "device") == "cpu");
  const Outcome small = run(in, {"bench", "step", "overhead", "--seconds", "0.05", "--json"});
  REQUIRE_MESSAGE(small.code == 0, small.err);
  CHECK(keys(small.out).starts_with("workload impl threads ms min max steps device calls"));
  CHECK(std::stod(value(small.out, "calls")) > 10);
  const Outcome there =
      run(in, {"bench", "step", "overhead", "--device", "emulated", "--seconds", "0.01", "--json"});
  REQUIRE_MESSAGE(there.code == 0, there.err);
  CHECK(keys(there.out) == "workload impl threads ms min max steps device replay_us");
  CHECK(value(there.out, "device") == "emulated");
  CHECK(std::stod(value(there.out, "replay_us")) > 0);
  check_refused(in, {"bench", "step", "vae", "--device", "emulated", "--threads", "2"}, 2,
                {"--threads", "--device cpu"});
  check_refused(in, {"bench", "step", "vae", "--device", "gpu"}, 2, {"'gpu'", "emulated"});
}

TEST_CASE("bench kernel: keys, files, verdicts, refusals") {
  const Folder in;
  const Words quick{"bench",     "kernel", "gemm",      "--shape", "9,17,31",
                    "--threads", "1",      "--seconds", "0.01"};
  const Outcome o = run(in, quick + Words{"--json", "--save", "new.jsonl", "--svg", "roof.svg"});
  REQUIRE_MESSAGE(o.code == 0, o.err);
  CHECK(std::count(o.out.begin(), o.out.end(), '\n') == 3);
  const std::string line = o.out.substr(0, o.out.find('\n'));
  CHECK(keys(line).starts_with("kernel shape impl threads us gflops roofline"));
  CHECK(
      contains(line, R"("kernel": "gemm", "shape": [9, 17, 31], "impl": "latent", "threads": 1)"));
  CHECK(get(in / "new.jsonl").ends_with(o.out));
  CHECK(get(in / "roof.svg").starts_with("<svg"));
  const Outcome memory = run(in, {"bench", "kernel", "exp", "--shape", "1000", "--threads", "1,2",
                                  "--seconds", "0.01", "--json"});
  REQUIRE_MESSAGE(memory.code == 0, memory.err);
  CHECK(std::count(memory.out.begin(), memory.out.end(), '\n') == 2);
  CHECK(keys(memory.out.substr(0, memory.out.find('\n')))
            .starts_with("kernel shape impl threads us gbps roofline"));

  // An earlier run that no machine meets: a verdict does not depend on this one's mood.
  const auto before = [](const std::string& us) {
    return R"({"kernel": "gemm", "shape": [9, 17, 31], "impl": "latent", "threads": 1, "us": )" +
           us + "}\n" +
           R"({"kernel": "gemm tn", "shape": [9, 17, 31], "impl": "latent", "threads": 1, "us": 1e9})" +
           "\n";
  };
  put(in / "old.jsonl", before("1e-6"));
  const Outcome slower = run(in, quick + Words{"--compare", "old.jsonl", "--json"});
  CHECK(slower.code == 5);
  CHECK(value(slower.out, "verdict") == "slower");
  CHECK(contains(slower.err, "1 faster, 0 same, 0 unclear, 1 slower"));
  CHECK(contains(slower.out, R"("verdict": "new")"));
  put(in / "old.jsonl", before("1e9"));
  const Outcome faster = run(in, quick + Words{"--compare", "old.jsonl"});
  CHECK(faster.code == 0);
  CHECK(contains(faster.out, "faster"));

  const Outcome markdown = run(in, quick + Words{"--markdown"});
  CHECK(contains(markdown.out, "| gemm | [9, 17, 31] | latent |"));
  const Outcome csv = run(in, quick + Words{"--csv"});
  CHECK(csv.out.starts_with("kernel,shape,impl,us,"));
  CHECK(contains(csv.out, "gemm nt,\"[9, 17, 31]\",latent,"));

  check_refused(in, {"bench", "kernel", "gem"}, 2, {"Did you mean 'gemm'?"});
  check_refused(in, {"bench", "kernal"}, 2, {"Did you mean 'kernel'?"});
  check_refused(in, {"bench", "kernel", "--shape", "1,2,3"}, 2, {"--shape"});
  check_refused(in, {"bench", "kernel", "gemm", "--shape", "4294967296,1,1"}, 2,
                {"M = 4294967296"});
  check_refused(in, {"bench", "kernel", "gemm", "--shape", "2147483647,2147483647,1"}, 2, {"2^63"});
  check_refused(in, {"bench", "kernel", "copy", "--shape", "99999999999999999999"}, 2, {"--shape"});
  check_refused(in, {"bench", "kernel", "gemm", "--shape", "2147483647,1048576,1"}, 4, {"memory"});
  check_refused(in, quick + Words{"--json", "--csv"}, 2, {"--json"});
  check_refused(in, quick + Words{"--batch", "3"}, 2, {"--batch"});
  check_refused(in, quick + Words{"--isa", "v9"}, 2, {"v9"});
  check_refused(in, quick + Words{"--compare", "absent.jsonl"}, 3, {"absent.jsonl"});
  put(in / "old.jsonl", "{\"kernel\": ");
  check_refused(in, quick + Words{"--compare", "old.jsonl"}, 3, {"old.jsonl", "byte"});
  check_refused(in, quick + Words{"--numerics", "fast"}, 2, {"--against openblas"});
  check_refused(in, quick + Words{"--against", "openblass"}, 2, {"Did you mean 'openblas'?"});
  check_refused(in, {"bench", "step", "vae", "--against", "openblas"}, 2, {"--against"});
}

TEST_CASE("bench on a device: a line a row, and what is missing") {
  const Folder in;
  const auto on = [](const Words& what) {
    return Words{"bench"} + what + Words{"--device", "emulated", "--seconds", "0.001"};
  };
  struct Case {
    std::string names, shape, unit;
    int64_t lines;
  };
  for (const Case& c : {Case{"gemm,linear relu", "9,17,31", "gflops", 4},
                        Case{"conv", "1,5,6,3,4,3,2,1", "gflops", 4},
                        Case{"row_sum,reparameterise_kl,gaussian_kl", "3,70", "gbps", 3},
                        Case{"copy,exp,adam", "300", "gbps", 3}}) {
    const Outcome o = run(in, on({"kernel", c.names, "--shape", c.shape, "--json"}));
    CAPTURE(c.names);
    REQUIRE_MESSAGE(o.code == 0, o.err);
    CHECK(std::count(o.out.begin(), o.out.end(), '\n') == c.lines);
    const std::string line = o.out.substr(0, o.out.find('\n'));
    CHECK(keys(line) ==
          "kernel shape impl threads us " + c.unit + " roofline min max low high device");
    CHECK(value(line, "device") == "emulated");
    // Time of the host is no speed of a GPU.
    CHECK(value(line, c.unit) == "null");
    CHECK(value(line, "roofline") == "null");
    CHECK(std::stod(value(line, "us")) > 0);
  }
  const Outcome people = run(in, on({"kernel", "exp", "--save", "new.jsonl"}));
  CHECK(contains(people.out, "says nothing of a GPU"));
  CHECK(contains(people.out, "warm operands"));
  CHECK(contains(people.out, "exp     [10007]"));
  CHECK_FALSE(contains(people.out, "GB/s"));
  CHECK(contains(run(in, on({"kernel", "exp", "--compare", "new.jsonl"})).out,
                 "0 of its lines were not timed now"));

  const Words ladder{"ladder", "reparameterise_kl", "--shape", "5,70"};
  const Outcome rungs = run(in, on(ladder + Words{"--json"}));
  REQUIRE_MESSAGE(rungs.code == 0, rungs.err);
  CHECK(std::count(rungs.out.begin(), rungs.out.end(), '\n') == 5);
  CHECK(contains(rungs.out, R"("impl": "05_no_conflicts")"));
  CHECK(contains(rungs.out, R"("gain": )"));
  CHECK_FALSE(contains(run(in, on(ladder)).out, "% of the roof"));
  check_refused(in, on({"ladder", "gemm"}), 2, {"'gemm'", "There are conv, reparameterise_kl"});

  check_refused(in, {"bench", "kernel", "gemm", "--device", "cudaa"}, 2, {"Did you mean 'cuda'?"});
  check_refused(in, {"bench", "kernel", "gemm", "--device", "cuda:x"}, 2, {"'cuda:x'"});
  check_refused(in, {"bench", "kernel", "gemm", "--device", "cuda:99"}, 4, {"cuda:99: "});
  check_refused(in, {"bench", "kernel", "reparameterise_kl"}, 2, {"no kernel is called"});
  for (const std::string name : {"cublaslt", "cudnn"}) {
    check_refused(in, {"bench", "kernel", "gemm", "--against", name}, 2, {name, "--device cuda"});
    check_refused(in, on({"kernel", "gemm", "--against", name}), 4,
                  {"an emulated one is none", "--device cuda"});
  }
  check_refused(in, on({"kernel", "gemm", "--against", "openblas"}), 2, {"not on a device"});
  check_refused(in, on({"kernel", "gemm", "--isa", "v3"}), 2, {"--isa", "--device cpu"});
  check_refused(in, on({"kernel", "gemm", "--threads", "2"}), 2, {"--threads"});
  check_refused(in, on({"kernel", "gemm", "--svg", "x.svg"}), 2, {"no speed"});
}

TEST_CASE("bench ladder: a line a rung, files, refusals") {
  const Folder in;
  const Words quick{"bench",     "ladder", "gemm",      "--shape", "9,17,31",
                    "--threads", "1",      "--seconds", "0.01"};
  const Outcome o = run(in, quick + Words{"--json", "--save", "new.jsonl", "--svg", "roof.svg"});
  if (o.code == 4) {
    CHECK(contains(o.err, "fused multiply-add"));
    return;
  }
  REQUIRE_MESSAGE(o.code == 0, o.err);
  CHECK(std::count(o.out.begin(), o.out.end(), '\n') == 8);
  const std::string first = o.out.substr(0, o.out.find('\n'));
  CHECK(keys(first) == "kernel shape impl threads us gflops roofline min max low high");
  CHECK(contains(first, R"("kernel": "ladder gemm", "shape": [9, 17, 31], "impl": "01_naive")"));
  CHECK(contains(o.out, R"("gain": )"));
  CHECK(contains(get(in / "new.jsonl"), first));
  CHECK(get(in / "roof.svg").starts_with("<svg"));
  CHECK(contains(run(in, quick + Words{"--compare", "new.jsonl"}).out, "compared with new.jsonl"));

  const Outcome people = run(in, quick + Words{"--isa", "v3"});
  CHECK(contains(people.out, "% of the roof\n01_naive"));
  CHECK(contains(people.out, "a dot product an element"));
  const Outcome markdown = run(in, quick + Words{"--markdown"});
  CHECK(contains(markdown.out, "| rung | what | us |"));
  CHECK(contains(markdown.out, "| 02_reordered | "));
  CHECK(run(in, quick + Words{"--csv"}).out.starts_with("rung,what,us,"));
  for (const char* name : {"conv", "reparameterise_kl", "softmax", "reduction"}) {
    const std::string shape = name == std::string("conv") ? "1,5,6,3,4,3,2,1" : "5,70";
    const Outcome other = run(in, {"bench", "ladder", name, "--shape", shape, "--threads", "2",
                                   "--seconds", "0.01", "--json"});
    CAPTURE(other.err);
    CHECK(other.code == 0);
    CHECK(contains(other.out, "\"ladder " + std::string(name) + "\""));
  }

  check_refused(in, {"bench", "ladder"}, 2, {"gemm, conv, reparameterise_kl"});
  check_refused(in, {"bench", "ladder", "convolution"}, 2, {"'convolution'", "gemm, conv"});
  check_refused(in, {"bench", "ladder", "gem"}, 2, {"Did you mean 'gemm'?"});
  check_refused(in, {"bench", "lader"}, 2, {"Did you mean 'ladder'?"});
  check_refused(in, {"bench", "ladder", "gemm", "--shape", "1,2"}, 2, {"--shape", "M,N,K"});
  check_refused(in, quick + Words{"--isa", "v2"}, 4, {"fused multiply-add"});
  check_refused(in, quick + Words{"--batch", "3"}, 2, {"--batch", "ladder"});
}
