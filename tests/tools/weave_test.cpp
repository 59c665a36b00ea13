// weave: the book's text follows its sources and its runs, and says where it does not.
#include "tools/book/weave.h"

#include "engine/core/error.h"
#include "tests/tools/program.h"

using namespace lat::test;
using lat::book::Drift;
using lat::book::Weaver;

namespace {

const std::string kText = "tools/book/09_made_up/README.md";

// A tree of one chapter, its run, and a source with a constant.
struct Tree {
  Folder folder;
  std::string runs = folder / "runs";

  Tree() {
    fs::create_directories(folder / "tools/book/09_made_up");
    fs::create_directories(folder / "engine");
    fs::create_directories(runs);
    put(folder / "engine/rate.h", "//> rate\nstruct Rate {\n  double lr = 1e-3;\n};\n//<\n");
    put(folder / "tools/book/09_made_up/main.cpp",
        "  //> sum\n  double s = 0;\n  if (page.bug(1))\n    s = f([] {\n      return 1;\n    "
        "});\n  s += x;\n  //<\n");
    put(runs + "/09_made_up.json", R"({"seed": 1, "values": {"elbo": -254.4728, "gap": null}})");
    put(runs + "/09_made_up.txt", "ELBO -254.47\n");
    put(runs + "/09_made_up.svg", "<svg><path d=\"M1.0 2.0L3.0-4.0\"/></svg>");
    put(folder / "tools/book/09_made_up/expect.json", "{}");
    put(folder / "tools/book/09_made_up/figure.svg", "<svg><path d=\"M1.0 2.1L3.0-4.0\"/></svg>");
    text(
        "<!-- code engine/rate.h rate -->\n```cpp\nstruct Rate {\n  double lr = 1e-3;\n};\n```\n"
        "<!-- code tools/book/09_made_up/main.cpp sum -->\n```cpp\ndouble s = 0;\ns += x;\n```\n"
        "<!-- output -->\n```\nELBO -254.47\n```\n"
        "ELBO <!--=elbo-->-254.5<!--/-->, rate <!--@engine/rate.h lr =-->1e-3<!--/-->, "
        "<!--#engine/rate.h double lr-->[rate.h:3](../../../engine/rate.h#L3)<!--/-->\n");
  }
  void text(const std::string& bytes) const { put(folder / kText, bytes); }
  std::string text() const { return get(folder / kText); }
  std::vector<Drift> drifts() const {
    std::vector<Drift> out;
    Weaver(folder.path, runs).text(kText, out);
    return out;
  }
};

}  // namespace

TEST_CASE("weave: a text that agrees has no drift and stays as it is") {
  const Tree tree;
  std::vector<Drift> drifts;
  CHECK(Weaver(tree.folder.path, tree.runs).text(kText, drifts) == tree.text());
  CHECK(drifts.empty());
  Weaver(tree.folder.path, tree.runs).figure("09_made_up", drifts);
  CHECK(drifts.empty());
}

TEST_CASE("weave: a changed constant, number, output, line or figure is found where it is quoted") {
  const Tree tree;
  const auto changed = [&](const std::string& file, const std::string& now, size_t count,
                           const std::string& what) {
    const std::string was = get(tree.folder / file);
    put(tree.folder / file, now);
    const std::vector<Drift> drifts = tree.drifts();
    CHECK(drifts.size() == count);
    for (const Drift& d : drifts) CHECK(d.path == kText);
    if (!drifts.empty()) CHECK_MESSAGE(contains(drifts.back().what, what), drifts.back().what);
    put(tree.folder / file, was);
  };
  // The constant stands in the snippet and in the sentence.
  changed("engine/rate.h", "//> rate\nstruct Rate {\n  double lr = 2e-3;\n};\n//<\n", 2,
          "is 2e-3, not 1e-3");
  changed("engine/rate.h", "\n//> rate\nstruct Rate {\n  double lr = 1e-3;\n};\n//<\n", 1,
          "rate.h:4");
  changed("runs/09_made_up.json", R"({"values": {"elbo": -254.56}})", 1, "is -254.6, not -254.5");
  changed("runs/09_made_up.txt", "ELBO -254.48\n", 1, "prints something else");
  changed("tools/book/09_made_up/main.cpp", "//> sum\ndouble s = 1;\ns += x;\n//<\n", 1,
          "has changed: sum");

  std::vector<Drift> drifts;
  put(tree.runs + "/09_made_up.svg", "<svg><path d=\"M1.0 2.5L3.0-4.0\"/></svg>");
  Weaver(tree.folder.path, tree.runs).figure("09_made_up", drifts);
  CHECK(drifts.size() == 1);
}

