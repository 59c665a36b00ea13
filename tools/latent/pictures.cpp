// latent eval, sample, reconstruct, traverse: what a trained run can do.
#include <algorithm>
#include <filesystem>

#include "engine/data/file.h"
#include "tools/latent/agent_run.h"
#include "tools/latent/commands.h"
#include "tools/latent/run.h"
#include "tools/latent/scene_view.h"
#include "tools/latent/shown.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

namespace {

constexpr int kExpectationNotMet = static_cast<int>(Code::expectation);
constexpr i64 kMostImages = 4096;

// One stated expectation: "elbo>=-256".
struct Expectation {
  std::string text, name, relation;
  double value = 0;
};

std::vector<std::pair<std::string, double>> named(const models::Evaluation& e) {
  std::vector<std::pair<std::string, double>> out{{"elbo", e.elbo},
                                                  {"recon", e.recon},
                                                  {"kl", e.kl},
                                                  {"active", static_cast<double>(e.active)}};
  out.insert(out.end(), e.more.begin(), e.more.end());
  return out;
}

using Named = std::vector<std::pair<std::string, double>>;

double figure(const Named& all, const std::string& name) {
  std::vector<std::string> names;
  std::string list;
  for (const auto& [known, value] : all) {
    if (known == name) return value;
    names.push_back(known);
    list += (list.empty() ? "" : ", ") + known;
  }
  fail(Code::usage, "--expect", "'", name, "' is none of ", list, ".", suggestion(name, names));
}

Expectation parse_expectation(const std::string& text) {
  Expectation x;
  for (const char c : text) {
    if (c != ' ') x.text += c;
  }
  const size_t at = x.text.find_first_of("<>="), end = x.text.find_first_not_of("<>=", at);
  LAT_CHECK(at != std::string::npos && at > 0 && end != std::string::npos, Code::usage, "--expect",
            "'", text, "' is no expectation; expected like elbo>=-256");
  x.name = x.text.substr(0, at);
  x.relation = x.text.substr(at, end - at);
  x.value = parse_number("--expect " + x.name, x.text.substr(end), -1e300, 1e300);
  const std::vector<std::string> relations{">=", "<=", ">", "<", "="};
  LAT_CHECK(std::find(relations.begin(), relations.end(), x.relation) != relations.end(),
            Code::usage, "--expect", "'", x.relation, "' is none of >= <= > < =");
  return x;
}

// A text with a relation, or a file of them, one a line; # starts a comment.
std::vector<Expectation> parse_expectations(const std::string& given) {
  std::vector<Expectation> out;
  if (given.find_first_of("<>=") != std::string::npos) return {parse_expectation(given)};
  const std::string text = read_file(given, 1 << 16) + "\n";
  for (size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    std::string line = text.substr(at, end - at);
    line = line.substr(0, line.find('#'));
    if (line.find_first_not_of(" \t\r") != std::string::npos)
      out.push_back(parse_expectation(line));
  }
  LAT_CHECK(!out.empty(), Code::input, given,
            "states no expectation; expected lines like elbo>=-256");
  return out;
}

bool met(const Expectation& x, double value) {
  if (x.relation == ">=") return value >= x.value;
  if (x.relation == "<=") return value <= x.value;
  if (x.relation == ">") return value > x.value;
  if (x.relation == "<") return value < x.value;
  return value == x.value;
}

// Says whether it is met; the exit code.
int judge(const Expectation& x, const Named& all) {
  const double value = figure(all, x.name);
  const bool good = met(x, value);
  say(good ? "met      " : "not met  ", x.text, "   (", x.name, " is ", fixed(value, 4), ")");
  return good ? 0 : kExpectationNotMet;
}

void check_latents(const LoadedRun& run, const std::string& command) {
  LAT_CHECK(run.training->model().latents() > 0, Code::usage, command, "the model of ",
            run.folder.path(), " has no latents");
}

void deliver(const Picture& picture, const std::string& path) {
  write_png(path, picture);
  show_picture(picture);
  say("saved  ", path, "  ", picture.w, " x ", picture.h);
}

// A picture's file: the one given, else in the run's images.
std::string target(const std::string& given, const RunFolder& folder, const char* name) {
  if (!given.empty()) return given;
  make_folder(folder / "images");
  return folder / "images" + "/" + name;
}

std::optional<i64> count_of(const std::string& text) {
  const std::optional<i64> n = whole_number("-n", text, 1);
  LAT_CHECK(n.value_or(1) <= kMostImages, Code::usage, "-n", *n, " is more than ", kMostImages);
  return n;
}

}  // namespace

int eval(const Args& args) {
  std::string run, data, data_path, expect;
  bool json = false;
  MachineFlags flags;
  if (!parse_options(
          "eval", "Held-out figures of a run: nats per image, an agent's returns.",
          {{"RUN", &run, "the run's folder, or latest"},
           {"--data", &data, "another data set"},
           {"--data-path", &data_path, "folder of IDX files"},
           {"--expect", &expect, "elbo>=-256, or a file of such lines; exit code 5 when not met"},
           {"--threads", &flags.threads, "threads (all usable cores)"},
           {"--isa", &flags.isa, "v2, v3 or v4 (the best here)"},
           {"--json", &json, "one line on standard output"}},
          args))
    return 0;
  std::vector<Expectation> expectations;
  if (!expect.empty()) expectations = parse_expectations(expect);
  if (is_agent_run("", run)) {
    const AgentFigures found = eval_agent(run, flags, json);
    int code = 0;
    for (const Expectation& x : expectations) code = std::max(code, judge(x, found));
    return code;
  }
  const LoadedRun loaded = load_run(run, flags, data, data_path);
  models::Training& t = *loaded.training;
  models::Evaluation e = t.evaluate();
  {
    LiveLine line;
    e.more = shown(t, loaded.preset)->report([&](double share) {
      line.show(cat("judging  ", static_cast<int>(100 * share), "%"));
    });
    line.end();
  }
  const Named all = named(e);
  for (const Expectation& x : expectations) figure(all, x.name);
  if (json)
    print(Json::object({{"run", loaded.folder.path()},
                        {"data", t.data_name()},
                        {"hash", t.model().params().hash()},
                        {"test", figures(e)}})
              .line() +
          "\n");
  say_figures(e);
  int code = 0;
  for (const Expectation& x : expectations) code = std::max(code, judge(x, all));
  return code;
}

