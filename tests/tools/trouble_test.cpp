// Full disks, folders that refuse, runs that diverge or are killed, damaged files: what the program then says, its exit
// code, and what stands on the disk afterwards.
#include <dlfcn.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "tests/tools/program.h"

namespace {

using namespace lat::test;
using namespace std::chrono_literals;

// Waits for a file of a running program; false after 20 s, or when the program has ended.
bool appears(const std::string& path, pid_t child) {
  for (int i = 0; i < 40'000; ++i) {
    if (fs::exists(path)) return true;
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == child)
      return fs::exists(path);
    std::this_thread::sleep_for(500us);
  }
  return false;
}

// Every file below the folder with its bytes.
std::vector<std::pair<std::string, std::string>> contents(const std::string& folder) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const fs::directory_entry& e : fs::recursive_directory_iterator(folder)) {
    if (e.is_regular_file()) out.emplace_back(e.path().string(), get(e.path().string()));
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool has_temporary(const std::string& folder) {
  for (const fs::directory_entry& e : fs::recursive_directory_iterator(folder)) {
    if (contains(e.path().filename().string(), ".tmp")) return true;
  }
  return false;
}

void check_parts(const Outcome& o, int code, std::initializer_list<std::string> parts) {
  CHECK_MESSAGE(o.code == code, o.code, " ", o.err);
  CHECK(o.out == "");
  for (const std::string& part : parts)
    CHECK_MESSAGE(contains(o.err, part), "'", o.err, "' lacks '", part, "'");
}

Start with_file_limit(rlim_t bytes) {
  return {.before = [=] {
    const rlimit limit{bytes, bytes};
    return ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
  }};
}

// A disk of its own for the program: a memory file system over the folder `at`.
Start with_disk(const std::string& at, const std::string& size, bool read_only) {
  return {.before = [=] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, "") != 0)
      return false;
    const unsigned long flags = read_only ? MS_RDONLY : 0;
    return ::mount("none", at.c_str(), "tmpfs", flags, ("size=" + size).c_str()) == 0;
  }};
}

// Compresses a file in its place.
void pack(const std::string& path) {
  const std::string bytes = get(path);
  const gzFile file = ::gzopen(path.c_str(), "wb");
  REQUIRE(file != nullptr);
  CHECK(::gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())) > 0);
  REQUIRE(::gzclose(file) == Z_OK);
}

constexpr int kNotBegun = 126;

Words steps(int n) { return {"--steps", std::to_string(n)}; }
Words resumed(int n) { return Words{"train", "--resume", "r", "--json"} + steps(n); }

}  // namespace

