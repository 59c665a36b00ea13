#include "tools/latent/run_folder.h"

#include <sys/utsname.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "engine/core/sha256.h"
#include "engine/data/file.h"
#include "tools/latent/agent_run.h"

namespace lat::tools {

namespace {

namespace fs = std::filesystem;

constexpr size_t kLongest = size_t{1} << 30;

// New files and lines that a killed run may lose: no sync. Checkpoints and state are written atomically.
void put(const std::string& path, const std::string& text, std::ios::openmode mode) {
  std::ofstream file(path, std::ios::binary | mode);
  file << text << std::flush;
  LAT_CHECK(file.good(), Code::machine, path,
            "cannot be written. Check the folder, its permissions and the free space");
}

std::string now() {
  const std::time_t t = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&t, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string next_name(const std::string& stem) {
  int last = 0;
  std::error_code ignored;
  for (const fs::directory_entry& e : fs::directory_iterator("runs", ignored)) {
    const std::string name = e.path().filename().string();
    if (!name.starts_with(stem + "-")) continue;
    const std::string digits = name.substr(stem.size() + 1);
    if (!digits.empty() && digits.size() < 9 &&
        digits.find_first_not_of("0123456789") == std::string::npos)
      last = std::max(last, std::stoi(digits));
  }
  char text[16];
  std::snprintf(text, sizeof text, "%04d", last + 1);
  return "runs/" + stem + "-" + text;
}

std::string hash_of(const Images& images) {
  Sha256 h;
  h.update(images.pixels.data(), images.pixels.size());
  h.update(images.labels.data(), images.labels.size() * sizeof(int32_t));
  return h.hex();
}

Json size_of_images(const Images& i) {
  return Json::object({{"n", i.n}, {"h", i.h}, {"w", i.w}, {"c", i.c}, {"sha256", hash_of(i)}});
}

}  // namespace

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name") && line.find(": ") != std::string::npos)
      return line.substr(line.find(": ") + 2);
  }
  utsname system{};
  return ::uname(&system) == 0 ? system.machine : "unknown";
}

RunFolder RunFolder::create(const std::string& out, const std::string& data,
                            const std::string& preset) {
  if (!out.empty()) {
    std::error_code ignored;
    LAT_CHECK(!fs::exists(out, ignored) || fs::is_empty(out, ignored), Code::usage, "--out " + out,
              "there is something already. Name another folder, or go on with that run:  latent "
              "train --resume ",
              out);
    make_folder(out + "/ckpt");
    make_folder(out + "/images");
    return RunFolder(out);
  }
  make_folder("runs");
  for (int attempt = 0; attempt < 100; ++attempt) {  // others may take a name at the same time
    const std::string path = next_name(preset == "demo" ? preset : data + "-" + preset);
    std::error_code failure;
    if (!fs::create_directory(path, failure)) {
      LAT_CHECK(!failure, Code::machine, path, "cannot be made: ", failure.message(),
                ". Check the folder and its permissions, or give --out DIR");
      continue;
    }
    make_folder(path + "/ckpt");
    make_folder(path + "/images");
    put("runs/latest", path + "\n", std::ios::trunc);
    return RunFolder(path);
  }
  fail(Code::machine, "runs", "no free name was found. Give --out DIR");
}

RunFolder RunFolder::open(const std::string& given) {
  std::string path = given;
  std::error_code ignored;
  if (given == "latest" && !fs::exists(given, ignored) && fs::exists("runs/latest", ignored)) {
    path = read_file("runs/latest", 4096);
    path.erase(path.find_last_not_of(" \n") + 1);
  }
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  LAT_CHECK(fs::is_directory(path, ignored), Code::input, path,
            "there is no such folder. Name the folder of a run, like runs/shapes-vae-0001");
  LAT_CHECK(fs::exists(path + "/config.json", ignored), Code::input, path,
            "is no run: it has no config.json");
  return RunFolder(path);
}