int sample(const Args& args) {
  std::string run, n, seed, views, orbit, scene, out;
  MachineFlags flags;
  if (!parse_options("sample",
                     "Images from the prior; test scenes or curves as a model predicts them.",
                     {{"RUN", &run, "the run's folder, or latest"},
                      {"-n,--number", &n, "how many (64 images, 4 scenes, 6 curves)"},
                      {"--seed", &seed, "another seed, other images (0)"},
                      {"--views", &views, "scenes: predicted from so many views (0,1,2,4)"},
                      {"--scene", &scene, "scenes: the test scene to begin with (0)"},
                      {"--orbit", &orbit, "scenes: one of them from so many cameras all around"},
                      {"-o,--output", &out, "PNG file (in the run's images)"},
                      {"--threads", &flags.threads, "threads (all usable cores)"}},
                     args))
    return 0;
  constexpr i64 kMostCameras = 360;
  const std::optional<i64> cameras = whole_number("--orbit", orbit, 1);
  LAT_CHECK(cameras.value_or(1) <= kMostCameras, Code::usage, "--orbit", *cameras,
            " cameras are more than ", kMostCameras);
  LAT_CHECK(!cameras || n.empty(), Code::usage, "--orbit",
            "shows one scene: --scene says which, and -n has no place");
  const std::optional<i64> count = count_of(n);
  ScenePlan plan{.first = whole_number("--scene", scene, 0).value_or(0),
                 .views = whole_numbers("--views", views, 0),
                 .seed = static_cast<u64>(whole_number("--seed", seed, 0).value_or(0))};
  const LoadedRun loaded = load_run(run, flags);
  const auto pictures = shown(*loaded.training, loaded.preset);
  plan.scenes = count.value_or(pictures->usual());
  Picture picture;
  if (cameras)
    picture = orbit_sheet(scenes(*loaded.training, "--orbit"), plan, *cameras);
  else if (!views.empty() || !scene.empty())
    picture = scene_sheet(scenes(*loaded.training, views.empty() ? "--scene" : "--views"), plan);
  else
    picture = pictures->samples(plan.scenes, plan.seed);
  deliver(picture, target(out, loaded.folder, cameras ? "orbit.png" : "samples.png"));
  return 0;
}

int reconstruct(const Args& args) {
  std::string run, n, out;
  MachineFlags flags;
  if (!parse_options("reconstruct", "Held-out images beside what the model makes of them.",
                     {{"RUN", &run, "the run's folder, or latest"},
                      {"-n,--number", &n, "how many (16)"},
                      {"-o,--output", &out, "PNG file (in the run's images)"},
                      {"--threads", &flags.threads, "threads (all usable cores)"}},
                     args))
    return 0;
  const i64 count = count_of(n).value_or(16);
  const LoadedRun loaded = load_run(run, flags);
  check_latents(loaded, "reconstruct");
  deliver(reconstruction_sheet(images(*loaded.training, "reconstruct"), count),
          target(out, loaded.folder, "recon.png"));
  return 0;
}

int traverse(const Args& args) {
  std::string run, dims = "top8", range = "-3:3", example, out;
  MachineFlags flags;
  if (!parse_options("traverse", "One latent at a time moved through a range, the others as coded.",
                     {{"RUN", &run, "the run's folder, or latest"},
                      {"--dims", &dims, "top8: the eight of largest KL; or 0,3"},
                      {"--range", &range, "from:to (-3:3)"},
                      {"--example", &example, "the held-out image to start from (0)"},
                      {"-o,--output", &out, "PNG file (in the run's images)"},
                      {"--threads", &flags.threads, "threads (all usable cores)"}},
                     args))
    return 0;
  Sweep sweep;
  std::tie(sweep.from, sweep.to) = number_range("--range", range);
  sweep.example = whole_number("--example", example, 0).value_or(0);
  const bool top = dims.starts_with("top");
  const i64 most = top ? whole_number("--dims", dims.substr(3), 1).value_or(8) : 0;
  if (!top) sweep.dims = whole_numbers("--dims", dims, 0);
  const LoadedRun loaded = load_run(run, flags);
  check_latents(loaded, "traverse");
  for (const i64 z : sweep.dims)
    LAT_CHECK(z < loaded.training->model().latents(), Code::usage, "--dims", "latent ", z,
              " of a model with ", loaded.training->model().latents(), "; they count from 0");
  if (top) sweep.dims = top_latents(loaded.training->evaluate(1000), static_cast<size_t>(most));
  deliver(traverse_sheet(images(*loaded.training, "traverse"), sweep),
          target(out, loaded.folder, "traverse.png"));
  return 0;
}

}  // namespace lat::tools