TEST_CASE("a write that fails while saving: exit code 4, the checkpoint before is whole") {
  const Folder in;
  const std::string straight = hash_of(in, tiny("vae") + steps(9) + Words{"--out", "straight"});
  check_parts(run(in, tiny("vae") + steps(5) + Words{"--out", "none"}, with_file_limit(16'000)), 4,
              {"step-00000005/model.safetensors", "over the file size limit", "ulimit -f",
               "no checkpoint was written"});
  CHECK(value(get(in / "none/state.json"), "state") == "FAILED");
  CHECK(fs::is_empty(in / "none/ckpt"));

  REQUIRE(run(in, tiny("vae") + steps(5) + Words{"--out", "r"}).code == 0);
  check_parts(run(in, resumed(9), with_file_limit(16'000)), 4,
              {"step-00000009/model.safetensors", "the checkpoint of step 5 is whole",
               "latent train --resume r"});
  const std::string state = get(in / "r/state.json");
  CHECK(value(state, "state") == "FAILED");
  CHECK(contains(value(state, "reason"), "over the file size limit"));
  CHECK(value(state, "last_checkpoint") == "5");
  CHECK(!fs::exists(in / "r/ckpt/step-00000009"));
  CHECK(!has_temporary(in / "r"));
  CHECK(run(in, {"eval", "r"}).code == 0);
  CHECK(hash_of(in, resumed(9)) == straight);
}

TEST_CASE("disks that are full or read-only: exit code 4, what is missing and what to do") {
  const Folder in;
  fs::create_directory(in / "disk");
  REQUIRE(run(in, tiny("vae") + steps(2) + Words{"--out", "r"}).code == 0);
  const Words words = tiny("vae") + steps(5) + Words{"--out", "disk/r"};
  const Outcome full = run(in, words, with_disk(in / "disk", "64k", false));
  if (full.code == kNotBegun) {
    MESSAGE("SKIPPED: no right to mount, so no full and no read-only disk was tried");
    return;
  }
  check_parts(full, 4,
              {"cannot write disk/r/ckpt/step-00000005/", "disk full (needs ", " free)",
               "Free space", "training stopped at step 5; no checkpoint was written"});
  check_parts(run(in, words, with_disk(in / "disk", "12k", false)), 4, {"disk/r/", "free space"});
  check_refused(in, words, 4, {"disk/r", "read-only file system", "another one"},
                with_disk(in / "disk", "64k", true));
  for (const char* picture : {"sample", "reconstruct", "traverse"}) {
    check_refused(in, {picture, "r", "-o", "disk/p.png"}, 4, {"disk/p.png", "read-only"},
                  with_disk(in / "disk", "64k", true));
    check_refused(in, {picture, "r", "-o", "disk/p.png"}, 4, {"disk/p.png", "disk full"},
                  with_disk(in / "disk", "4k", false));
  }
}

TEST_CASE("a folder that may not be written: exit code 4") {
  const Folder in;
  fs::create_directory(in / "shut");
  const Start as_nobody{.before = [&] {
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) return false;
    return ::access((in / "shut").c_str(), X_OK) == 0;
  }};
  fs::permissions(in.path, fs::perms(0555));
  fs::permissions(in / "shut", fs::perms(0555));
  const Words words = tiny("vae") + steps(2);
  const Outcome named = run(in, words + Words{"--out", "shut/r"}, as_nobody);
  const Outcome unnamed = run(in, words, as_nobody);
  fs::permissions(in.path, fs::perms(0755));
  if (named.code == kNotBegun || named.code == 127) {
    MESSAGE("SKIPPED: root could not become another user who sees this folder and the program");
    return;
  }
  check_parts(named, 4, {"shut/r", "permission denied", "Change the permissions"});
  check_parts(unnamed, 4, {"runs", "permission denied", "Change the permissions"});
}

TEST_CASE("a run that diverges: exit code 1, FAILED with the op's name, the last good parameters") {
  const Folder in;
  check_parts(run(in, tiny("vae") + steps(500) + Words{"--set", "train.lr=10", "--out", "r"}), 1,
              {"gave a value that is not finite, first in op '", "--set train.lr",
               "training stopped at step "});
  const std::string state = get(in / "r/state.json");
  CHECK(value(state, "state") == "FAILED");
  CHECK(contains(value(state, "reason"), "not finite"));
  CHECK(value(state, "last_checkpoint") == value(state, "step"));
  const Outcome kept = run(in, {"eval", "r", "--json"});
  CHECK_MESSAGE(kept.code == 0, kept.err);
}

TEST_CASE("a second interrupt ends the program at once") {
  const Folder in;
  bool seen = false;  // the first may be obeyed before the second comes
  for (int attempt = 0; attempt < 8 && !seen; ++attempt) {
    fs::remove_all(in / "r");
    const pid_t child = start(in, {"train", "beta_vae", "--set", "data.limit=64", "--time", "10m",
                                   "--threads", "1", "--out", "r"});
    const bool begun = appears(in / "r/state.json", child);
    ::kill(child, SIGINT);
    std::this_thread::sleep_for(2ms);
    ::kill(child, SIGINT);
    const Outcome o = finish(in, child);
    REQUIRE(begun);
    CHECK(o.code == 130);
    CHECK(o.out == "");
    seen = value(get(in / "r/state.json"), "state") == "RUNNING" &&
           !fs::exists(in / "r/ckpt/index.json");
  }
  CHECK(seen);
  check_refused(in, {"train", "--resume", "r"}, 3, {"r/ckpt", "no finished checkpoint"});
}

TEST_CASE("kill -9 while saving: the checkpoint before, or the new one, is whole") {
  const Folder in;
  const Words wide = tiny("vae") + Words{"--set", "model.hidden=2000"};
  REQUIRE(run(in, wide + steps(3) + Words{"--out", "first"}).code == 0);
  int halfway = 0;
  for (int delay = 0; delay < 8; ++delay) {
    fs::remove_all(in / "r");
    fs::copy(in / "first", in / "r", fs::copy_options::recursive);
    const pid_t child = start(in, resumed(5));
    const bool begun = appears(in / "r/ckpt/step-00000005", child);
    std::this_thread::sleep_for(delay * 300us);
    ::kill(child, SIGKILL);
    finish(in, child);
    REQUIRE(begun);
    const std::string step = value(get(in / "r/ckpt/index.json"), "step");
    CHECK_MESSAGE((step == "3" || step == "5"), step);
    halfway += step == "3";
    const Outcome kept = run(in, {"eval", "r", "--json"});
    REQUIRE_MESSAGE(kept.code == 0, kept.err);
    const std::string hash = hash_of(in, resumed(7));
    fs::remove_all(in / "whole");
    CHECK(hash == hash_of(in, wide + steps(7) + Words{"--out", "whole"}));
    CHECK(!has_temporary(in / "r"));
  }
  CHECK(halfway > 0);
}

TEST_CASE("resume: a checkpoint that is damaged, cut or of another shape is refused, and kept") {
  const Folder in;
  REQUIRE(run(in, tiny("vae") + steps(2) + Words{"--out", "r"}).code == 0);
  const std::string step = in / "r/ckpt/step-00000002/";
  const auto check_damage = [&](const std::string& file, const std::string& bytes,
                                std::initializer_list<std::string> parts) {
    const std::string good = get(file);
    put(file, bytes);
    const auto before = contents(in / "r");
    check_refused(in, resumed(4), 3, parts);
    CHECK(contents(in / "r") == before);
    put(file, good);
  };
  for (const char* name : {"model.safetensors", "optimiser.safetensors"}) {
    const std::string good = get(step + name);
    REQUIRE(good.size() > 1000);
    check_damage(step + name, good.substr(0, good.size() / 2), {name, "damaged", "use another"});
    check_damage(step + name, "", {name});
    for (const size_t at : {size_t{1}, size_t{40}, good.size() / 2, good.size() - 1}) {
      std::string flipped = good;
      flipped[at] = static_cast<char>(flipped[at] ^ 16);
      check_damage(step + name, flipped, {name});
    }
    fs::rename(step + name, in / "away");
    check_refused(in, resumed(4), 3, {name, "no such file"});
    fs::rename(in / "away", step + name);
  }
  check_damage(in / "r/ckpt/index.json", "{\"latest\": \"step-0", {"index.json", "step-..."});
  check_damage(in / "r/ckpt/index.json", "{\"latest\": \"step-00000009\", \"step\": 9}\n",
               {"step-00000009", "no such file"});
  std::string wider = get(in / "r/config.json");
  wider.replace(wider.find("\"32\""), 4, "\"48\"");
  check_damage(in / "r/config.json", wider, {"(64,32)", "(64,48)", "config.json"});
  CHECK(run(in, resumed(4)).code == 0);
}

TEST_CASE("images with a flipped bit, plain and compressed, are refused by name") {
  const Folder in;
  fs::create_directory(in / "mine");
  const Words words{"train",   "vae", "--data-path", "mine",
                    "--steps", "2",   "--set",       "train.batch=16"};
  for (const std::string name : {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"}) {
    const std::string file = in / "mine/" + name;
    const bool packed = name.ends_with(".gz");
    lat::write_idx(file, bytes_of({80, 8, 8}));
    if (packed) pack(file);
    const std::string good = get(file);
    // The type, the number of extents, an extent; of a gzip file its mark, its contents, its checksum.
    const std::vector<size_t> places =
        packed ? std::vector<size_t>{0, good.size() / 2, good.size() - 6}
               : std::vector<size_t>{0, 2, 3, 4, 6};
    for (const size_t at : places) {
      std::string flipped = good;
      flipped[at] = static_cast<char>(flipped[at] ^ 64);
      put(file, flipped);
      check_refused(in, words, 3, {name});
    }
    put(file, good.substr(0, good.size() - 9));
    check_refused(in, words, 3, {name});
    put(file, good);
    CHECK(run(in, words + Words{"--out", "r"}).code == 0);
    fs::remove_all(in / "r");
    fs::remove(file);
  }
  CHECK(!fs::exists(in / "runs"));
}

TEST_CASE("a device's library of another build is named, and not called") {
  const Folder in;
  const std::string copy = in / "latent";
  fs::copy_file(program(), copy);
  Dl_info zlib{};
  REQUIRE(::dladdr(::dlsym(RTLD_DEFAULT, "zlibVersion"), &zlib) != 0);
  for (const char* device : {"cuda", "emulated"})
    fs::copy_file(zlib.dli_fname, in / ("liblatent_" + std::string(device) + ".so"));
  const Words words{"train", "vae", "--data", "digits", "--steps", "1", "--device"};
  for (const std::string device : {"cuda", "emulated"})
    check_parts(run(in, words + Words{device}, {.program = copy}), 4,
                {"liblatent_" + device + ".so is of another build", "The CPU is always there"});
  CHECK(run(in, words + Words{"auto"}, {.program = copy}).code == 0);
}
