#include "tools/book/weave.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "engine/core/error.h"
#include "engine/data/file.h"
#include "tools/latent/json.h"

namespace lat::book {

namespace {

namespace fs = std::filesystem;

constexpr size_t kLargest = size_t{1} << 24;
constexpr const char* kBook = "tools/book/";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// The line number, from 1, of byte `at`.
int line_at(const std::string& text, size_t at) {
  return 1 + static_cast<int>(
                 std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

// Where `part` stands in a source; it must stand there once.
size_t once(const std::string& text, const std::string& part, const std::string& file) {
  const size_t at = text.find(part);
  LAT_CHECK(at != text.npos, Code::input, file, "'", part, "' is not there any more");
  LAT_CHECK(text.find(part, at + 1) == text.npos, Code::input, file, "'", part,
            "' stands there more than once");
  return at;
}

bool numeric(char c) { return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+'; }

// Numbers out of a figure, and what is left of it.
std::pair<std::string, std::vector<double>> parted(const std::string& svg) {
  std::pair<std::string, std::vector<double>> out;
  for (size_t i = 0; i < svg.size();) {
    char* end = nullptr;
    const double v = numeric(svg[i]) ? std::strtod(svg.c_str() + i, &end) : 0;
    if (end && end != svg.c_str() + i) {
      out.second.push_back(v);
      out.first += '#';
      i = static_cast<size_t>(end - svg.c_str());
    } else {
      out.first += svg[i++];
    }
  }
  return out;
}

std::string trimmed(std::string s) {
  s.erase(0, s.find_first_not_of(' '));
  s.erase(s.find_last_not_of(' ') + 1);
  return s;
}

// "FILE and the rest" at its first space.
std::pair<std::string, std::string> halves(const std::string& words) {
  const size_t space = std::min(words.find(' '), words.size());
  return {words.substr(0, space), space < words.size() ? words.substr(space + 1) : ""};
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// Links to chapters lead to their sections, links to sources become their names.
std::string led_within(std::string line, const std::vector<std::string>& sections) {
  for (size_t at = line.find("]("); at != line.npos; at = line.find("](", at + 1)) {
    const size_t end = line.find(')', at), open = line.rfind('[', at);
    const std::string to = line.substr(at + 2, end - at - 2);
    if (to.starts_with("http") || to.starts_with("#")) continue;
    const std::string folder = fs::path(to).parent_path().filename().string();
    const bool known = std::find(sections.begin(), sections.end(), folder) != sections.end();
    if (to.ends_with("README.md"))
      line.replace(at, end - at + 1, "](#" + (known ? folder : "book") + ")");
    else
      line.replace(open, end - open + 1, "`" + line.substr(open + 1, at - open - 1) + "`");
  }
  return line;
}

// How many brackets a line of code opens and does not close.
int opened(const std::string& line) {
  int open = 0;
  for (const char c : line) open += (c == '(' || c == '{') - (c == ')' || c == '}');
  return open;
}

}  // namespace

std::string Weaver::source(const std::string& file) const {
  return read_file(root_ + "/" + file, kLargest);
}

std::string Weaver::snippet(const std::string& file, const std::string& name) const {
  std::vector<std::string> out;
  bool inside = false, found = false;
  bool bug = false;  // a planted bug goes on to the line that ends its statement
  int open = 0;
  for (const std::string& line : lines_of(source(file))) {
    const std::string word = trimmed(line);
    if (word == "//> " + name) {
      LAT_CHECK(!found, Code::input, file, "has two snippets called '", name, "'");
      inside = found = true;
    } else if (inside && word == "//<") {
      inside = false;
    } else if (inside) {
      bug = bug || (word.starts_with("if (") && word.find("page.bug(") != word.npos);
      if (bug)
        open += opened(line);
      else
        out.push_back(line);
      if (bug && open == 0 && (word.ends_with(";") || word.ends_with("}"))) bug = false;
    }
  }
  LAT_CHECK(found && !inside && !out.empty(), Code::input, file, "has no snippet '//> ", name,
            "' that '//<' ends");
  size_t indent = std::string::npos;
  for (const std::string& line : out)
    LAT_CHECK(line.find("bug(") == line.npos, Code::input, file, "shows a planted bug in '", name,
              "'; give it a statement of its own: if (page.bug(1)) ...");
  for (const std::string& line : out)
    if (!line.empty()) indent = std::min(indent, line.find_first_not_of(' '));
  std::string text;
  for (const std::string& line : out) text += line.substr(std::min(indent, line.size())) + "\n";
  return text;
}

std::string Weaver::value(const std::string& chapter, const std::string& name,
                          const std::string& like) const {
  const std::string path = runs_ + "/" + chapter + ".json";
  const auto run = tools::flat_json(path, read_file(path, kLargest));
  const auto found = run.find("values/" + name);
  LAT_CHECK(found != run.end(), Code::input, path, "has no finite value called '", name, "'");
  const size_t dot = like.find('.'), end = std::min(like.find_first_of("eE"), like.size());
  const int decimals = dot < end ? static_cast<int>(end - dot) - 1 : 0;
  char text[64];
  std::snprintf(text, sizeof text, end < like.size() ? "%.*e" : "%.*f", decimals,
                std::strtod(found->second.c_str(), nullptr));
  return text;
}

std::string Weaver::directive(const std::string& words, const std::string& chapter,
                              const std::string& now) const {
  const auto [first, rest] = halves(words.substr(1));
  if (words[0] == '=') {
    const size_t slash = first.find('/');
    return slash == first.npos ? value(chapter, first, now)
                               : value(first.substr(0, slash), first.substr(slash + 1), now);
  }
  const std::string text = source(first);
  if (words[0] == '@') {
    size_t at = once(text, rest, first) + rest.size();
    while (at < text.size() && text[at] == ' ') ++at;
    size_t end = at;
    while (end < text.size() && (numeric(text[end]) || text[end] == 'e')) ++end;
    LAT_CHECK(end > at, Code::input, first, "no number stands behind '", rest, "'");
    return text.substr(at, end - at);
  }
  const int line = line_at(text, once(text, rest, first));
  const std::string from = chapter.empty() ? std::string(kBook) : kBook + chapter;
  return cat("[", fs::path(first).filename().string(), ":", line, "](",
             fs::path(first).lexically_relative(from).generic_string(), "#L", line, ")");
}

std::string Weaver::text(const std::string& path, std::vector<Drift>& drifts) {
  const std::string folder = fs::path(path).parent_path().filename().string();
  const std::string chapter = folder == "book" ? "" : folder;
  const std::string old = source(path);

  // Blocks.
  std::string blocks;
  std::vector<std::string> lines = lines_of(old);
  for (size_t i = 0; i < lines.size(); ++i) {
    blocks += lines[i] + "\n";
    const bool code = lines[i].starts_with("<!-- code "), output = lines[i] == "<!-- output -->";
    if (!code && !output) continue;
    const int line = static_cast<int>(i) + 1;
    LAT_CHECK(i + 1 < lines.size() && lines[i + 1].starts_with("```"), Code::input, path, "line ",
              line, ": a block ``` must follow");
    const auto [file, name] = halves(trimmed(lines[i].substr(9, lines[i].find("-->") - 9)));
    const std::string now =
        output ? read_file(runs_ + "/" + chapter + ".txt", kLargest) : snippet(file, trimmed(name));
    std::string was;
    blocks += lines[++i] + "\n";
    for (++i; i < lines.size() && !lines[i].starts_with("```"); ++i) was += lines[i] + "\n";
    LAT_CHECK(i < lines.size(), Code::input, path, "line ", line, ": its block does not end");
    blocks += now + lines[i] + "\n";
    if (was != now)
      drifts.push_back({path, line,
                        output ? "the program prints something else"
                               : "the code of " + file + " has changed: " + name});
  }

  // Numbers and links.
  std::string out;
  for (size_t at = 0; at < blocks.size();) {
    size_t open = blocks.find("<!--", at);
    while (open != blocks.npos && std::string("=@#").find(blocks[open + 4]) == std::string::npos)
      open = blocks.find("<!--", open + 4);
    if (open == blocks.npos) {
      out += blocks.substr(at);
      break;
    }
    const int line = line_at(blocks, open);
    const size_t begin = blocks.find("-->", open) + 3, end = blocks.find("<!--/-->", open);
    LAT_CHECK(end != blocks.npos && begin <= end, Code::input, path, "line ", line,
              ": no <!--/--> follows");
    const std::string words = blocks.substr(open + 4, begin - open - 7),
                      was = blocks.substr(begin, end - begin);
    const std::string now = directive(words, chapter, was);
    if (was != now) drifts.push_back({path, line, cat("'", words, "' is ", now, ", not ", was)});
    out += blocks.substr(at, begin - at) + now + "<!--/-->";
    at = end + 8;
  }
  return out;
}

void Weaver::figure(const std::string& chapter, std::vector<Drift>& drifts) {
  const std::string path = kBook + chapter + "/figure.svg";
  const auto [marks, numbers] = parted(source(path));
  const auto [marks_now, numbers_now] = parted(read_file(runs_ + "/" + chapter + ".svg", kLargest));
  bool same = marks == marks_now && numbers.size() == numbers_now.size();
  for (size_t i = 0; same && i < numbers.size(); ++i)
    same = std::abs(numbers[i] - numbers_now[i]) < 0.2;
  if (!same) drifts.push_back({path, 1, "the program draws something else"});
}

std::vector<std::string> Weaver::chapters() const {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(root_ + "/" + kBook))
    if (fs::exists(entry.path() / "expect.json")) out.push_back(entry.path().filename().string());
  std::sort(out.begin(), out.end());
  return out;
}

std::string Weaver::whole() {
  std::vector<std::string> sections = {""};
  for (const std::string& c : chapters()) sections.push_back(c);
  std::string out;
  for (const std::string& chapter : sections) {
    std::vector<Drift> drifts;
    std::string body =
        text(kBook + (chapter.empty() ? std::string() : chapter + "/") + "README.md", drifts);
    for (size_t at = body.find("<!--"); at != body.npos; at = body.find("<!--", at))
      body.erase(at, body.find("-->", at) + 3 - at);
    out += cat("<section id=\"", chapter.empty() ? "book" : chapter, "\">\n\n");
    bool code = false;
    for (std::string& line : lines_of(body)) {
      code = code != line.starts_with("```");
      if (!code)
        line = line.starts_with("![") ? inlined(line, chapter) : led_within(line, sections);
      out += line + "\n";
    }
    out += "\n</section>\n\n";
  }
  return out;
}

// The figure in the page itself; two figures share no name.
std::string Weaver::inlined(const std::string& picture, const std::string& chapter) const {
  std::string svg = read_file(runs_ + "/" + chapter + ".svg", kLargest);
  replace_all(svg, "CLIP", "clip_" + chapter + "_");
  const std::string alt = picture.substr(2, picture.find(']') - 2);
  replace_all(svg, "<svg ", "<svg role=\"img\" aria-label=\"" + alt + "\" ");
  return "<figure>\n" + svg + "</figure>\n";
}

}  // namespace lat::book
