// latent doctor: this machine, and what to do about what is missing.
#include <sys/statvfs.h>

#include <filesystem>
#include <fstream>

#include "engine/core/accelerator.h"
#include "engine/data/file.h"
#include "tools/latent/commands.h"
#include "tools/latent/run_folder.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

namespace {

namespace fs = std::filesystem;

// Bytes of a line of /proc/meminfo; 0 where there is none.
uint64_t memory(const std::string& name) {
  std::ifstream info("/proc/meminfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with(name + ":")) return std::stoull(line.substr(name.size() + 1)) * 1024;
  }
  return 0;
}

std::string isas() {
  std::string out;
  for (const kernels::Isa isa :
       {kernels::Isa::v2, kernels::Isa::v3, kernels::Isa::v4, kernels::Isa::neon}) {
    if (kernels::has_isa(isa)) out += cat(out.empty() ? "" : " ", kernels::isa_name(isa));
  }
  return out;
}

std::string disk() {
  struct statvfs s {};
  if (::statvfs(".", &s) != 0) return "unknown";
  return size_text(uint64_t{s.f_bavail} * s.f_frsize) + " free here";
}

}  // namespace

int doctor(const Args& args) {
  bool json = false;
  if (!parse_options("doctor", "This machine, and what to do about what is missing.",
                     {{"--json", &json, "one line on standard output"}}, args))
    return 0;
  std::error_code ignored;
  const bool driver = fs::exists("/proc/driver/nvidia/version", ignored);
  std::string gpu;  // its name, or what it lacks
  const auto device = open_device("cuda", &gpu);
  if (device) gpu = device->name();
  std::vector<Json::Member> sets;
  std::string lines;
  for (const std::string& name : data_names()) {
    std::string line = "data     " + name;
    line.resize(24, ' ');
    try {
      const DataSet d = load_data(name, {.limit = 1});
      lines += line + (d.files.empty() ? "built in" : fs::path(d.files[0]).parent_path().string()) +
               "\n";
      sets.push_back({name, true});
    } catch (const Error& e) {
      lines += line + "missing. " + e.what() + "\n";
      sets.push_back({name, false});
    }
  }
  if (json) {
    print(Json::object({{"version", kVersion},
                        {"cpu", cpu_name()},
                        {"isa", isas()},
                        {"isa_used", kernels::isa_name(kernels::best_isa())},
                        {"cores", usable_cores()},
                        {"memory", memory("MemTotal")},
                        {"memory_free", memory("MemAvailable")},
                        {"gpu_driver", driver},
                        {"cuda", device != nullptr},
                        {"gpu", gpu},
                        {"data", Json::object(sets)}})
              .line() +
          "\n");
    return 0;
  }
  print(cat("latent   ", kVersion, "\nCPU      ", cpu_name(), "\nISA      ", isas(),
            "; used: ", kernels::isa_name(kernels::best_isa()), "\ncores    ", usable_cores(),
            " usable\nmemory   ", size_text(memory("MemTotal")), ", ",
            size_text(memory("MemAvailable")), " free\ndisk     ", disk(), "\n"));
  print(cat("GPU      ", gpu, "\n", lines));
  return 0;
}

}  // namespace lat::tools
