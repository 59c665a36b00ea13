#pragma once
// Keeps the book's text true: code, outputs and numbers in it are those of the sources and of the checked runs.
//
// The text is Markdown that any forge shows. What is woven stands behind a comment:
//
//   <!-- code FILE NAME -->            the next fenced block is FILE between "//> NAME" and "//<", without planted bugs
//   <!-- output -->                    the next fenced block is what the chapter's program printed
//   <!--=VALUE-->0.31<!--/-->          a number of the chapter's run, with as many decimals as stand there
//   <!--=CHAPTER/VALUE-->..<!--/-->    of another chapter's run
//   <!--@FILE TEXT-->1e-3<!--/-->      the number behind TEXT, which stands once in FILE
//   <!--#FILE TEXT-->..<!--/-->        a link to the line of FILE that holds TEXT
//
// FILE is rooted at the repository.
#include <string>
#include <vector>

namespace lat::book {

struct Drift {
  std::string path;  // of the text, from the root
  int line;
  std::string what;
};

class Weaver {
 public:
  // runs: the folder that book_check filled.
  Weaver(std::string root, std::string runs) : root_(std::move(root)), runs_(std::move(runs)) {}

  // The text of `path`, a README.md, as it should be; what differs goes to `drifts`. Throws Code::input for a directive
  // that leads nowhere.
  std::string text(const std::string& path, std::vector<Drift>& drifts);
  // Whether the chapter's figure.svg is the one its program draws: the same marks, their numbers within a fifth of a
  // unit, which is what another libm may change.
  void figure(const std::string& chapter, std::vector<Drift>& drifts);

  // The chapters' folders below tools/book, in order.
  std::vector<std::string> chapters() const;
  // All texts as one Markdown text with its figures in place, for pandoc.
  std::string whole();

 private:
  std::string source(const std::string& file) const;
  std::string inlined(const std::string& picture, const std::string& chapter) const;
  std::string snippet(const std::string& file, const std::string& name) const;
  std::string value(const std::string& chapter, const std::string& name,
                    const std::string& like) const;
  std::string directive(const std::string& words, const std::string& chapter,
                        const std::string& now) const;

  std::string root_, runs_;
};

}  // namespace lat::book
