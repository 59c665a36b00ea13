// latent train, latent eval of agents.
#include "tools/latent/agent_run.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <filesystem>

#include "engine/data/file.h"
#include "tools/latent/args.h"
#include "tools/latent/run.h"
#include "tools/latent/terminal.h"
#include "tools/latent/toml.h"

namespace lat::tools {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr size_t kLongest = 1 << 20;
constexpr double kRedraw = 0.15;       // seconds between live lines on a terminal ...
constexpr double kPlainLines = 3;      // ... and between plain ones
constexpr double kMetricsEvery = 0.5;  // seconds between measurements
constexpr double kSaveEvery = 180;     // seconds between checkpoints
constexpr double kSpeedWindow = 20;    // seconds that speed and time left are measured over
constexpr i64 kEpisodes = 100;

double since(Clock::time_point t) {
  return std::chrono::duration<double>(Clock::now() - t).count();
}

AgentFigures named(const rl::Episodes& e) {
  return {{"return_mean", e.mean()},
          {"return_std", e.sd()},
          {"episodes", static_cast<double>(e.count)},
          {"length", e.mean_length()}};
}

void say_returns(const rl::Episodes& e) {
  say("return ", fixed(e.mean(), 2), " +- ", fixed(e.sd(), 2), " over ", e.count,
      " greedy episodes of starts that training does not meet, ", fixed(e.mean_length(), 1),
      " steps each");
}

std::string device_text(rl::Training& t, const Machine& machine) {
  return machine.device == "cpu"
             ? cat("CPU ", kernels::isa_name(machine.isa), " x ", machine.threads,
                   machine.threads == 1 ? " thread" : " threads")
             : t.ctx().device_name();
}

// The loop that people watch.
class Loop {
 public:
  Loop(rl::Training& t, const RunFolder& folder, const Stop& stop, double spent)
      : t_(t), folder_(folder), stop_(stop), before_(spent) {}

  // False when it was interrupted: saved, and it said how to go on.
  bool run() {
    const Interruptible guard;
    start_ = shown_ = saved_ = measured_ = Clock::now();
    speed_.emplace_back(start_, t_.done());
    folder_.state("RUNNING", "", t_.done(), t_.done());
    try {
      while (!finished() && !guard.asked()) {
        t_.step();
        if (since(measured_) >= kMetricsEvery) measure();
        if (since(shown_) >= (is_terminal() ? kRedraw : kPlainLines)) {
          shown_ = Clock::now();
          line_.show(progress());
        }
        if (since(saved_) >= kSaveEvery) save();
      }
      measure();
      line_.end();
      save();
      if (guard.asked() && !finished()) {
        folder_.state("STOPPED", "interrupted", t_.done(), t_.done());
        say("stopped at step ", grouped(t_.done()), ", saved. To go on:  latent train --resume ",
            folder_.path());
        return false;
      }
    } catch (const Error& e) {
      line_.end();
      try {
        folder_.state("FAILED", e.what(), t_.done(), saved_step_);
      } catch (const Error&) {  // the first failure is the one to tell
      }
      say("training stopped at step ", grouped(t_.done()), "; ",
          saved_step_ == 0
              ? std::string("no checkpoint was written.")
              : cat("the checkpoint of step ", grouped(saved_step_),
                    " is whole. To go on from it:  latent train --resume ", folder_.path()));
      throw;
    }
    return true;
  }
  double spent() const { return before_ + since(start_); }

 private:
  bool finished() const {
    if (stop_.steps) return t_.done() >= *stop_.steps;
    return spent() >= stop_.seconds.value_or(0);
  }
  void measure() {
    measured_ = Clock::now();
    figures_ = t_.figures();
    std::vector<Json::Member> members;
    for (const auto& [name, value] : figures_) {
      if (name == "return") return_ = value;
      members.push_back({name, value});
    }
    folder_.metric({{"step", t_.done()},
                    {"seconds", std::round(spent() * 1e3) / 1e3},
                    {"train", Json::object(members)}});
  }
  std::string progress() {
    const Clock::time_point now = Clock::now();
    speed_.emplace_back(now, t_.done());
    while (speed_.size() > 2 &&
           std::chrono::duration<double>(now - speed_.front().first).count() > kSpeedWindow)
      speed_.pop_front();
    const double window = std::chrono::duration<double>(now - speed_.front().first).count();
    const double rate =
        static_cast<double>(t_.done() - speed_.front().second) / std::max(window, 1e-9);
    std::string text = cat("step  ", grouped(t_.done()));
    double left = stop_.seconds.value_or(0) - spent();
    if (stop_.steps) {
      text += cat("/", grouped(*stop_.steps), " ", 100 * t_.done() / *stop_.steps, "%");
      left = static_cast<double>(*stop_.steps - t_.done()) / std::max(rate, 1e-9);
    }
    text += "  " + duration_text(std::max(left, 0.0)) + " left";
    if (return_) text += "  return " + fixed(*return_, 1);
    for (const auto& [name, value] : figures_)
      if (name == "entropy" || name == "alpha" || name == "kl")
        text += cat("  ", name, " ", fixed(value, 3));
    return text + cat("  ", grouped(std::llround(rate)), " steps/s");
  }
  void save() {
    t_.save(folder_.checkpoints(), {{"seconds", fixed(spent(), 3)}});
    saved_ = Clock::now();
    saved_step_ = t_.done();
  }

