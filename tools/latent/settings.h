#pragma once
// The configuration of a run: every key with its value and where it came from. Precedence: default < preset < file <
// --set.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/completion_training.h"
#include "models/curve_training.h"
#include "models/scene_training.h"
#include "models/training.h"
#include "tools/latent/json.h"
#include "tools/latent/presets.h"

namespace lat::tools {

inline constexpr const char* kVersion = "0.1.0";

// Which data, and where a run stops. Totals.
struct Stop {
  std::optional<i64> steps, epochs;
  std::optional<double> seconds;
};

class Config {
 public:
  explicit Config(const Preset& preset);

  // One key by text. Code::usage for an unknown key, with the nearest one, or a value that does not fit.
  void set(const std::string& key, const std::string& text, const std::string& origin);
  // "key=value", as --set takes it.
  void assign(const std::string& text, const std::string& origin);
  // All keys: model.*, train.*, data.*
  std::vector<Field> keys();
  std::string origin(const std::string& key) const;

  Json json();
  // What json() wrote. Code::input where something is missing.
  static Config read(const std::string& path);

  // The data set, as the keys say.
  DataSet load() const;
  // The same where the data are scenes.
  rooms::Scenes world() const;
  models::SceneExample scenes() const;
  // The same where they are functions, of so many coordinates: curves, or images, which are made smaller afterwards.
  models::CurveExample points(i64 places) const;
  DataSet load_whole() const;
  i64 size() const { return options_.size; }
  // A folder of its own name when only a folder is given.
  void set_data(const std::string& name, const std::string& path, const std::string& origin);

  const Preset& preset() const { return *preset_; }
  std::string data, data_path, data_origin = "preset";
  u64 seed = 0;
  Stop stop;
  models::TrainConfig train;
  std::unique_ptr<models::Model> model;

 private:
  struct Data {
    i64 size = 0, limit = 0;
    i64 contexts = 4, targets = 20, objects = 0;
    double radius = 0;
    bool upright = false;
    template <class F>
    void fields(F&& f) {
      f("size", size, "pixels a side; 0: the set's own", 0, 8192);
      f("upright", upright, "shapes: none is turned");
      f("limit", limit, "at most so many training images; 0: all", 0, 1000000000);
      f("contexts", contexts,
        "scenes: the most views that are given; curves and completed images: the most points", 1,
        1024);
      f("targets", targets, "curves and completed images: points that are asked for", 1, 1024);
      f("objects", objects, "rooms: so many in each; 0: one to three", 0, 3);
      f("radius", radius,
        "rooms: of the largest objects, the least being 3/4 of it; 0: 0.45 to 0.75", 0, 1.2);
    }
  };
  const Preset* preset_;
  Data options_;
  std::map<std::string, std::string> origins_;
};

// A preset's name or a .toml file:
//
//   preset = "vae"          # everything else is optional
//   steps = 3000
//   seed = 1
//   [data]
//   name = "digits"
//   [model]
//   latent = 16
Config read_config(const std::string& preset_or_file);

// The same as a .toml file with comments, to start one's own from.
std::string toml_text(Config& config);

// What a run needs of the machine.
struct Machine {
  int threads = 1;
  kernels::Isa isa = kernels::best_isa();
  std::string device = "cpu";
  bool eager = false, fast = false;
  const char* numerics() const { return fast ? "fast" : "exact"; }
};
struct MachineFlags {
  std::string threads, device = "auto", numerics = "exact", isa;
  bool eager = false;
};
// Code::usage for unknown words, Code::machine for what this machine or build lacks.
Machine resolve(const MachineFlags& flags);

// Builds model, data and optimiser. The config's model moves into it.
std::unique_ptr<models::Training> make_training(Config& config, const Machine& machine);

}  // namespace lat::tools
