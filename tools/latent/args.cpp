#include "tools/latent/args.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <charconv>

#include "engine/core/error.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

namespace {

// Every name of the command's options, for suggestions.
std::vector<std::string> names_of(const std::vector<Option>& options) {
  std::vector<std::string> names;
  for (const Option& o : options) {
    const size_t dashes = o.names.rfind("--");
    if (dashes != std::string::npos) names.push_back(o.names.substr(dashes));
  }
  return names;
}

template <class T>
bool reads(std::string_view text, T& value) {
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stopped == end;
}

}  // namespace

bool parse_options(const std::string& command, const std::string& about,
                   const std::vector<Option>& options, const Args& args) {
  CLI::App app(about, "latent " + command);
  app.set_help_flag("-h,--help", "print this");
  for (const Option& o : options) {
    if (bool* const* flag = std::get_if<bool*>(&o.to)) {
      app.add_flag(o.names, **flag, o.help);
    } else if (std::string* const* text = std::get_if<std::string*>(&o.to)) {
      app.add_option(o.names, **text, o.help)->type_name("");
    } else {
      app.add_option(o.names, *std::get<std::vector<std::string>*>(o.to), o.help)
          ->type_name("")
          ->expected(1)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
  }
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));  // it takes them last first
  } catch (const CLI::CallForHelp&) {
    print(app.help());
    return false;
  } catch (const CLI::ExtrasError&) {
    std::string word;
    for (const std::string& extra : app.remaining()) {
      if (word.empty() || !word.starts_with('-')) word = extra;
    }
    fail(Code::usage, "", "unexpected '", word, "' after latent ", command, ".",
         suggestion(word, names_of(options)), "  (latent ", command, " --help)");
  } catch (const CLI::ParseError& e) {
    fail(Code::usage, "", e.what(), "  (latent ", command, " --help)");
  }
  return true;
}

std::optional<i64> whole_number(const std::string& flag, const std::string& text, i64 least) {
  if (text.empty()) return {};
  i64 value = 0;
  LAT_CHECK(reads(text, value) && value >= least, Code::usage, flag, "'", text,
            "' is not a whole number of ", least, " or more");
  return value;
}

std::optional<double> seconds(const std::string& flag, const std::string& text) {
  if (text.empty()) return {};
  std::string_view number = text;
  double unit = 1;
  if (number.ends_with('h')) unit = 3600;
  if (number.ends_with('m')) unit = 60;
  if (number.ends_with('h') || number.ends_with('m') || number.ends_with('s'))
    number.remove_suffix(1);
  double value = 0;
  LAT_CHECK(reads(number, value) && value > 0 && value * unit < 1e9, Code::usage, flag, "'", text,
            "' is no time; expected like 90s, 10m or 1.5h");
  return value * unit;
}

std::vector<i64> whole_numbers(const std::string& flag, const std::string& text, i64 least) {
  std::vector<i64> out;
  for (size_t at = 0; !text.empty() && at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    out.push_back(whole_number(flag, text.substr(at, end - at) + (end == at ? " " : ""), least)
                      .value_or(least));
    at = end + 1;
  }
  return out;
}

std::pair<double, double> number_range(const std::string& flag, const std::string& text) {
  const size_t colon = std::min(text.find(':'), text.size());
  double from = 0, to = 0;
  LAT_CHECK(colon < text.size() && reads(std::string_view(text).substr(0, colon), from) &&
                reads(std::string_view(text).substr(colon + 1), to) && from < to,
            Code::usage, flag, "'", text, "' is no range; expected like -3:3");
  return {from, to};
}

}  // namespace lat::tools