  rl::Training& t_;
  const RunFolder& folder_;
  const Stop stop_;
  const double before_;
  Clock::time_point start_, shown_, saved_, measured_;
  std::deque<std::pair<Clock::time_point, i64>> speed_;
  AgentFigures figures_;
  std::optional<double> return_;
  i64 saved_step_ = 0;
  LiveLine line_;
};

std::string wanted(const std::map<std::string, std::string>& all, const std::string& path,
                   const std::string& key) {
  const auto found = all.find(key);
  LAT_CHECK(found != all.end(), Code::input, path, "has no '", key,
            "'; it was not written by this program or is damaged");
  return found->second;
}

// What is given beside --resume must be what the run already has.
void check_unchanged(const AgentFlags& f, AgentConfig& stored, const std::string& path) {
  const auto check = [&](const std::string& what, const std::string& was, const std::string& now) {
    LAT_CHECK(was == now, Code::usage, "--resume " + path, what, " was ", was, ", now it is ", now,
              ". A run goes on as it began; start another one for other values");
  };
  if (!f.what.empty()) check("the agent", stored.entry->name, f.what);
  if (!f.environment.empty()) check("the environment", stored.environment, f.environment);
  if (const auto seed = whole_number("--seed", f.seed, 0))
    check("the seed", std::to_string(stored.seed), std::to_string(*seed));
  AgentConfig changed = AgentConfig::open(path + "/config.json");
  for (const std::string& text : f.set) changed.assign(text, "--set");
  const std::vector<Field> was = stored.keys(), now = changed.keys();
  for (size_t i = 0; i < was.size(); ++i) check(was[i].key, was[i].value, now[i].value);
}

}  // namespace

AgentConfig::AgentConfig(const std::string& name, const std::string& where)
    : entry(&rl::find_agent(name)),
      environment(where.empty() ? rl::usual_environment(name) : where),
      agent(entry->make()) {
  const std::vector<std::string>& known = rl::environment_names();
  LAT_CHECK(std::find(known.begin(), known.end(), environment) != known.end(), Code::usage, "--env",
            "no environment is called '", environment, "'.", suggestion(environment, known),
            "  (latent config list)");
  const rl::Preset* preset = rl::find_preset(name, environment);
  constexpr i64 kSteps = 100000;
  stop.steps = preset ? preset->steps : kSteps;
  if (preset)
    for (const auto& [key, value] : preset->keys)
      set(key, value, cat("preset ", name, " on ", environment));
}

AgentConfig AgentConfig::read(const std::string& name, const std::string& where) {
  if (!name.ends_with(".toml")) return AgentConfig(name, where);
  const auto keys = read_toml(name);
  std::map<std::string, std::string> own;
  for (const auto& [key, text] : keys)
    for (const char* known : {"preset", "env.name", "steps", "seed"})
      if (key == known) own[key] = text;
  AgentConfig c(own["preset"], where.empty() ? own["env.name"] : where);
  c.seed = static_cast<u64>(whole_number(name + ": seed", own["seed"], 0).value_or(0));
  if (const auto steps = whole_number(name + ": steps", own["steps"], 1)) c.stop.steps = steps;
  for (const auto& [key, text] : keys)
    if (!own.contains(key)) c.set(key, text, name);
  return c;
}

void AgentConfig::set(const std::string& key, const std::string& text, const std::string& from) {
  if (!agent->set(key, text) && !set_field(world_, "env", key, text)) {
    std::vector<std::string> names;
    for (const Field& f : keys()) names.push_back(f.key);
    fail(Code::usage, "", "unknown key '", key, "' (from ", from, ").", suggestion(key, names),
         " The keys:  latent config show ", entry->name);
  }
  origins_[key] = from;
}

