// Program files: the same bits in another process without the engine.
#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "engine/data/file.h"
#include "tests/harness/folder.h"
#include "tests/runtime/world.h"

namespace lat::test {
namespace {

// Runs the helper and returns its exit status.
int helper(const std::vector<std::string>& arguments) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::vector<char*> argv{const_cast<char*>(LAT_RUN_PROGRAM)};
    for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    ::execv(LAT_RUN_PROGRAM, argv.data());
    ::_exit(99);
  }
  int status = -1;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

template <class Vae>
void same_bits_elsewhere(DType real, int threads) {
  constexpr int kSteps = 10;
  const Folder folder;
  World<Vae> w(real, threads);
  write_file_atomic(folder / "p", w.file());
  CHECK(helper({folder / "p"}) == 0);  // golden runs

  // Ten decodings.
  std::string in, expected;
  const std::string before = w.state_bits();
  std::string state;
  for (int i = 0; i < kSteps; ++i) {
    in += w.draw(w.z);
    expected += bits(w.decode(w.z));
  }
  write_file_atomic(folder / "in", in);
  REQUIRE(helper({folder / "p", "decode", "10", folder / "in", folder / "out"}) == 0);
  CHECK(read_file(folder / "out", 1 << 24) == expected + w.state_bits());
  CHECK(w.state_bits() != before);  // the clock of decode went on

  // Ten steps of training, from the file's state: the engine's decode clock is ahead by now.
  w.decode.seek(1);
  in.clear(), expected.clear();
  for (int i = 0; i < kSteps; ++i) {
    in += w.draw(w.x);
    w.train_once();
    expected += bits(w.loss);
  }
  write_file_atomic(folder / "in", in);
  REQUIRE(helper({folder / "p", "train", "10", folder / "in", folder / "out"}) == 0);
  const std::string found = read_file(folder / "out", 1 << 24);
  CHECK(found.substr(0, expected.size()) == expected);     // losses
  CHECK(found.substr(expected.size()) == w.state_bits());  // parameters, moments, clocks
  CHECK(expected.substr(0, expected.size() / 10) != expected.substr(expected.size() / 10 * 9));
}

TEST_CASE("another process computes the engine's bits: MLP VAE") {
  same_bits_elsewhere<MlpVae>(DType::f32, 1);
  same_bits_elsewhere<MlpVae>(DType::f64, 2);
}

TEST_CASE("another process computes the engine's bits: convolutional VAE") {
  same_bits_elsewhere<ConvVae>(DType::f32, 2);
  same_bits_elsewhere<ConvVae>(DType::f64, 1);
}

TEST_CASE("the helper holds nothing of the engine") {
  const std::string command = "nm -C '" LAT_RUN_PROGRAM "'";
  FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string symbols;
  char part[4096];
  for (size_t n; (n = std::fread(part, 1, sizeof(part), pipe)) > 0;) symbols.append(part, n);
  CHECK(::pclose(pipe) == 0);
  CHECK(symbols.find("lat::runtime::open") != std::string::npos);
  for (const char* name : {"lat::Tape", "lat::Step", "lat::Params", "lat::Context", "lat::Tensor",
                           "lat::Team", "lat::Arena", "lat::fail"})
    CHECK_MESSAGE(symbols.find(name) == std::string::npos, name);
}

TEST_CASE("entries share the state, words act, every instruction set agrees") {
  World<MlpVae> w(DType::f32);
  const std::string file = w.file();
  const std::string z = w.draw(w.z);
  const std::string x = w.draw(w.x);
  w.adam.lr.set(0.02);
  w.train_once();
  const std::string image = bits(w.decode(w.z));
  for (const kernels::Isa isa : {kernels::Isa::spec, kernels::Isa::v2, kernels::Isa::v3,
                                 kernels::Isa::v4, kernels::Isa::neon}) {
    if (!kernels::has_isa(isa)) continue;
    Opened o(file, isa);
    REQUIRE_MESSAGE(o.status == Status::ok, o.error.text);
    rt::Model& m = o.model;
    CHECK(m.real() == rt::DType::f32);
    const int train = m.find("train"), decode = m.find("decode");
    REQUIRE(train == 0);
    REQUIRE(decode == 1);
    CHECK(m.find("encode") == -1);
    CHECK(m.input(train, 0).rank == 2);
    CHECK(m.input(train, 0).dim[1] == 20);
    CHECK(std::string(m.output(decode, 0).name) == "image");
    const float lr = 0.02f;
    REQUIRE(m.state("lr").bytes == sizeof(lr));
    std::memcpy(m.state("lr").data, &lr, sizeof(lr));
    CHECK(m.set_input(train, 0, x.data(), x.size()) == Status::ok);
    CHECK(m.run(train) == Status::ok);
    CHECK(bits(m.output(train, 0)) == bits(w.loss));
    CHECK(m.set_input(decode, 0, z.data(), z.size()) == Status::ok);
    CHECK(m.run(decode) == Status::ok);
    CHECK(bits(m.output(decode, 0)) == image);
    CHECK(bits(m.state("mu.weight")) == bits(w.params.memory(w.vae.mu.weight.index)));
    // The golden run starts from the file's state, whatever was run before, and leaves it.
    CHECK(m.check_golden(train, &o.error) == Status::ok);
    CHECK(m.check_golden(decode, &o.error) == Status::ok);
    CHECK(bits(m.state("lr")) != bits(w.adam.lr));

    CHECK(m.run(2) == Status::argument);
    CHECK(m.set_input(train, 1, x.data(), x.size()) == Status::argument);
    CHECK(m.set_input(train, 0, x.data(), x.size() - 1) == Status::argument);
    CHECK(m.state("nobody").data == nullptr);
    CHECK(m.output(decode, -1).data == nullptr);
    CHECK(rt::open(o.bytes.get(), o.size, o.memory.get(), o.need - 64, &m, &o.error, isa) ==
          Status::workspace);
    CHECK(m.entries() == 0);
  }
}

TEST_CASE("what no name asks for is stored when a call reads it") {
  World<MlpVae> w(DType::f32);
  w.file();
  Opened o(program_file_bytes(w.ctx, w.entries(), {}));
  REQUIRE_MESSAGE(o.status == Status::ok, o.error.text);
  CHECK(o.model.states() == 0);
  for (int i = 0; i < 3;
       ++i) {  // the second loss needs the moments of the file, the third its count
    const std::string x = w.draw(w.x);
    w.train_once();
    REQUIRE(o.model.set_input(0, 0, x.data(), x.size()) == Status::ok);
    REQUIRE(o.model.run(0) == Status::ok);
    CHECK(bits(o.model.output(0, 0)) == bits(w.loss));
  }
}

TEST_CASE("writing changes nothing, and refuses what would not run elsewhere") {
  World<MlpVae> w(DType::f32);
  const std::string file = w.file();
  const std::string before = w.state_bits() + bits(w.loss) + bits(w.image);
  const std::string again = program_file_bytes(w.ctx, w.entries(), w.state());
  CHECK(again == file);
  CHECK(w.state_bits() + bits(w.loss) + bits(w.image) == before);
  CHECK(w.learn.tick() == 3);

  const auto code = [&](const std::vector<ProgramEntry>& entries,
                        const std::vector<NamedTensor>& state) {
    try {
      program_file_bytes(w.ctx, entries, state);
    } catch (const Error& e) {
      return e.code;
    }
    return Code{};
  };
  CHECK(code({}, {}) == Code::usage);
  std::vector<ProgramEntry> twice = w.entries();
  twice[1].name = "train";
  CHECK(code(twice, {}) == Code::usage);
  CHECK(code(w.entries(), {{"lr", w.adam.lr}, {"lr", w.adam.lr}}) == Code::usage);
  Context other;
  const Buffer foreign(other, {3});
  CHECK(code(w.entries(), {{"foreign", foreign}}) == Code::usage);
  CHECK(code(w.entries(), {{"empty", Tensor()}}) == Code::state);
  const Program nothing;
  std::vector<ProgramEntry> empty = w.entries();
  empty[0].program = &nothing;
  CHECK(code(empty, {}) == Code::state);
  const Tensor passing = from_host(w.ctx, {4, 4}, std::vector<double>(16, 1.0));
  Step bad(w.ctx, "bad", [&](Tensor z) { return matmul(z, passing); });
  const Tensor y = bad(w.z);
  CHECK(code({{"bad", &bad.program(), {{"z", bad.arguments()[0]}}, {{"y", y}}}}, {}) ==
        Code::state);
}

}  // namespace
}  // namespace lat::test
