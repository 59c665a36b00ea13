// Every row of the case table through every check, and no public op without a row.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>

#include "tests/harness/cases.h"

namespace lat::test {

namespace {

// Made by the engine alone; some row's gradient must reach them.
bool internal(const std::string& op) {
  return op == "act_d1" || op == "assemble" || op.ends_with("_d1") || op.ends_with("_d2");
}

constexpr size_t kEnough = 20;

void merge(Verdict& all, const Verdict& v) {
  all.passed.insert(v.passed.begin(), v.passed.end());
  all.worst = std::max(all.worst, v.worst);
}

void write_table(const std::map<std::string, Verdict>& by_op, const char* file) {
  std::ofstream out(file);
  out << "| op | checks passed | worst gradient error |\n|---|---|---|\n";
  for (const auto& [op, v] : by_op) {
    std::string names;
    for (const std::string& check : v.passed) names += (names.empty() ? "" : ", ") + check;
    out << "| " << op << " | " << names << " | " << v.worst << " |\n";
  }
}

}  // namespace

// LATENT_ROWS=matmul,linear: the rows of these ops alone. LATENT_OP_TABLE=FILE: a table of what each op passed.
TEST_CASE("every row passes every check, and every op has a row") {
  const char* const only = std::getenv("LATENT_ROWS");
  const std::string chosen = only ? cat(",", only, ",") : "";
  std::map<std::string, Verdict> by_op;
  std::set<std::string> reached;
  size_t failures = 0;
  for (const Case& row : cases()) {
    if (only && chosen.find(cat(",", row.op, ",")) == std::string::npos) continue;
    CAPTURE(row.op);
    CAPTURE(row.what);
    try {
      const Verdict v = check(row);
      for (const std::string& failure : v.failures) FAIL_CHECK(failure);
      failures += v.failures.size();
      if (failures > kEnough) FAIL("enough failures");
      merge(by_op[row.op], v);
      reached.insert(v.reached.begin(), v.reached.end());
    } catch (const Error& e) {
      FAIL_CHECK(std::string(e.what()));
    }
  }
  if (only) return;
  for (const Op* op : op_table()) {
    if (!internal(op->name)) CHECK_MESSAGE(by_op.count(op->name), op->name << " has no row");
    CHECK_MESSAGE(reached.count(op->name), op->name << " is reached by no row");
  }
  if (const char* const file = std::getenv("LATENT_OP_TABLE")) write_table(by_op, file);
}

TEST_CASE("time of every row" * doctest::skip()) {
  for (const Case& row : cases())
    MESSAGE(row.op << " " << row.what << ": " << microseconds(row) << " us");
}

}  // namespace lat::test
