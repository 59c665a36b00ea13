// Program files: the same bits in another process without the engine, and every damaged file
// refused.
#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>

#include "engine/data/file.h"
#include "engine/lat.h"
#include "engine/runtime/runtime.h"
#include "engine/train/program_file.h"

namespace lat {
namespace {

namespace rt = runtime;
using rt::Status;

struct Folder {
  std::string path = (std::filesystem::temp_directory_path() / "latent_program_XXXXXX").string();
  Folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
};

std::string bits(const Tensor& t) {
  return {static_cast<const char*>(t.data), static_cast<size_t>(t.bytes())};
}

// ---- two models: (B,20) -> z (B,4) -> (B,20), and images u8 (B,8,8,1) -> z (B,3) -> (B,8,8,1) ---

struct MlpVae {
  static constexpr i64 B = 8, D = 20, Z = 4;
  static constexpr DType input_type(DType real) { return real; }
  Linear hidden, mu, logvar, up, out;

  explicit MlpVae(Params& p)
      : hidden(p, "hidden", D, 16),
        mu(p, "mu", 16, Z),
        logvar(p, "logvar", 16, Z),
        up(p, "up", Z, 16),
        out(p, "out", 16, D) {}
  static Shape input() { return {B, D}; }
  static Tensor data(const Tensor& x) { return x; }
  Normal encode(const Tensor& x) const {
    const Tensor h = hidden(x, Act::tanh);  // (B,16)
    return {mu(h), logvar(h)};
  }
  Tensor decode(const Tensor& z) const { return out(up(z, Act::tanh)); }  // (B,D)
};

struct ConvVae {
  static constexpr i64 B = 4, Z = 3;
  static constexpr DType input_type(DType) { return DType::u8; }
  Conv2d down;
  Linear mu, logvar, grow;
  ConvTranspose2d up;

  explicit ConvVae(Params& p)
      : down(p, "down", 1, 4, 3, {.stride = 2, .pad = 1}),
        mu(p, "mu", 64, Z),
        logvar(p, "logvar", 64, Z),
        grow(p, "grow", Z, 64),
        up(p, "up", 4, 1, 4, {.stride = 2, .pad = 1}) {}
  static Shape input() { return {B, 8, 8, 1}; }
  static Tensor data(const Tensor& x) { return from_bytes(x, 1.0 / 255); }
  Normal encode(const Tensor& x) const {
    const Tensor h = flatten(down(x, Act::relu));  // (B,64)
    return {mu(h), logvar(h)};
  }
  Tensor decode(const Tensor& z) const {
    return up(reshape(grow(z, Act::relu), {z[0], 4, 4, 4}));  // (B,8,8,1)
  }
};

// A model with its two Steps.
template <class Vae>
struct World {
  Context ctx;
  Params params;
  Vae vae{params};
  bool materialised = (params.materialise(ctx), true);
  Adam adam{params, {.lr = 3e-3}};
  std::mt19937 random{7};

  Tensor loss_of(const Tensor& batch) {
    const Tensor data = Vae::data(batch);
    const Normal q = vae.encode(data);
    const Tensor logits = vae.decode(q.rsample(Rng(ctx)));
    const Tensor elbo =
        bernoulli_log_prob(flatten(logits), flatten(data)) - kl(q, StandardNormal{});  // (B) nats
    const Tensor total = -mean(elbo);
    backward(total, params);
    adam.step();
    return total;
  }
  struct Train {
    World* w;
    Tensor operator()(Tensor batch) const { return w->loss_of(batch); }
  };
  struct Decode {
    World* w;
    Tensor operator()(Tensor code) const { return sigmoid(w->vae.decode(code)); }
  };
  Step<Train> learn{ctx, "learn", Train{this}};
  Step<Decode> decode{ctx, "decode", Decode{this}};
  Buffer x{ctx, Vae::input(), Vae::input_type(ctx.real())};
  Buffer z{ctx, {Vae::B, Vae::Z}};
  Tensor loss, image;

  explicit World(DType real, int threads = 1)
      : ctx({.real = real, .threads = threads, .seed = 5}) {}

  // Fresh values in x or z; returns their bits.
  std::string draw(const Tensor& t) {
    std::vector<double> values(static_cast<size_t>(t.size()));
    for (double& v : values) {
      const double r = static_cast<double>(random() % 256);
      v = t.dtype == DType::u8 ? r : r / 256;
    }
    set_values(t, values);
    return bits(t);
  }
  Tensor train_once() { return loss = learn(x); }

