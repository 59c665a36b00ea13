// latent config: presets, their keys, what a key means.
#include <algorithm>

#include "tools/latent/agent_run.h"
#include "tools/latent/commands.h"
#include "tools/latent/settings.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

namespace {

std::string padded(std::string text, size_t width) {
  text.resize(std::max(text.size() + 1, width), ' ');
  return text;
}

void list_agents() {
  print("\nagents, and environments that they have settings for (--env):\n");
  for (const rl::Entry& e : rl::catalogue()) {
    std::string where;
    for (const rl::Preset& p : rl::presets())
      if (std::string(p.agent) == e.name)
        where += cat(where.empty() ? "" : ", ", p.environment, " ", grouped(p.steps));
    print(padded(e.name, 20) + padded(where.empty() ? "-" : where, 20) + "\n");
    print(padded("", 20) + e.source + "\n");
  }
  std::string all;
  for (const std::string& name : rl::environment_names()) all += (all.empty() ? "" : ", ") + name;
  print("environments: " + all + "\n");
}

void list() {
  for (const Preset& p : presets()) {
    print(padded(p.name, 14) + padded(cat("on ", p.data), 12) +
          padded(cat(grouped(p.steps), " steps"), 14) + p.help + "\n");
    print(padded("", 14) + models::find_model(p.model).source + "\n");
  }
  list_agents();
}

void explain(const std::string& key) {
  std::vector<std::string> names;
  std::string text, values;
  for (const Preset& p : presets()) {
    Config c(p);
    for (const Field& f : c.keys()) {
      if (std::find(names.begin(), names.end(), f.key) == names.end()) names.push_back(f.key);
      if (f.key != key) continue;
      const std::string line = cat(key, ": ", f.help, "; ", f.type, "\n");
      if (text.find(line) == std::string::npos) text += line;
      values += padded("  " + std::string(p.name), 16) + padded(f.value, 12) + c.origin(key) + "\n";
    }
  }
  for (const rl::Entry& e : rl::catalogue()) {
    AgentConfig c(e.name, "");
    for (const Field& f : c.keys()) {
      if (std::find(names.begin(), names.end(), f.key) == names.end()) names.push_back(f.key);
      if (f.key != key) continue;
      const std::string line = cat(key, ": ", f.help, "; ", f.type, "\n");
      if (text.find(line) == std::string::npos) text += line;
      values += padded("  " + std::string(e.name), 22) + padded(f.value, 12) + c.origin(key) + "\n";
    }
  }
  LAT_CHECK(!text.empty(), Code::usage, "", "unknown key '", key, "'.", suggestion(key, names),
            "  (latent config show PRESET lists them)");
  print(text + values);
}

}  // namespace

int config(const Args& args) {
  std::string action, name, environment;
  if (!parse_options("config", "Presets and their keys.",
                     {{"ACTION", &action, "list, show or explain"},
                      {"NAME", &name, "show: a preset; explain: a key like model.latent"},
                      {"--env", &environment, "show: the environment of an agent's settings"}},
                     args))
    return 0;
  const std::vector<std::string> actions{"list", "show", "explain"};
  LAT_CHECK(std::find(actions.begin(), actions.end(), action) != actions.end(), Code::usage, "",
            action.empty() ? "expected" : cat("'", action, "' is none of"),
            " list, show PRESET, explain KEY.", suggestion(action, actions));
  if (action == "list") {
    list();
    return 0;
  }
  LAT_CHECK(!name.empty(), Code::usage, "", "expected:  latent config ", action,
            action == "show" ? " PRESET" : " KEY");
  if (action == "explain") {
    explain(name);
  } else if (is_agent_run(name, "")) {
    print(AgentConfig::read(name, environment).toml());
  } else {
    LAT_CHECK(environment.empty(), Code::usage, "--env", "'", name,
              "' is a model, not an agent; an environment is for agents  (latent config list)");
    Config c = read_config(name);
    print(toml_text(c));
  }
  return 0;
}

}  // namespace lat::tools
