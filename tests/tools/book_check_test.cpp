// book_check: a chapter passes only if its numbers hold and each of its planted bugs fails the check that it names.
#include "tests/tools/program.h"

using namespace lat::test;

namespace {

// A chapter whose program is a script: value v is 2, and 3 with --bug 1 to 3.
struct Chapter {
  Folder folder;

  Chapter() {
    put(folder / "program",
        "#!/bin/sh\ncase \"$*\" in *--bug*) v=3;; *) v=2;; esac\n"
        "echo \"{\\\"seed\\\": 1, \\\"values\\\": {\\\"v\\\": $v, \\\"two\\\": 2, \\\"bad\\\": "
        "null}}\"\n");
    fs::permissions(folder / "program", fs::perms::owner_all);
    lines(200);
  }
  void lines(size_t n) const {
    fs::create_directories(folder / "01_made_up");
    put(folder / "01_made_up/main.cpp", std::string(n, '\n'));
  }
  int judged(const std::string& check, const std::string& more = "",
             const std::string& caught = "c") const {
    std::string bugs;
    for (const char* n : {"1", "2", "3"})
      bugs += (bugs.empty() ? "\"" : ", \"") + std::string(n) +
              R"(": {"what": "w", "caught_by": ")" + caught + "\"}";
    put(folder / "01_made_up/expect.json", R"({"checks": {"c": {"value": "v", )" + check + "}" +
                                               more + R"(}, "bugs": {)" + bugs + "}}");
    const std::string quoted = "book/book_check '" + (folder / "01_made_up") + "' '" +
                               (folder / "program") + "' '" + (folder / "runs") + "' > '" +
                               (folder / "out") + "' 2> '" + (folder / "err") + "'";
    return WEXITSTATUS(std::system(quoted.c_str()));
  }
  std::string said() const { return get(folder / "out") + get(folder / "err"); }
};

const std::string kGood = R"("equals": "two", "absolute": 0.5, "basis": "1 + 1")";

}  // namespace

TEST_CASE("book_check: what holds passes, by each kind of check") {
  const Chapter c;
  CHECK_MESSAGE(c.judged(kGood) == 0, c.said());
  CHECK(contains(get(c.folder / "runs/01_made_up.json"), "\"v\": 2"));
  CHECK(c.judged(R"("equals": 2.1, "relative": 0.1, "basis": "b")") == 0);
  CHECK(c.judged(R"("above": 1, "below": 2.5, "basis": "b")") == 0);
}

TEST_CASE("book_check: what does not hold fails and is named") {
  const Chapter c;
  CHECK(c.judged(R"("equals": 4, "absolute": 0.5, "basis": "b")") == 1);
  CHECK_MESSAGE(contains(c.said(), "FAIL  c: v = 4"), c.said());
  CHECK(contains(c.said(), "fails without it, too"));
  CHECK(c.judged(R"("below": 2, "basis": "b")") == 1);
  CHECK(c.judged(kGood, R"(, "n": {"value": "bad", "above": -9, "basis": "not finite"})") == 1);
  CHECK(c.judged(kGood, R"(, "n": {"value": "missing", "above": -9, "basis": "not there"})") == 1);
  // The bugs make 3 of 2, which this does not see.
  CHECK(c.judged(R"("above": 1, "basis": "b")") == 1);
  CHECK_MESSAGE(contains(c.said(), "bug 1: NOT caught by c"), c.said());
}

TEST_CASE("book_check: an expectation must say what it expects and why") {
  const Chapter c;
  CHECK(c.judged(R"("equals": 2, "absolute": 1)") == 1);
  CHECK(contains(c.said(), "does not say its basis"));
  CHECK(c.judged(R"("basis": "b")") == 1);
  CHECK(contains(c.said(), "expects nothing"));
  CHECK(c.judged(R"("equals": 2, "basis": "b")") == 1);
  CHECK(contains(c.said(), "expects nothing"));
  CHECK(c.judged(kGood, "", "other") == 1);
  CHECK(contains(c.said(), "names no check: 'other'"));
  c.lines(201);
  CHECK(c.judged(kGood) == 1);
  CHECK(contains(c.said(), "main.cpp has 201 lines"));
}