void RunFolder::describe(const Json& config, const std::string& preset, const std::string& command,
                         const std::string& data, const Machine& machine) const {
  put(*this / "README.txt",
      cat("A run of latent ", kVersion, ": preset ", preset, " on ", data, ".\n\n",
          "go on     latent train --resume ", path_, " --steps N\n", "figures   latent eval ",
          path_, "\n", "pictures  latent sample ", path_, "    latent traverse ", path_, "\n\n",
          "config.json    every value and where it came from\n"
          "command.txt    what was typed\n"
          "env.json       the machine; data.json: the data with its SHA-256\n"
          "state.json     RUNNING, FINISHED, STOPPED or FAILED\n"
          "metrics.jsonl  one JSON object a line; the first says what the names mean\n"
          "ckpt/          weights and optimiser as safetensors; index.json names the newest\n"),
      std::ios::trunc);
  write_config(config);
  put(*this / "command.txt", command + "\n", std::ios::trunc);
  utsname system{};
  ::uname(&system);
  put(*this / "env.json",
      Json::object({{"version", kVersion},
                    {"compiler", __VERSION__},
                    {"system", cat(system.sysname, " ", system.release, " ", system.machine)},
                    {"cpu", cpu_name()},
                    {"isa", kernels::isa_name(machine.isa)},
                    {"threads", machine.threads},
                    {"device", machine.device},
                    {"numerics", machine.numerics()},
                    {"started", now()}})
          .pretty(),
      std::ios::trunc);
  put(*this / "metrics.jsonl",
      Json::object({{"schema", 1},
                    {"unit", "nats per image"},
                    {"train", "means over the last batch: the loss's terms"},
                    {"test", "held-out figures: elbo = -(recon + kl), on `examples` images"},
                    {"step", "steps done"},
                    {"seconds", "of training"}})
              .line() +
          "\n",
      std::ios::trunc);
}

void RunFolder::describe_data(const DataSet& data) const {
  put(*this / "data.json",
      Json::object({{"name", data.name},
                    {"source", data.source},
                    {"files", data.files},
                    {"values", "pixel / 255"},
                    {"train", size_of_images(data.train)},
                    {"test", size_of_images(data.test)}})
          .pretty(),
      std::ios::trunc);
}

void RunFolder::describe_scenes(const rooms::Scenes& world) const {
  put(*this / "data.json",
      Json::object({{"name", world.world},
                    {"source", "drawn while training goes on, from the seed; no scene twice"},
                    {"seed", world.seed},
                    {"objects_from", world.room.min_objects},
                    {"objects_to", world.room.max_objects},
                    {"values", "colour in [0, 1]"}})
          .pretty(),
      std::ios::trunc);
}

void RunFolder::describe_curves(const curves::Curves& world) const {
  put(*this / "data.json",
      Json::object({{"name", "curves"},
                    {"source", "drawn while training goes on, from the seed; no curve twice"},
                    {"seed", world.seed},
                    {"length", world.process.length},
                    {"scale", world.process.scale},
                    {"noise", world.process.noise},
                    {"from", world.from},
                    {"to", world.to}})
          .pretty(),
      std::ios::trunc);
}

void RunFolder::write_config(const Json& config) const {
  put(*this / "config.json", config.pretty(), std::ios::trunc);
}

void RunFolder::add_command(const std::string& command) const {
  put(*this / "command.txt", command + "\n", std::ios::app);
}

void RunFolder::state(const std::string& word, const std::string& reason, i64 step,
                      i64 saved) const {
  write_file_atomic(*this / "state.json", Json::object({{"state", word},
                                                        {"reason", reason},
                                                        {"step", step},
                                                        {"last_checkpoint", saved},
                                                        {"heartbeat", now()}})
                                              .pretty());
}

void RunFolder::metric(const std::vector<Json::Member>& members) const {
  put(*this / "metrics.jsonl", Json::object(members).line() + "\n", std::ios::app);
}

void RunFolder::trim_metrics(i64 step) const {
  const std::string path = *this / "metrics.jsonl";
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return;
  const std::string text = read_file(path, kLongest), key = "\"step\": ";
  std::string kept;
  for (size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string line = text.substr(at, end - at + 1);
    const size_t number = line.find(key);
    const i64 then =
        number == std::string::npos ? 0 : std::atoll(line.c_str() + number + key.size());
    if (then <= step) kept += line;
  }
  if (kept != text) write_file_atomic(path, kept);
}

void RunFolder::checks(const std::vector<Json>& list) const {
  std::vector<Json::Member> members;
  for (const Json& check : list) members.push_back({std::to_string(members.size() + 1), check});
  put(*this / "checks.json", Json::object(members).pretty(), std::ios::trunc);
}

LoadedRun load_run(const std::string& path, const MachineFlags& flags, const std::string& data,
                   const std::string& data_path) {
  LAT_CHECK(!path.empty(), Code::usage, "",
            "no run is named. Give its folder, like runs/shapes-vae-0001, or latest");
  const Machine machine = resolve(flags);
  RunFolder folder = RunFolder::open(path);
  LAT_CHECK(!is_agent_run("", folder.path()), Code::usage, folder.path(),
            "is the run of an agent: latent eval and latent play know what to do with it");
  Config config = Config::read(folder / "config.json");
  config.set_data(data, data_path, "command line");
  latest_checkpoint(folder.checkpoints());  // told before the data are read
  std::string preset = config.preset().name, name = config.data;
  auto training = make_training(config, machine);
  training->load(folder.checkpoints());
  return {std::move(folder), std::move(preset), std::move(name), std::move(training)};
}

}  // namespace lat::tools
