#include "tools/latent/settings.h"

#include <algorithm>
#include <filesystem>

#include "engine/data/file.h"
#include "models/image_training.h"
#include "tools/latent/args.h"
#include "tools/latent/toml.h"

namespace lat::tools {

namespace {

namespace fs = std::filesystem;

constexpr size_t kLongest = 1 << 20;

template <class T>
T wanted(const std::map<std::string, std::string>& all, const std::string& path,
         const std::string& key, T (*parse)(const std::string&)) {
  const auto found = all.find(key);
  LAT_CHECK(found != all.end(), Code::input, path, "has no '", key,
            "'; it was not written by this program or is damaged");
  return parse(found->second);
}

std::string same(const std::string& text) { return text; }

}  // namespace

Config::Config(const Preset& preset)
    : data(preset.data), model(models::find_model(preset.model).make()), preset_(&preset) {
  stop.steps = preset.steps;
  for (const auto& [key, value] : preset.keys) set(key, value, cat("preset ", preset.name));
}

std::vector<Field> Config::keys() {
  std::vector<Field> out = model->fields();
  for (const Field& f : list_fields(train, "train")) out.push_back(f);
  for (const Field& f : list_fields(options_, "data")) out.push_back(f);
  return out;
}

std::string Config::origin(const std::string& key) const {
  const auto found = origins_.find(key);
  return found == origins_.end() ? "default" : found->second;
}

void Config::set(const std::string& key, const std::string& text, const std::string& origin) {
  if (!model->set(key, text) && !set_field(train, "train", key, text) &&
      !set_field(options_, "data", key, text)) {
    std::vector<std::string> names;
    for (const Field& f : keys()) names.push_back(f.key);
    const std::string near = nearest(key, names);
    fail(Code::usage, "", "unknown key '", key, "' (from ", origin, ").", suggestion(key, names),
         near.empty() ? cat(" The keys:  latent config show ", preset_->name)
                      : "  (latent config explain " + near + ")");
  }
  origins_[key] = origin;
}

void Config::assign(const std::string& text, const std::string& origin) {
  const size_t equals = text.find('=');
  LAT_CHECK(equals != std::string::npos && equals > 0, Code::usage, "", "'", text, "' (from ",
            origin, ") is no key=value");
  set(text.substr(0, equals), text.substr(equals + 1), origin);
}

void Config::set_data(const std::string& name, const std::string& path, const std::string& origin) {
  if (name.empty() && path.empty()) return;
  if (!path.empty()) data_path = path;
  if (!name.empty()) {
    data = name;
  } else if (data == "shapes" || data == "digits") {  // these two come from no folder
    data = fs::path(path).filename().empty() ? fs::path(path).parent_path().filename().string()
                                             : fs::path(path).filename().string();
    if (data.empty() || data == "shapes" || data == "digits") data = "files";
  }
  data_origin = origin;
}

DataSet Config::load() const {
  return load_data(data, {.path = data_path,
                          .limit = options_.limit,
                          .size = options_.size,
                          .upright = options_.upright});
}

DataSet Config::load_whole() const {
  const std::vector<std::string> names = data_names();
  LAT_CHECK(!data_path.empty() || std::find(names.begin(), names.end(), data) != names.end(),
            Code::usage, "--data", "'", data,
            "' holds neither curves nor images; this model learns from 'curves' or images");
  return load_data(data, {.path = data_path,
                          .limit = options_.limit,
                          .size = data == "shapes" ? options_.size : 0,
                          .upright = options_.upright});
}

rooms::Scenes Config::world() const {
  const std::vector<std::string> worlds = rooms::world_names();
  LAT_CHECK(std::find(worlds.begin(), worlds.end(), data) != worlds.end(), Code::usage, "--data",
            "'", data, "' holds no scenes.", suggestion(data, worlds));
  rooms::Scenes world;
  world.world = data;
  if (options_.objects > 0) world.room.min_objects = world.room.max_objects = options_.objects;
  if (options_.radius > 0) {
    world.room.max_radius = static_cast<float>(options_.radius);
    world.room.min_radius = 0.75f * world.room.max_radius;
  }
  return world;
}

models::SceneExample Config::scenes() const {
  constexpr i64 kSize = 64;
  return {options_.size > 0 ? options_.size : kSize, options_.contexts};
}

models::CurveExample Config::points(i64 places) const {
  models::CurveExample e;
  e.places = places;
  e.contexts = options_.contexts;
  e.least = std::min(e.least, e.contexts);
  e.targets = options_.targets;
  return e;
}

Json Config::json() {
  std::vector<Json::Member> values, ends;
  for (const Field& f : keys())
    values.push_back({f.key, Json::object({{"value", f.value}, {"origin", origin(f.key)}})});
  if (stop.steps) ends.push_back({"steps", *stop.steps});
  if (stop.epochs) ends.push_back({"epochs", *stop.epochs});
  if (stop.seconds) ends.push_back({"seconds", *stop.seconds});
  return Json::object(
      {{"format", 1},
       {"program", cat("latent ", kVersion)},
       {"preset", preset_->name},
       {"model", preset_->model},
       {"seed", seed},
       {"data", Json::object({{"name", data}, {"path", data_path}, {"origin", data_origin}})},
       {"stop", Json::object(ends)},
       {"keys", Json::object(values)}});
}

Config Config::read(const std::string& path) {
  const auto all = flat_json(path, read_file(path, kLongest));
  const std::string format = wanted(all, path, "format", same);
  LAT_CHECK(format == "1", Code::input, path, "was written as format ", format, "; this is latent ",
            kVersion, " (format 1). Newer files need a newer latent");
  Config c(find_preset(wanted(all, path, "preset", same)));
  c.data = wanted(all, path, "data/name", same);
  c.data_path = wanted(all, path, "data/path", same);
  c.data_origin = wanted(all, path, "data/origin", same);
  c.seed = static_cast<u64>(
      parse_whole(cat(path, ": seed"), wanted(all, path, "seed", same), 0, 9.2e18));
  c.stop = {};
  if (all.contains("stop/steps")) c.stop.steps = whole_number(path, all.at("stop/steps"), 1);
  if (all.contains("stop/epochs")) c.stop.epochs = whole_number(path, all.at("stop/epochs"), 1);
  if (all.contains("stop/seconds")) c.stop.seconds = tools::seconds(path, all.at("stop/seconds"));
  for (const Field& f : c.keys()) {
    c.set(f.key, wanted(all, path, "keys/" + f.key + "/value", same), "");
    c.origins_[f.key] = wanted(all, path, "keys/" + f.key + "/origin", same);
  }
  return c;
}

Config read_config(const std::string& name) {
  if (!name.ends_with(".toml")) {
    LAT_CHECK(name.find('/') == std::string::npos, Code::usage, "", "'", name,
              "' is neither a preset (latent config list) nor a .toml file");
    return Config(find_preset(name));
  }
  const auto keys = read_toml(name);
  std::map<std::string, std::string> own;  // the keys that are no settings
  for (const auto& [key, text] : keys) {
    for (const char* known : {"preset", "steps", "epochs", "seed", "data.name", "data.path"}) {
      if (key == known) own[key] = text;
    }
  }
  LAT_CHECK(own.contains("preset"), Code::usage, name,
            "names no preset; expected a first line like  preset = \"vae\"");
  Config c(find_preset(own["preset"]));
  c.set_data(own["data.name"], own["data.path"], name);
  c.seed = static_cast<u64>(whole_number(name + ": seed", own["seed"], 0).value_or(0));
  const auto steps = whole_number(name + ": steps", own["steps"], 1);
  const auto epochs = whole_number(name + ": epochs", own["epochs"], 1);
  LAT_CHECK(!steps || !epochs, Code::usage, name, "gives both steps and epochs; give one");
  if (steps || epochs) c.stop = {steps, epochs, {}};
  for (const auto& [key, text] : keys) {
    if (!own.contains(key)) c.set(key, text, name);
  }
  return c;
}

std::string toml_text(Config& c) {
  std::string out = cat("# ", c.preset().help, "\npreset = \"", c.preset().name, "\"\n");
  if (c.stop.steps) out += cat("steps = ", *c.stop.steps, "\n");
  if (c.stop.epochs) out += cat("epochs = ", *c.stop.epochs, "\n");
  out += cat("seed = ", c.seed, "\n");
  std::string table;
  for (const Field& f : c.keys()) {
    const size_t dot = f.key.find('.');
    if (f.key.substr(0, dot) != table) {
      table = f.key.substr(0, dot);
      out += cat("\n[", table, "]\n");
      if (table == "data") out += cat("name = \"", c.data, "\"\n");
    }
    std::string value = f.value;
    if (f.type == "text") value = "\"" + value + "\"";
    if (f.type == "yes or no") value = value == "yes" ? "true" : "false";
    std::string line = f.key.substr(dot + 1) + " = " + value;
    line.resize(std::max<size_t>(line.size() + 2, 24), ' ');
    out += line + "# " + f.help + "; " + c.origin(f.key) + "\n";
  }
  return out;
}

Machine resolve(const MachineFlags& flags) {
  Machine m;
  m.threads = static_cast<int>(
      parse_whole("--threads",
                  flags.threads.empty() ? std::to_string(usable_cores()) : flags.threads, 1, 1024));
  m.eager = flags.eager;
  const std::vector<std::string> devices{"auto", "cpu", "cuda", "emulated"};
  LAT_CHECK(flags.device.starts_with("cuda:") ||
                std::find(devices.begin(), devices.end(), flags.device) != devices.end(),
            Code::usage, "--device", "'", flags.device,
            "' is none of auto, cpu, cuda, cuda:N, emulated.", suggestion(flags.device, devices));
  m.fast = flags.numerics == "fast";
  m.device = flags.device;
  if (flags.device == "auto") m.device = Accelerator::best();
  LAT_CHECK(m.fast || flags.numerics == "exact", Code::usage, "--numerics", "'", flags.numerics,
            "' is neither exact nor fast.", suggestion(flags.numerics, {"exact", "fast"}));
  if (flags.isa.empty()) return m;
  std::string names, here;
  bool known = false;
  for (const kernels::Isa isa :
       {kernels::Isa::v2, kernels::Isa::v3, kernels::Isa::v4, kernels::Isa::neon}) {
    const std::string name = kernels::isa_name(isa);
    names += (names.empty() ? "" : ", ") + name;
    if (kernels::has_isa(isa)) here += (here.empty() ? "" : ", ") + name;
    if (flags.isa == name) known = true, m.isa = isa;
  }
  LAT_CHECK(known, Code::usage, "--isa", "'", flags.isa, "' is none of ", names);
  LAT_CHECK(kernels::has_isa(m.isa), Code::machine, "--isa " + flags.isa,
            "this machine cannot run it; here are ", here, ". Leave the flag out for the best");
  return m;
}

std::unique_ptr<models::Training> make_training(Config& config, const Machine& machine) {
  const Context::Options options{.threads = machine.threads,
                                 .isa = machine.isa,
                                 .device = machine.device,
                                 .seed = config.seed,
                                 .fast = machine.fast,
                                 .eager = machine.eager};
  if (auto images = models::cast<models::ImageModel>(config.model))
    return std::make_unique<models::ImageTraining>(options, std::move(images), config.load(),
                                                   config.train);
  if (auto scenes = models::cast<models::SceneModel>(config.model))
    return std::make_unique<models::SceneTraining>(options, std::move(scenes), config.world(),
                                                   config.scenes(), config.train);
  if (auto functions = models::cast<models::CurveModel>(config.model)) {
    if (config.data == "curves")
      return std::make_unique<models::CurveTraining>(
          options, std::move(functions), curves::Curves{}, config.points(1), config.train);
    return std::make_unique<models::CompletionTraining>(options, std::move(functions),
                                                        config.load_whole(), config.size(),
                                                        config.points(2), config.train);
  }
  fail(Code::unsupported, "train", "no data fit the model '", config.preset().model, "'");
}

}  // namespace lat::tools
