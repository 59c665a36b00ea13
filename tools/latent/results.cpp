#include "tools/latent/results.h"

#include <algorithm>
#include <cmath>

#include "engine/core/error.h"
#include "engine/data/file.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

namespace {

constexpr double kNear = 1.03, kCalm = 1.1;

// Four significant digits, as a number.
double rounded(double x) {
  if (x == 0 || !std::isfinite(x)) return x;
  const double unit = std::pow(10.0, std::floor(std::log10(std::fabs(x))) - 3);
  return std::round(x / unit) * unit;
}

// Rounded once more, so that no digits of the binary fraction show.
Json number(double x) { return std::isfinite(x) ? Json(std::stod(digits(rounded(x)))) : Json(x); }

std::string without_spaces(std::string text) {
  std::erase(text, ' ');
  return text;
}

}  // namespace

std::vector<Json::Member> Result::members() const {
  std::vector<Json::Member> out{{"kernel", kernel},
                                {"shape", Json::parsed(shape)},
                                {"impl", impl},
                                {"threads", threads},
                                {"us", number(time.us)}};
  if (rate != 0) out.push_back({flops ? "gflops" : "gbps", number(rate)});
  out.push_back({"roofline", number(roofline)});
  out.push_back({"min", number(time.min)});
  out.push_back({"max", number(time.max)});
  out.push_back({"low", number(time.low)});
  out.push_back({"high", number(time.high)});
  if (!device.empty()) out.push_back({"device", device});
  return out;
}

std::string Result::key() const {
  return cat(kernel, " ", without_spaces(shape), " ", impl, " ", threads, " ", device);
}

std::vector<Result> read_results(const std::string& path) {
  constexpr size_t kLongest = 64 << 20;
  const std::string text = read_file(path, kLongest);
  std::vector<Result> out;
  for (size_t at = 0, line = 1; at < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string words = text.substr(at, end - at);
    at = end + 1;
    if (words.empty()) continue;
    const auto values = flat_json(cat(path, " line ", line), words);
    if (!values.contains("kernel")) continue;
    const auto number_of = [&](const char* key, std::optional<double> otherwise) {
      const auto found = values.find(key);
      if (found == values.end() && otherwise) return *otherwise;
      double x = 0;
      try {
        x = found == values.end() ? NAN : std::stod(found->second);
      } catch (const std::exception&) {
        x = NAN;
      }
      LAT_CHECK(std::isfinite(x), Code::input, path, "line ", line, " has no number '", key,
                "'. Expected lines that  latent bench --save  wrote");
      return x;
    };
    Result r;
    r.kernel = values.at("kernel");
    r.shape = values.contains("shape") ? values.at("shape") : "[]";
    r.impl = values.contains("impl") ? values.at("impl") : "latent";
    r.threads = static_cast<int>(number_of("threads", 1));
    r.device = values.contains("device") ? values.at("device") : "";
    r.time.us = number_of("us", {});
    r.time.min = number_of("min", r.time.us);
    r.time.max = number_of("max", r.time.us);
    r.time.low = number_of("low", r.time.min);
    r.time.high = number_of("high", r.time.max);
    out.push_back(r);
  }
  LAT_CHECK(!out.empty(), Code::input, path,
            "holds no result. Expected lines that  latent bench --save  wrote");
  return out;
}

const char* verdict_name(Verdict v) {
  constexpr const char* kNames[] = {"faster", "slower", "same", "unclear"};
  return kNames[static_cast<int>(v)];
}

Verdict compare(const Timing& before, const Timing& now) {
  const double ratio = now.us / before.us;
  if (ratio > kNear && now.low > before.high) return Verdict::slower;
  if (ratio < 1 / kNear && now.high < before.low) return Verdict::faster;
  const bool near = ratio <= kNear && ratio >= 1 / kNear;
  const bool calm = now.high <= kCalm * now.low && before.high <= kCalm * before.low;
  return near && calm ? Verdict::same : Verdict::unclear;
}

std::string Table::head() const {
  std::vector<std::string> names;
  for (const Column& c : columns_) names.push_back(c.name);
  std::string out = row(names);
  if (form_ != markdown) return out;
  out += "|";
  for (const Column& c : columns_) out += c.text ? "---|" : "---:|";
  return out + "\n";
}

std::string Table::row(const std::vector<std::string>& cells) const {
  std::string out;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const std::string& cell = cells[i];
    if (form_ == people) {
      const std::string blanks(
          columns_[i].width > cell.size() ? columns_[i].width - cell.size() : 0, ' ');
      out += (i > 0 ? "  " : "") + (columns_[i].text ? cell + blanks : blanks + cell);
    } else if (form_ == markdown) {
      out += "| " + cell + " ";
    } else {
      const bool quoted = cell.find_first_of(",\"") != std::string::npos;
      std::string text;
      for (const char c : cell) text += c == '"' && quoted ? "\"\"" : std::string(1, c);
      out += (i > 0 ? "," : "") + (quoted ? "\"" + text + "\"" : text);
    }
  }
  if (form_ == markdown) out += "|";
  while (form_ == people && out.ends_with(' ')) out.pop_back();
  return out + "\n";
}

std::string bar_chart(const std::vector<Result>& results, int width) {
  constexpr size_t kFigure = 8;  // "  100.0%"
  size_t label = 0;
  double most = 100;
  for (const Result& r : results) {
    label = std::max(label, r.impl.size());
    most = std::max(most, r.roofline);
  }
  const double room = std::max(10.0, width - static_cast<double>(label + 2 + kFigure));
  std::string out = "% of the roof\n";
  for (const Result& r : results) {
    const auto bar = static_cast<size_t>(std::lround(room * r.roofline / most));
    out += cat(r.impl, std::string(label + 2 - r.impl.size(), ' '), std::string(bar, '#'), "  ",
               fixed(r.roofline, 1), "%\n");
  }
  return out;
}

std::string digits(double x) {
  const double size = std::fabs(x);
  return fixed(x, size < 10 ? 3 : size < 100 ? 2 : size < 1000 ? 1 : 0);
}

}  // namespace lat::tools
