// weave ROOT RUNS             is every number, output, snippet and figure of the book that of the sources and the runs?
// weave ROOT RUNS --write     puts them there
// weave ROOT RUNS --html F    the whole book as one file, by pandoc
#include <cstdio>
#include <cstdlib>

#include "engine/core/error.h"
#include "engine/data/file.h"
#include "tools/book/weave.h"

namespace {

using namespace lat;

int weave(const std::string& root, const std::string& runs, const std::string& how,
          const std::string& html) {
  book::Weaver weaver(root, runs);
  if (!html.empty()) {
    const std::string text = runs + "/book.md";
    write_file_atomic(text, weaver.whole());
    LAT_CHECK(std::system("pandoc --version > /dev/null 2>&1") == 0, Code::machine, "",
              "the page is made by pandoc, which is not there: apt-get install pandoc");
    LAT_CHECK(std::system(cat("pandoc --from gfm+tex_math_dollars --to html5 --mathml --standalone "
                              "--fail-if-warnings --highlight-style=kate --metadata title='How "
                              "ELBO training works' "
                              "--template '",
                              root, "/tools/book/page.html' --output '", html, "' '", text, "'")
                              .c_str()) == 0,
              Code::failed, "pandoc", "could not make ", html, " out of ", text);
    // Parentheses of a line of text do not grow: a browser without a font for mathematics draws them far too tall. Names
    // of functions have no space before their parenthesis.
    std::string page = read_file(html, 1 << 24);
    const auto replace = [&](const std::string& from, const std::string& to) {
      for (size_t at = page.find(from); at != page.npos; at = page.find(from, at + to.size()))
        page.replace(at, from.size(), to);
    };
    for (const char* side : {"\"prefix\">(", "\"postfix\">)"})
      replace(cat("stretchy=\"true\" form=", side), cat("stretchy=\"false\" form=", side));
    for (const char* name : {"KL", "ELBO", "H", "Var", "diag", "sigmoid"})
      replace(cat("<mo>", name, "</mo>"),
              cat("<mo lspace=\"0.16em\" rspace=\"0\">", name, "</mo>"));
    replace("<semantics><mrow><mo>ln", "<semantics><mrow><mo lspace=\"0\">ln");
    write_file_atomic(html, page);
    return 0;
  }
  std::vector<std::string> texts = {"tools/book/README.md"};
  std::vector<book::Drift> drifts;
  for (const std::string& chapter : weaver.chapters()) {
    texts.push_back("tools/book/" + chapter + "/README.md");
    const std::string figure = root + "/tools/book/" + chapter + "/figure.svg";
    if (how == "--write")
      write_file_atomic(figure, read_file(runs + "/" + chapter + ".svg", 1 << 24));
    weaver.figure(chapter, drifts);
  }
  for (const std::string& path : texts) {
    const std::string text = weaver.text(path, drifts);
    if (how == "--write") write_file_atomic(root + "/" + path, text);
  }
  for (const book::Drift& d : drifts)
    std::printf("%s:%d: %s\n", d.path.c_str(), d.line, d.what.c_str());
  std::printf("%zu texts, %zu drifts%s\n", texts.size(), drifts.size(),
              how == "--write" ? ", woven in" : "");
  return drifts.empty() || how == "--write" ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  const std::string how = count > 3 ? words[3] : "";
  if (count < 3 || (how == "--html") != (count == 5) ||
      (!how.empty() && how != "--html" && how != "--write")) {
    std::fprintf(stderr, "usage: weave ROOT RUNS [--write | --html FILE]\n");
    return 2;
  }
  try {
    return weave(words[1], words[2], how, how == "--html" ? words[4] : "");
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}