void AgentConfig::assign(const std::string& text, const std::string& from) {
  const size_t equals = text.find('=');
  LAT_CHECK(equals != std::string::npos && equals > 0, Code::usage, "", "'", text, "' (from ", from,
            ") is no key=value");
  set(text.substr(0, equals), text.substr(equals + 1), from);
}

std::vector<Field> AgentConfig::keys() {
  std::vector<Field> out = agent->fields();
  for (const Field& f : list_fields(world_, "env")) out.push_back(f);
  return out;
}

std::string AgentConfig::origin(const std::string& key) const {
  const auto found = origins_.find(key);
  return found == origins_.end() ? "default" : found->second;
}

Json AgentConfig::json() {
  std::vector<Json::Member> values, ends;
  for (const Field& f : keys())
    values.push_back({f.key, Json::object({{"value", f.value}, {"origin", origin(f.key)}})});
  if (stop.steps) ends.push_back({"steps", *stop.steps});
  if (stop.seconds) ends.push_back({"seconds", *stop.seconds});
  return Json::object({{"format", 1},
                       {"program", cat("latent ", kVersion)},
                       {"agent", entry->name},
                       {"environment", environment},
                       {"seed", seed},
                       {"stop", Json::object(ends)},
                       {"keys", Json::object(values)}});
}

AgentConfig AgentConfig::open(const std::string& path) {
  const auto all = flat_json(path, read_file(path, kLongest));
  const std::string format = wanted(all, path, "format");
  LAT_CHECK(format == "1", Code::input, path, "was written as format ", format, "; this is latent ",
            kVersion, " (format 1). Newer files need a newer latent");
  AgentConfig c(wanted(all, path, "agent"), wanted(all, path, "environment"));
  c.seed = static_cast<u64>(parse_whole(cat(path, ": seed"), wanted(all, path, "seed"), 0, 9.2e18));
  c.stop = {};
  if (all.contains("stop/steps")) c.stop.steps = whole_number(path, all.at("stop/steps"), 1);
  if (all.contains("stop/seconds")) c.stop.seconds = seconds(path, all.at("stop/seconds"));
  for (const Field& f : c.keys()) {
    c.set(f.key, wanted(all, path, "keys/" + f.key + "/value"), "");
    c.origins_[f.key] = wanted(all, path, "keys/" + f.key + "/origin");
  }
  return c;
}

std::string AgentConfig::toml() {
  std::string out = cat("preset = \"", entry->name, "\"\n");
  if (stop.steps) out += cat("steps = ", *stop.steps, "\n");
  out += cat("seed = ", seed, "\n");
  std::string table;
  for (const Field& f : keys()) {
    const size_t dot = f.key.find('.');
    if (f.key.substr(0, dot) != table) {
      table = f.key.substr(0, dot);
      out += cat("\n[", table, "]\n");
      if (table == "env") out += cat("name = \"", environment, "\"\n");
    }
    std::string value = f.value;
    if (f.type == "text") value = "\"" + value + "\"";
    if (f.type == "yes or no") value = value == "yes" ? "true" : "false";
    std::string line = f.key.substr(dot + 1) + " = " + value;
    line.resize(std::max<size_t>(line.size() + 2, 24), ' ');
    out += line + "# " + f.help + "; " + origin(f.key) + "\n";
  }
  return out;
}

std::unique_ptr<rl::Training> AgentConfig::training(const Machine& machine) {
  LAT_CHECK(!machine.fast, Code::usage, "--numerics", "agents learn with exact numerics alone");
  const Context::Options options{.threads = machine.threads,
                                 .isa = machine.isa,
                                 .device = machine.device,
                                 .seed = seed,
                                 .eager = machine.eager};
  return std::make_unique<rl::Training>(
      options, *entry, std::move(agent), environment,
      rl::EnvironmentOptions{.hide_velocities = world_.hide_velocities, .limit = world_.limit});
}

bool is_agent_run(const std::string& what, const std::string& run) {
  if (!run.empty()) {
    std::error_code ignored;
    const std::string path = RunFolder::open(run) / "config.json";
    return fs::exists(path, ignored) &&
           flat_json(path, read_file(path, kLongest)).contains("agent");
  }
  std::string name = what;
  if (what.ends_with(".toml"))
    for (const auto& [key, text] : read_toml(what))
      if (key == "preset") name = text;
  const std::vector<rl::Entry>& all = rl::catalogue();
  return std::any_of(all.begin(), all.end(), [&](const rl::Entry& e) { return name == e.name; });
}

