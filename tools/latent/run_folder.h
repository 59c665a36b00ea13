#pragma once
// The folder of a run: what it is, how to go on, what was measured.
//
//   README.txt  config.json  command.txt  env.json  data.json  state.json  metrics.jsonl  checks.json  ckpt/  images/
#include <string>
#include <vector>

#include "tools/latent/settings.h"

namespace lat::tools {

class RunFolder {
 public:
  // Makes `out`, or where it is "" the next runs/<data>-<preset>-NNNN (runs/demo-NNNN). Code::usage when `out` holds anything.
  static RunFolder create(const std::string& out, const std::string& data,
                          const std::string& preset);
  // An earlier run; "latest" is the one that runs/latest names. Code::input when it is no run.
  static RunFolder open(const std::string& path);

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  std::string checkpoints() const { return path_ + "/ckpt"; }

  // The files that say what this run is. `config` as Config::json gives it.
  void describe(const Json& config, const std::string& preset, const std::string& command,
                const std::string& data, const Machine& machine) const;
  // data.json, with digests: a fraction of a second for large sets.
  void describe_data(const DataSet& data) const;
  void describe_scenes(const rooms::Scenes& world) const;
  void describe_curves(const curves::Curves& world) const;
  // A further command that worked on this run.
  void add_command(const std::string& command) const;
  void write_config(const Json& config) const;
  // RUNNING, FINISHED, STOPPED or FAILED.
  void state(const std::string& word, const std::string& reason, i64 step, i64 saved) const;
  // Appends one line to metrics.jsonl.
  void metric(const std::vector<Json::Member>& members) const;
  // Drops what was measured after `step`, and a torn last line.
  void trim_metrics(i64 step) const;
  void checks(const std::vector<Json>& list) const;

 private:
  explicit RunFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// The config and the last checkpoint of a run, loaded.
struct LoadedRun {
  RunFolder folder;
  std::string preset, data;
  std::unique_ptr<models::Training> training;
};
// `data` and `data_path` replace the run's own where given.
LoadedRun load_run(const std::string& path, const MachineFlags& flags, const std::string& data = "",
                   const std::string& data_path = "");

// "AMD EPYC ..."
std::string cpu_name();

}  // namespace lat::tools