  // Three steps, one decoding, and the file of what the context then holds.
  std::string file() {
    for (int i = 0; i < 3; ++i) draw(x), train_once();
    draw(z);
    image = decode(z);
    return program_file_bytes(ctx, entries(), state());
  }
  std::vector<ProgramEntry> entries() {
    return {{"train", &learn.program(), {{"x", learn.arguments()[0]}}, {{"loss", loss}}},
            {"decode", &decode.program(), {{"z", decode.arguments()[0]}}, {{"image", image}}}};
  }
  std::vector<NamedTensor> state() {
    std::vector<NamedTensor> list{{"lr", adam.lr},
                                  {"train clock", learn.clock()},
                                  {"adam.m", adam.m()},
                                  {"adam.v", adam.v()},
                                  {"adam.t", adam.count()},
                                  {"decode clock", decode.clock()},
                                  {"gradient", params.grads()}};
    for (size_t i = 0; i < params.entries().size(); ++i)
      list.push_back({params.entries()[i].name, params.memory(static_cast<int32_t>(i))});
    return list;
  }
  std::string state_bits() {
    std::string all;
    for (const NamedTensor& n : state()) all += bits(n.tensor);
    return all;
  }
};

// ---- the runtime, in this process and in another ------------------------------------------------

// The bytes in memory of exactly their size, so that a sanitizer sees a read beyond them.
struct Opened {
  size_t size;
  std::unique_ptr<char[]> bytes;
  std::unique_ptr<char[]> memory;
  size_t need = 0;
  rt::Error error;
  rt::Model model;
  Status status;

