// Every rung of every ladder against the specification of the kernel table, bit for bit: odd sizes, sums around a chunk,
// special values, any number of parts.
#include "kernels/study/study.h"

#include <filesystem>

#include "tests/kernels/conv_cases.h"
#include "tests/kernels/latent_cases.h"

namespace lat::test {
namespace {

std::vector<Isa> ladder_isas() {
  std::vector<Isa> isas = fast_isas();
  std::erase(isas, Isa::v2);
  return isas;
}

const Ladder& find(Isa isa, const std::string& name) {
  for (i64 i = 0; i < kLadders; ++i)
    if (ladder(isa, i).name == name) return ladder(isa, i);
  FAIL("no ladder ", name);
  return ladder(isa, 0);
}

Plan one_part(const Arg*) { return {}; }

// `want` was found without the ladder.
void climb(const std::string& name, const Call& call, const std::vector<Values>& want) {
  for (const Isa isa : ladder_isas()) {
    const Ladder& l = find(isa, name);
    const Kernel specification{l.name, "", {l.specification, nullptr}, {one_part, nullptr}};
    call.check(specification, want, name + " specification", kFloat);
    for (i64 r = 0; r < l.count; ++r) {
      const Kernel rung{l.rungs[r].name, "", {l.rungs[r].run, nullptr}, {l.rungs[r].plan, nullptr}};
      call.check(rung, want, name + " " + rung.name + " " + isa_name(isa), kFloat);
    }
  }
}

// For a ladder whose arguments are those of one kernel of the table.
void climb(const std::string& name, const Call& call) {
  climb(name, call, call.run(Isa::spec, kFloat));
}

Call product(i64 m, i64 n, i64 k, Factors kind) {
  const u64 seed = u64(m * 31 + n * 7 + k);
  Call call("matmul");
  call.out(m * n).in(factors(m * k, seed, kind)).in(factors(k * n, seed + 1, kind));
  return call.integers({1, m, n, k, 0});
}

Call convolution(const Layer& z, bool bias, i64 act, Factors kind) {
  return pass_of(z, Pass::forward, inputs(z, kind), bias, act);
}

// c = a b in the fixed order but for the chunks: one chain for all of k.
void without_chunks(const Arg* a, Part) {
  const auto* x = static_cast<const float*>(a[1].p);
  const auto* y = static_cast<const float*>(a[2].p);
  const i64 m = a[4].i, n = a[5].i, k = a[6].i;
  for (i64 i = 0; i < m; ++i)
    for (i64 j = 0; j < n; ++j) {
      float sum = 0;
      for (i64 l = 0; l < k; ++l) sum = std::fma(x[i * k + l], y[l * n + j], sum);
      static_cast<float*>(a[0].p)[i * n + j] = sum;
    }
}

const Factors kKinds[] = {Factors::unit, Factors::tiny, Factors::special};

TEST_CASE("ladders: five, with the rungs that are promised, one of them the product's") {
  const std::pair<const char*, i64> promised[] = {
      {"gemm", 7}, {"conv", 4}, {"reparameterise_kl", 2}, {"softmax", 2}, {"reduction", 2}};
  for (const Isa isa : ladder_isas()) {
    for (const auto& [name, count] : promised) CHECK(find(isa, name).count >= count);
    for (i64 i = 0; i < kLadders; ++i) {
      const Ladder& l = ladder(isa, i);
      CAPTURE(l.name);
      CHECK(0 <= l.product);
      REQUIRE(l.product < l.count);
      for (i64 r = 0; r < l.count; ++r) {
        const std::string number = "0" + std::to_string(r + 1) + "_";
        CHECK(std::string(l.rungs[r].name).starts_with(number));
        CHECK(std::string(l.rungs[r].does).size() > 0);
        const char* const source = std::getenv("LATENT_SOURCE");
        REQUIRE(source);
        CHECK(std::filesystem::exists(std::string(source) + "/kernels/study/" + l.name + "/" +
                                      l.rungs[r].name + ".cpp"));
      }
    }
  }
}

TEST_CASE("a rung that adds in another order is found out") {
  const Call call = product(3, 5, 700, Factors::unit);
  const Kernel wrong{"wrong", "", {without_chunks, nullptr}, {one_part, nullptr}};
  CHECK_FALSE(same_bits(call.run(wrong, kFloat)[0], call.run(Isa::spec, kFloat)[0]));
  const Call within = product(3, 5, 512, Factors::unit);
  CHECK(same_bits(within.run(wrong, kFloat)[0], within.run(Isa::spec, kFloat)[0]));
}

TEST_CASE("gemm: every rung has the bits of the plain loops") {
  u64 turn = 0;
  for (const i64 m : {0, 1, 2, 7, 13, 15, 29})
    for (const i64 n : {0, 1, 5, 16, 31, 33, 65, 130})
      for (const i64 k : {0, 1, 17, 64}) climb("gemm", product(m, n, k, kKinds[turn++ % 3]));
  for (const i64 k : {511, 512, 513, 1025}) climb("gemm", product(17, 67, k, Factors::unit));
  climb("gemm", product(170, 150, 140, Factors::unit));
}

TEST_CASE("conv: every rung has the bits of the plain loops") {
  u64 turn = 0;
  for (const Layer& z : kLadderLayers)
    for (const bool bias : {false, true})
      for (const i64 act : {0, 1}) climb("conv", convolution(z, bias, act, kKinds[turn++ % 3]));
}

TEST_CASE("reparameterise_kl: every rung draws and sums as the two kernels do") {
  for_latents(kLatentRows, [](const Call& call, const std::vector<Values>& want) {
    climb("reparameterise_kl", call, want);
  });
}

TEST_CASE("softmax, reduction: every rung has the bits of the plain loops") {
  for (const i64 cols : {1, 2, 15, 16, 17, 31, 63, 64, 65, 127, 1000, 4095, 4096, 4097, 8200})
    for (const i64 rows : {1, 3, 5}) {
      const i64 n = rows * cols;
      for (const Values& x : {numbers(n, -3, 3, u64(n)), wild(n, u64(n))}) {
        climb("softmax", Call("log_softmax").out(n).in(x).integers({rows, cols}));
        climb("reduction", Call("row_sum").out(rows).in(x).integers({rows, cols}).real(0.3));
      }
    }
  climb("softmax", Call("log_softmax").out(0).in({}).integers({0, 7}));
  climb("reduction", Call("row_sum").out(3).in({}).integers({3, 0}).real(1));
}

}  // namespace
}  // namespace lat::test