TEST_CASE("weave: what leads nowhere is an error that names it") {
  const Tree tree;
  const auto refused = [&](const std::string& text, const std::string& part) {
    tree.text(text);
    try {
      tree.drifts();
      FAIL_CHECK("accepted: ", text);
    } catch (const lat::Error& e) {
      CHECK_MESSAGE(contains(e.what(), part), e.what());
    }
  };
  refused("<!-- code engine/rate.h gone -->\n```cpp\n```\n", "no snippet '//> gone'");
  refused("<!-- code engine/gone.h rate -->\n```cpp\n```\n", "engine/gone.h");
  refused("<!-- code engine/rate.h rate -->\nno block\n", "must follow");
  refused("<!--=missing-->1<!--/-->", "no finite value called 'missing'");
  refused("<!--=gap-->1<!--/-->", "no finite value called 'gap'");
  refused("<!--=elbo-->1", "no <!--/--> follows");
  refused("<!--@engine/rate.h beta =-->1<!--/-->", "is not there any more");
}

TEST_CASE("weave: another value of a constant of the engine breaks the book") {
  const Folder folder;
  const std::string source = std::getenv("LATENT_SOURCE"), chapter = "tools/book/08_real_vae/";
  std::vector<Drift> drifts;
  fs::create_directories(folder / "tools");
  fs::copy(source + "/tools/book", folder / "tools/book", fs::copy_options::recursive);
  fs::create_directories(folder / "engine");
  fs::copy(source + "/engine/optim", folder / "engine/optim");
  fs::copy(source + "/engine/dist", folder / "engine/dist");
  std::string adam = folder.read("engine/optim/adam.h");
  Weaver weaver(folder.path, "book/runs");
  weaver.text(chapter + "README.md", drifts);
  CHECK(drifts.empty());
  const size_t at = adam.find("beta2 = 0.999");
  REQUIRE(at != std::string::npos);
  put(folder / "engine/optim/adam.h", adam.replace(at, 13, "beta2 = 0.99"));
  weaver.text(chapter + "README.md", drifts);
  REQUIRE(drifts.size() == 2);
  CHECK(contains(drifts[0].what, "the code of engine/optim/adam.h has changed"));
  CHECK(contains(drifts[1].what, "is 0.99, not 0.999"));
}

TEST_CASE("weave: the page is one file that asks for nothing, its formulas MathML") {
  const Folder folder;
  const std::string page = folder / "book.html";
  const std::string command = "book/weave '" + std::string(std::getenv("LATENT_SOURCE")) +
                              "' book/runs --html '" + page + "'";
  REQUIRE(WEXITSTATUS(std::system(command.c_str())) == 0);
  const std::string html = get(page);
  for (const char* part :
       {"src=", "<link", "@import", "url(http", "<script", "<iframe", "class=\"math"})
    CHECK_MESSAGE(!contains(html, part), part);
  for (const char* part : {"<math", "<svg role=\"img\"", "id=\"08_real_vae\"", "href=\"#04_elbo\""})
    CHECK_MESSAGE(contains(html, part), part);
  // Nothing of the Markdown is left: neither TeX between dollars nor directives.
  CHECK(!contains(html, "$"));
  CHECK(!contains(html, "<!--"));
  // What inline figures call their own is theirs alone.
  CHECK(!contains(html, "CLIP"));
}