  explicit Opened(const std::string& file, kernels::Isa isa = kernels::best_isa())
      : size(file.size()), bytes(new char[file.size()]) {
    if (size > 0) std::memcpy(bytes.get(), file.data(), size);
    status = rt::required_workspace(bytes.get(), size, &need, &error, isa);
    if (status != Status::ok) {
      size_t small = 0;  // open finds the same on its own
      rt::Error again;
      CHECK(rt::open(bytes.get(), size, &small, sizeof(small), &model, &again, isa) == status);
      CHECK(again.byte_offset == error.byte_offset);
      CHECK(model.entries() == 0);
      return;
    }
    memory.reset(new char[need]);
    status = rt::open(bytes.get(), size, memory.get(), need, &model, &error, isa);
  }
};

std::string bits(const rt::Tensor& t) { return {static_cast<const char*>(t.data), t.bytes}; }

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

// ---- bad files ----------------------------------------------------------------------------------

struct Section {
  size_t at, bytes;  // of the payload
};

std::vector<Section> sections_of(const std::string& file) {
  std::vector<Section> list;
  for (size_t at = sizeof(rt::Header); at < file.size();) {
    rt::SectionHeader h;
    std::memcpy(&h, file.data() + at, sizeof(h));
    list.push_back({at + sizeof(h), static_cast<size_t>(h.bytes)});
    at += sizeof(h) + list.back().bytes;
  }
  return list;
}

// Makes every checksum right again: what is then refused is refused for what it says.
void reseal(std::string& file, const std::vector<Section>& sections) {
  const auto crc = [&](size_t at, size_t n) {
    return static_cast<u32>(crc32_z(0, reinterpret_cast<const Bytef*>(file.data() + at), n));
  };
  const auto put = [&](size_t at, u32 value) { std::memcpy(file.data() + at, &value, 4); };
  put(sizeof(rt::Header) - 4, crc(0, sizeof(rt::Header) - 4));
  for (const Section& s : sections) put(s.at - 16, crc(s.at - 12, s.bytes + 12));
}

template <class T>
void poke(std::string& file, size_t at, T value) {
  REQUIRE(at + sizeof(T) <= file.size());
  std::memcpy(file.data() + at, &value, sizeof(T));
}

TEST_CASE("damaged files are refused, with a place") {
  World<MlpVae> w(DType::f32);
  const std::string file = w.file();
  REQUIRE(Opened(file).status == Status::ok);
  const auto refused = [&](const std::string& bytes, const std::string& what) {
    const Opened o(bytes);
    CHECK_MESSAGE(o.status != Status::ok, what);
    CHECK_MESSAGE(o.error.status == o.status, what);
    CHECK_MESSAGE(o.error.text[0] != 0, what);
    CHECK_MESSAGE(o.error.byte_offset <= bytes.size(), what);
    return o.status;
  };
  CHECK(refused("", "empty") == Status::truncated);
  for (size_t n = 0; n < file.size(); n += 97)
    refused(file.substr(0, n), cat("first ", n, " bytes"));
  for (size_t n = file.size() - 64; n < file.size(); ++n)
    refused(file.substr(0, n), cat("first ", n));
  CHECK(refused(file + std::string(8, '\0'), "a tail") == Status::format);
  std::string other = file;
  other[0] = 'L';
  CHECK(refused(other, "magic") == Status::format);
  const auto with_version = [&](size_t at, u32 value) {
    std::string changed = file;
    poke(changed, at, value);
    reseal(changed, sections_of(file));
    return changed;
  };
  CHECK(refused(with_version(12, 2), "newer layout") == Status::version);
  CHECK(refused(with_version(16, 2), "newer numerics") == Status::version);
  CHECK(refused(with_version(8, 0x04030201), "big-endian") == Status::format);

  std::mt19937 random(11);
  const auto flipped = [&](size_t bit) {
    std::string changed = file;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    return changed;
  };
  for (size_t bit = 0; bit < 512 * 8; ++bit) refused(flipped(bit), cat("bit ", bit));
  for (int i = 0; i < 2000; ++i) {
    const size_t bit = random() % (file.size() * 8);
    refused(flipped(bit), cat("bit ", bit));
  }
}

TEST_CASE("forged records with right checksums are refused, with a place") {
  World<MlpVae> w(DType::f32);
  const std::string file = w.file();
  const std::vector<Section> s = sections_of(file);
  REQUIRE(s.size() == rt::kSections);
  const auto forged = [&](u32 section, size_t offset, auto value) {
    std::string changed = file;
    poke(changed, s[section].at + offset, value);
    reseal(changed, s);
    const Opened o(changed);
    CHECK_MESSAGE(o.status != Status::ok, section, " + ", offset);
    // The place is in the section that was changed, or in one that refers to it.
    CHECK_MESSAGE(o.error.byte_offset >= sizeof(rt::Header), o.error.text);
    CHECK_MESSAGE(o.error.byte_offset < file.size(), o.error.text);
    return o.status;
  };
  const u64 huge = ~u64{0};
  rt::KernelRecord kernel;
  std::memcpy(&kernel, file.data() + s[rt::kKernels].at, sizeof(kernel));
  CHECK(forged(rt::kText, kernel.name, 'Q') == Status::kernel);
  CHECK(forged(rt::kText, kernel.name, '\n') == Status::kernel);
  CHECK(forged(rt::kText, kernel.roles, 'd') == Status::kernel);
  CHECK(forged(rt::kText, s[rt::kText].bytes - 1, 'x') == Status::format);
  CHECK(forged(rt::kKernels, 0, u32(s[rt::kText].bytes)) == Status::format);
  CHECK(forged(rt::kKernels, 4, ~u32{0}) == Status::format);

  CHECK(forged(rt::kCalls, 0, u32(s[rt::kKernels].bytes / 8)) == Status::format);
  CHECK(forged(rt::kCalls, 4, ~u32{0}) == Status::format);  // first + count wraps in 32 bits
  CHECK(forged(rt::kCalls, 8, ~u32{0}) == Status::format);
  CHECK(forged(rt::kCalls, 8, u32{0}) == Status::format);
  CHECK(forged(rt::kCalls, 12, u32{2}) == Status::format);

  // The first argument of the first call is the clock of the Step.
  rt::ArgumentRecord clock;
  std::memcpy(&clock, file.data() + s[rt::kArguments].at, sizeof(clock));
  REQUIRE(clock.kind == rt::kPointer);
  REQUIRE(clock.extent == 16);
  u64 arena;
  std::memcpy(&arena, file.data() + s[rt::kSizes].at + clock.arena * 8, sizeof(arena));
  CHECK(forged(rt::kArguments, 0, u32{rt::kInteger}) == Status::format);
  CHECK(forged(rt::kArguments, 0, u32{9}) == Status::format);
  CHECK(forged(rt::kArguments, 4, u32{3}) == Status::format);
  CHECK(forged(rt::kArguments, 8, arena - 8) == Status::format);
  CHECK(forged(rt::kArguments, 8, arena) == Status::format);
  CHECK(forged(rt::kArguments, 8, huge - 7) == Status::format);         // offset + extent wraps
  CHECK(forged(rt::kArguments, 8, clock.value + 4) == Status::format);  // not aligned
  CHECK(forged(rt::kArguments, 16, arena + 1) == Status::format);
  CHECK(forged(rt::kArguments, 16, huge) == Status::format);

  for (size_t a = 0; a < rt::kArenas; ++a) {
    CHECK(forged(rt::kSizes, a * 8, u64{0}) == Status::format);
    CHECK(forged(rt::kSizes, a * 8, huge) == Status::format);
    CHECK(forged(rt::kSizes, a * 8, (u64{1} << 46) + 1) == Status::format);
  }
  CHECK(forged(rt::kContents, 0, u32{2}) == Status::format);
  CHECK(forged(rt::kContents, 8, huge) == Status::format);
  CHECK(forged(rt::kContents, 16, huge) == Status::format);
  CHECK(forged(rt::kContents, 24, u64{s[rt::kData].bytes}) == Status::format);
  CHECK(forged(rt::kContents, 24, huge - 3) == Status::format);

  for (const u32 section : {rt::kState, rt::kTensors}) {
    const size_t last = s[section].bytes - sizeof(rt::TensorRecord);  // has two axes
    CHECK(forged(section, last, ~u32{0}) == Status::format);
    CHECK(forged(section, last + 4, u32{4}) == Status::format);
    CHECK(forged(section, last + 8, u32{7}) == Status::format);
    CHECK(forged(section, last + 12, u32{3}) == Status::format);
    CHECK(forged(section, last + 16, ~u32{0}) == Status::format);
    CHECK(forged(section, last + 16, u32{0x7fffffff}) == Status::format);
    CHECK(forged(section, last + 40, huge) == Status::format);
    CHECK(forged(section, last + 40, u64{2}) == Status::format);
  }
  CHECK(forged(rt::kTensors, 48, huge) == Status::format);
  CHECK(forged(rt::kTensors, 48, u64{s[rt::kData].bytes}) == Status::format);
  for (const size_t field : {4u, 8u, 12u, 16u, 20u})
    CHECK(forged(rt::kEntries, field, ~u32{0}) == Status::format);

  // Lengths and names of sections.
  for (size_t i = 0; i < s.size(); ++i) {
    for (const u64 bytes : {huge, huge - 15, u64{file.size()}, u64{s[i].bytes + 8}}) {
      std::string changed = file;
      poke(changed, s[i].at - 8, bytes);
      CHECK(Opened(changed).status != Status::ok);
    }
    std::string changed = file;
    poke(changed, s[i].at - 12, u32(i + 1));
    reseal(changed, s);
    CHECK(Opened(changed).status == Status::format);
  }

  // An arena that memory does not hold but that could be: the caller learns the size and decides.
  std::string big = file;
  poke(big, s[rt::kSizes].at + 16, u64{1} << 46);
  reseal(big, s);
  size_t need = 0;
  rt::Error error;
  REQUIRE(rt::required_workspace(big.data(), big.size(), &need, &error) == Status::ok);
  CHECK(need > size_t{1} << 46);
  rt::Model model;
  std::array<char, 4096> little;
  CHECK(rt::open(big.data(), big.size(), little.data(), little.size(), &model, &error) ==
        Status::workspace);
}

TEST_CASE("any record opens or is refused") {
  World<MlpVae> w(DType::f32);
  const std::string file = w.file();
  const std::vector<Section> s = sections_of(file);
  std::mt19937 random(13);
  int opened = 0, refused = 0;
  for (int i = 0; i < 6000; ++i) {
    std::string changed = file;
    for (size_t n = 1 + random() % 3; n > 0; --n) {
      const size_t section = random() % rt::kSections;
      const size_t at = random() % s[section].bytes;
      if (section == rt::kSizes && at % 8 > 2) continue;  // more memory than the test has
      if (section == rt::kArguments) {                    // integers are the writer's to answer for
        const size_t record = s[section].at + at / 24 * 24;
        if (changed[record] == char(rt::kInteger) && at % 24 >= 8) continue;
      }
      changed[s[section].at + at] = static_cast<char>(random());
    }
    reseal(changed, s);
    Opened o(changed);
    ++(o.status == Status::ok ? opened : refused);
    for (int e = 0; o.status == Status::ok && e < o.model.entries(); ++e) {
      std::string touched = o.model.entry_name(e);
      for (int t = 0; t < o.model.inputs(e); ++t) touched += bits(o.model.input(e, t));
      for (int t = 0; t < o.model.outputs(e); ++t) touched += o.model.output(e, t).name;
      CHECK(o.model.find(o.model.entry_name(e)) >= 0);
    }
  }
  CHECK(opened > 100);
  CHECK(refused > 1000);
}

TEST_CASE("a golden run that differs is named") {
  World<MlpVae> w(DType::f32);
  std::string file = w.file();
  const std::vector<Section> s = sections_of(file);
  rt::TensorRecord loss;  // inputs, outputs of the first entry: x, loss
  std::memcpy(&loss, file.data() + s[rt::kTensors].at + sizeof(loss), sizeof(loss));
  const size_t at = s[rt::kData].at + static_cast<size_t>(loss.golden) + 1;
  file[at] = static_cast<char>(file[at] ^ 1);
  reseal(file, s);
  Opened o(file);
  REQUIRE(o.status == Status::ok);
  CHECK(o.model.check_golden(0, &o.error) == Status::golden);
  CHECK(o.error.byte_offset == at);
  CHECK(std::string(o.error.text).find("'loss' of entry 'train'") != std::string::npos);
  CHECK(o.model.check_golden(1, nullptr) == Status::ok);
  CHECK(o.model.check_golden(2, &o.error) == Status::argument);
}

}  // namespace
}  // namespace lat