int train_agent(const AgentFlags& f) {
  const Machine machine = resolve(f.machine);
  const bool again = !f.resume.empty();
  LAT_CHECK(!again || f.out.empty(), Code::usage, "",
            "--resume goes on in its own folder; leave --out away");
  double spent = 0;
  std::optional<RunFolder> folder;
  if (again) folder = RunFolder::open(f.resume);
  AgentConfig config =
      again ? AgentConfig::open(*folder / "config.json") : AgentConfig::read(f.what, f.environment);
  if (again) {
    check_unchanged(f, config, folder->path());
  } else {
    for (const std::string& text : f.set) config.assign(text, "--set");
    if (const auto seed = whole_number("--seed", f.seed, 0)) config.seed = static_cast<u64>(*seed);
  }
  if (f.stop.steps || f.stop.seconds) config.stop = f.stop;
  const Json text = config.json();
  const std::string name = config.entry->name;
  const auto t = config.training(machine);
  if (again) {
    const std::string checkpoint = latest_checkpoint(folder->checkpoints());
    t->resume(folder->checkpoints());
    const Metadata meta = checkpoint_metadata(checkpoint);
    if (const auto found = meta.find("seconds"); found != meta.end())
      spent = parse_number(checkpoint, found->second, 0, 1e15);
    folder->trim_metrics(t->done());
    folder->write_config(text);
    folder->add_command(f.command);
  } else {
    folder = RunFolder::create(f.out, config.environment, name);
    folder->describe(text, name, f.command, config.environment, machine);
  }
  const rl::Environments& env = t->environments();
  say("latent ", kVersion, "  agent ", name, "  ", device_text(*t, machine), "  ",
      machine.numerics(), "  ->  ", folder->path());
  say("in     ", env.copies(), env.copies() == 1 ? " copy" : " copies", " of ", config.environment,
      "  sees ", env.observation().text(), "  takes ", env.action().text(), "  ",
      grouped(t->parameters()), " weights");
  if (again) say("from step ", grouped(t->done()));
  const i64 first = t->done();
  Loop loop(*t, *folder, config.stop, spent);
  const Clock::time_point begin = Clock::now();
  if (!loop.run()) return kInterrupted;
  const double took = since(begin);
  const double seconds = loop.spent();
  const rl::Episodes test = t->evaluate(kEpisodes);
  const double rate = took > 0 ? static_cast<double>(t->done() - first) / took : 0;
  AgentFigures figures = named(test);
  figures.emplace_back("steps_per_second", std::round(rate));
  std::vector<Json::Member> members;
  for (const auto& [key, value] : figures) members.push_back({key, value});
  folder->metric({{"step", t->done()}, {"test", Json::object(members)}});
  folder->state("FINISHED", "", t->done(), t->done());
  if (f.json)
    print(Json::object({{"run", folder->path()},
                        {"model", name},
                        {"data", config.environment},
                        {"seed", config.seed},
                        {"threads", machine.threads},
                        {"device", machine.device},
                        {"numerics", machine.numerics()},
                        {"steps", t->done()},
                        {"epochs", 0.0},
                        {"seconds", seconds},
                        {"parameters", t->parameters()},
                        {"hash", t->hash()},
                        {"test", Json::object(members)}})
              .line() +
          "\n");
  say_returns(test);
  say(grouped(t->done()), " steps in ", fixed(seconds, 1), " s   next   latent play ",
      folder->path());
  return 0;
}

LoadedAgent load_agent(const std::string& run, const MachineFlags& flags) {
  const Machine machine = resolve(flags);
  RunFolder folder = RunFolder::open(run);
  AgentConfig config = AgentConfig::open(folder / "config.json");
  latest_checkpoint(folder.checkpoints());  // told before anything is built
  auto t = config.training(machine);
  t->resume(folder.checkpoints());
  return {std::move(folder), std::move(t)};
}

AgentFigures eval_agent(const std::string& run, const MachineFlags& flags, bool json) {
  const LoadedAgent loaded = load_agent(run, flags);
  rl::Training& t = *loaded.training;
  const rl::Episodes e = t.evaluate(kEpisodes);
  const AgentFigures figures = named(e);
  std::vector<Json::Member> members;
  for (const auto& [key, value] : figures) members.push_back({key, value});
  if (json)
    print(Json::object({{"run", loaded.folder.path()},
                        {"model", t.entry().name},
                        {"data", t.environments().name()},
                        {"hash", t.hash()},
                        {"test", Json::object(members)}})
              .line() +
          "\n");
  say_returns(e);
  return figures;
}

}  // namespace lat::tools
