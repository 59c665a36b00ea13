// The program as its users meet it: flags, JSON, exit codes, run folders, bad input. Runs the built program.
// latent bench: program_bench_test.cpp.
#include "tests/tools/program.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "kernels/table.h"
#include "tools/latent/picture.h"

using namespace lat::test;

TEST_CASE("train: one JSON line on standard output, a whole run folder, no escape codes in pipes") {
  const Folder in;
  const Outcome o = run(
      in, tiny("vae") + Words{"--steps", "23", "--seed", "5", "--threads", "2", "--device", "cpu"});
  REQUIRE_MESSAGE(o.code == 0, o.err);
  CHECK(std::count(o.out.begin(), o.out.end(), '\n') == 1);
  CHECK(o.out.ends_with("}\n"));
  CHECK(keys(o.out) ==
        "run model data seed threads device numerics steps epochs seconds parameters hash test");
  CHECK(value(o.out, "run") == "runs/digits-vae-0001");
  CHECK(value(o.out, "model") == "vae");
  CHECK(value(o.out, "data") == "digits");
  CHECK(value(o.out, "seed") == "5");
  CHECK(value(o.out, "threads") == "2");
  CHECK(value(o.out, "device") == "cpu");
  CHECK(value(o.out, "numerics") == "exact");
  CHECK(value(o.out, "steps") == "23");
  CHECK(value(o.out, "parameters") ==
        std::to_string(2 * 64 * 32 + 32 + 64 + 2 * (32 * 4 + 4) + 4 * 32 + 32));
  const std::string test = o.out.substr(o.out.find("\"test\": ") + 8);
  CHECK(keys(test).starts_with("elbo recon kl active"));
  CHECK(std::stod(value(test, "elbo")) ==
        doctest::Approx(-std::stod(value(test, "recon")) - std::stod(value(test, "kl"))));
  CHECK(!contains(o.out + o.err, "\x1b"));
  CHECK(!contains(o.err, "\r"));
  CHECK(contains(o.err, "runs/digits-vae-0001"));
  CHECK(get(in / "runs/latest") == "runs/digits-vae-0001\n");
  const std::string folder = in / "runs/digits-vae-0001/";
  for (const char* name : {"README.txt", "state.json", "config.json", "command.txt", "env.json",
                           "data.json", "metrics.jsonl", "checks.json", "ckpt/index.json",
                           "images/recon.png", "images/samples.png", "images/traverse.png"})
    CHECK_MESSAGE(fs::exists(folder + name), name);
  CHECK(value(get(folder + "state.json"), "state") == "FINISHED");
  CHECK(get(folder + "metrics.jsonl").starts_with("{\"schema\": 1"));
  CHECK(contains(get(folder + "config.json"), "\"origin\": \"--set\""));
  CHECK(run(in, tiny("vae") + Words{"--steps", "1"}).out.find("runs/digits-vae-0002") !=
        std::string::npos);
}

TEST_CASE("train: the same bits for every number of threads, instruction set, device, and eager") {
  const Folder in;
  for (const std::string preset : {"vae", "vae-conv"}) {
    const Words any = tiny(preset) + Words{"--steps", "9"};
    const Words words = any + Words{"--device", "cpu"};
    const std::string hash = hash_of(in, words + Words{"--threads", "1"});
    for (const char* threads : {"2", "3", "7"})
      CHECK(hash_of(in, words + Words{"--threads", threads}) == hash);
    using lat::kernels::Isa;
    for (const Isa isa : {Isa::v2, Isa::v3, Isa::v4, Isa::neon}) {
      const std::string name = lat::kernels::isa_name(isa);
      if (lat::kernels::has_isa(isa))
        CHECK_MESSAGE(hash_of(in, words + Words{"--isa", name}) == hash, name);
      else
        check_refused(in, words + Words{"--isa", name}, 4, {"--isa " + name});
    }
    CHECK(hash_of(in, words + Words{"--eager"}) == hash);
    CHECK(hash_of(in, any + Words{"--device", "emulated"}) == hash);
    CHECK(hash_of(in, any) == hash);
    CHECK(hash_of(in, words + Words{"--seed", "1"}) != hash);
  }
}

TEST_CASE("resume: 2N steps are N steps and N more, bit for bit; a changed config is refused") {
  const Folder in;
  for (const std::string preset : {"vae", "vae-conv"}) {
    const std::string whole = hash_of(in, tiny(preset) + Words{"--steps", "60"});
    const std::string half = hash_of(in, tiny(preset) + Words{"--steps", "30", "--out", preset});
    CHECK(half != whole);
    const std::string metrics = in / preset + "/metrics.jsonl";
    put(metrics, get(metrics) + "{\"step\": 77, \"seconds\": 1}\n{\"step\": 3");
    CHECK(hash_of(in, {"train", "--resume", preset, "--steps", "60", "--threads", "3", "--json"}) ==
          whole);
    const std::string text = get(metrics);
    CHECK(!contains(text, "\"step\": 77"));
    CHECK(text.ends_with("}\n"));
    CHECK(contains(text, "\"step\": 60"));
    CHECK(std::count(text.begin(), text.end(), '{') == std::count(text.begin(), text.end(), '}'));
  }
  CHECK(run(in, {"train", "vae", "--resume", "vae", "--steps", "61", "--set", "train.lr=0.001",
                 "--seed", "0"})
            .code == 0);
  check_refused(in, {"train", "--resume", "vae", "--set", "train.lr=0.002"}, 2,
                {"train.lr", "0.001", "0.002"});
  check_refused(in, {"train", "--resume", "vae", "--seed", "9"}, 2, {"seed"});
  check_refused(in, {"train", "vae-conv", "--resume", "vae"}, 2, {"preset"});
  check_refused(in, {"train", "--resume", "nowhere"}, 3, {"nowhere", "no such folder"});
  check_refused(in, tiny("vae") + Words{"--steps", "1", "--out", "vae"}, 2, {"--resume"});
}

TEST_CASE("interrupt: the step is finished, the run saved, and it goes on") {
  const Folder in;
  const pid_t child = start(in, tiny("vae") + Words{"--time", "10m", "--out", "r"});
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!fs::exists(in / "r/state.json") && std::chrono::steady_clock::now() < give_up)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ::kill(child, SIGINT);
  const Outcome o = finish(in, child);
  CHECK_MESSAGE(o.code == 130, o.err);
  CHECK(o.out == "");
  CHECK(contains(o.err, "latent train --resume r"));
  const std::string state = get(in / "r/state.json");
  CHECK(value(state, "state") == "STOPPED");
  const long done = std::stol(value(state, "step"));
  CHECK(value(state, "last_checkpoint") == std::to_string(done));
  const std::string steps = std::to_string(done + 5);
  CHECK(hash_of(in, {"train", "--resume", "r", "--steps", steps, "--json"}) ==
        hash_of(in, tiny("vae") + Words{"--steps", steps}));
}

TEST_CASE("unknown names are answered with the nearest one, and nothing is written") {
  const Folder in;
  check_refused(in, {"trian", "vae"}, 2, {"unknown command 'trian'", "Did you mean 'train'?"});
  check_refused(in, {"list"}, 2, {"latent config list", "latent data list"});
  check_refused(in, {"train", "vaee"}, 2, {"'vaee'", "Did you mean 'vae'?", "latent config list"});
  check_refused(in, {"train"}, 2, {"latent train vae"});
  check_refused(in, {"train", "vae", "--set", "model.latnet=16"}, 2,
                {"unknown key 'model.latnet' (from --set). Did you mean 'model.latent'?",
                 "(latent config explain model.latent)"});
  check_refused(in, {"train", "vae", "--set", "model.latent"}, 2, {"key=value"});
  check_refused(in, {"train", "vae", "--data", "digitz"}, 2, {"Did you mean 'digits'?"});
  check_refused(in, {"train", "vae", "--setp", "3"}, 2, {"--setp", "Did you mean '--set"});
  check_refused(in, {"train", "vae", "--device", "cudaa"}, 2, {"Did you mean 'cuda'?"});
  check_refused(in, {"train", "vae", "--device", "cuda"}, 4, {"cuda: ", "The CPU is always there"});
  check_refused(in, {"train", "vae", "--device", "emulated", "--numerics", "fast"}, 1,
                {"choose exact"});
  check_refused(in, {"train", "vae", "--numerics", "fats"}, 2, {"Did you mean 'fast'?"});
  check_refused(in, {"train", "vae", "--isa", "v9"}, 2, {"v2, v3, v4"});
  check_refused(in, {"train", "vae", "--env", "cartpole"}, 2, {"is for agents, and 'vae' is none"});
  check_refused(in, {"config", "explain", "model.betaa"}, 2, {"Did you mean 'model.beta'?"});
  check_refused(in, {"bench", "step", "vee"}, 2, {"Did you mean 'vae'?"});
  for (const char* later : {"export", "report", "explain"})
    check_refused(in, {later, "runs/x"}, 2, {"not part of this version"});
  check_refused(in, {"eval", "runs/x"}, 3, {"runs/x", "no such folder"});
  put(in / "own.toml", "preset = \"vae\"\n[model]\nlatnet = 3\n");
  check_refused(in, {"train", "own.toml"}, 2, {"(from own.toml)", "'model.latent'"});
  put(in / "bad.toml", "preset = \"vae\n");
  check_refused(in, {"train", "bad.toml"}, 3, {"bad.toml", "line 1"});
  CHECK(!fs::exists(in / "runs"));
}

TEST_CASE("sizes and numbers that make no sense are refused before anything is written") {
  const Folder in;
  const std::initializer_list<Words> bad = {{"--steps", "0"},
                                            {"--steps", "-5"},
                                            {"--steps", "ten"},
                                            {"--epochs", "0"},
                                            {"--time", "0s"},
                                            {"--time", "soon"},
                                            {"--threads", "0"},
                                            {"--threads", "-1"},
                                            {"--threads", "99999"},
                                            {"--seed", "-1"},
                                            {"--set", "train.batch=0"},
                                            {"--set", "train.batch=-3"},
                                            {"--set", "train.lr=-1"},
                                            {"--set", "train.lr=nan"},
                                            {"--set", "model.latent=0"},
                                            {"--set", "model.hidden=-2"},
                                            {"--set", "model.latent=1e3"},
                                            {"--set", "data.limit=-1"},
                                            {"--set", "data.size=20"},
                                            {"--set", "model.net=cnv"},
                                            {"--set", "train.batch=60000"},
                                            {"--steps", "3", "--epochs", "1"}};
  for (const Words& words : bad) {
    const Outcome o = run(in, Words{"train", "vae", "--data", "digits"} + words);
    CHECK_MESSAGE(o.code == 2, words[0], " ", words[1], ": ", o.err);
    CHECK_MESSAGE(o.err.starts_with("error: "), o.err);
  }
  CHECK(run(in, {"bench", "step", "vae", "--batch", "0"}).code == 2);
  CHECK(run(in, {"sample", "x", "-n", "0"}).code == 2);
  CHECK(run(in, {"traverse", "x", "--range", "3:-3"}).code == 2);
  CHECK(!fs::exists(in / "runs"));
}

TEST_CASE("a toml file: default < preset < file < --set, with origins") {
  const Folder in;
  put(in / "own.toml",
      "preset = \"vae\"\nsteps = 2\n[data]\nname = \"digits\"\n[model]\nhidden = 24\nlatent = 3\n"
      "[train]\nbatch = 16\n");
  const Outcome o =
      run(in, {"train", "own.toml", "--set", "model.latent=5", "--out", "r", "--json"});
  REQUIRE_MESSAGE(o.code == 0, o.err);
  CHECK(value(o.out, "steps") == "2");
  CHECK(value(o.out, "data") == "digits");
  std::string config = get(in / "r/config.json");
  const auto part = [&](const std::string& key) { return config.substr(config.find(key)); };
  CHECK(value(part("model.latent"), "value") == "5");
  CHECK(value(part("model.latent"), "origin") == "--set");
  CHECK(value(part("model.hidden"), "origin") == "own.toml");
  CHECK(value(part("train.lr"), "origin") == "default");
  const Outcome shown = run(in, {"config", "show", "beta_vae"});
  CHECK(shown.code == 0);
  put(in / "again.toml", shown.out);
  CHECK(run(in, {"config", "show", "again.toml"}).code == 0);
  CHECK(run(in, {"config", "list"}).code == 0);
  CHECK(contains(run(in, {"config", "explain", "model.beta"}).out, "weight of the KL term"));
}

TEST_CASE("what a run can do: eval with expectations, sample, reconstruct, traverse, inspect") {
  const Folder in;
  const Outcome trained = run(in, tiny("vae") + Words{"--steps", "40"});
  REQUIRE_MESSAGE(trained.code == 0, trained.err);
  const Outcome e = run(in, {"eval", "latest", "--json"});
  REQUIRE_MESSAGE(e.code == 0, e.err);
  CHECK(keys(e.out) == "run data hash test");
  for (const char* key : {"hash", "elbo", "kl", "active"})
    CHECK(value(e.out, key) == value(trained.out, key));
  CHECK(run(in, {"eval", "latest", "--expect", "elbo>=-1e6"}).code == 0);
  CHECK(run(in, {"eval", "latest", "--expect", "elbo >= 0"}).code == 5);
  CHECK(run(in, {"eval", "latest", "--expect", "elbo"}).code != 0);
  CHECK(run(in, {"eval", "latest", "--expect", "elbow>=3"}).code == 2);
  put(in / "floor.txt", "# digits, 40 steps\nelbo >= -1e6\nactive<=4\n");
  CHECK(run(in, {"eval", "latest", "--expect", "floor.txt"}).code == 0);
  put(in / "floor.txt", "elbo >= -1e6\nrecon < 0\n");
  CHECK(run(in, {"eval", "latest", "--expect", "floor.txt"}).code == 5);
  for (const Words& words :
       {Words{"sample", "latest", "-n", "9", "-o", "p.png"},
        Words{"reconstruct", "latest", "-n", "5", "-o", "p.png"},
        Words{"traverse", "latest", "--dims", "0,3", "--range", "-2:2", "-o", "p.png"},
        Words{"data", "show", "digits", "-o", "p.png"}}) {
    fs::remove(in / "p.png");
    const Outcome o = run(in, words);
    CHECK_MESSAGE(o.code == 0, o.err);
    CHECK(get(in / "p.png").starts_with("\x89PNG"));
    CHECK(!contains(o.err + o.out, "\x1b"));
  }
  check_refused(in, {"traverse", "latest", "--dims", "4"}, 2, {"latent 4"});
  check_refused(in, {"sample", "latest", "-o", "no/such/p.png"}, 4, {"no/such/p.png"});
  const Outcome first = run(in, {"sample", "latest", "-n", "4", "-o", "a.png"});
  const Outcome other = run(in, {"sample", "latest", "-n", "4", "-o", "b.png", "--seed", "1"});
  CHECK(first.code + other.code == 0);
  CHECK(get(in / "a.png") != get(in / "b.png"));
  const Outcome seen = run(in, {"inspect", "runs/digits-vae-0001"});
  CHECK(contains(seen.out, "hidden.weight"));
  CHECK(contains(seen.out, "64 x 32"));
  CHECK(run(in, {"inspect", "p.png"}).code == 0);
  check_refused(in, {"inspect", "runs/latest"}, 3, {"runs/latest"});
  CHECK(run(in, {"doctor"}).code == 0);
  CHECK(contains(run(in, {"data", "list"}).out, "rooms-free"));
  CHECK(run(in, {"--help"}).code == 0);
  CHECK(run(in, {"train", "--help"}).code == 0);
}

TEST_CASE("worlds are shown as sheets: a row for each scene, a column for each view") {
  const Folder in;
  for (const std::string world :
       {"rooms", "rooms-free", "rooms-rotate", "shepard-metzler-5", "shepard-metzler-7"}) {
    const Outcome o = run(in, {"data", "show", world, "--size", "32", "-o", world + ".png"});
    CHECK_MESSAGE(o.code == 0, o.err);
    const lat::tools::Picture sheet = lat::tools::read_png(in / (world + ".png"));
    CHECK(sheet.w >= 8 * 64);  // each pixel drawn twice as wide
    CHECK(sheet.h >= 8 * 64);
    const std::set<uint8_t> levels(sheet.rgb.begin(), sheet.rgb.end());
    CHECK(levels.size() > 100);
  }
  CHECK(get(in / "rooms.png") != get(in / "rooms-free.png"));
  CHECK(get(in / "rooms-rotate.png") != get(in / "rooms-free.png"));
  check_refused(in, {"data", "show", "rooms", "--size", "200"}, 2, {"200 pixels", "16 to 128"});
  check_refused(in, {"data", "show", "room"}, 2, {"Did you mean 'rooms'?"});
}

TEST_CASE("curves: a neural process trains, goes on, is judged and drawn") {
  const Folder in;
  const auto small = [](const std::string& preset) {
    return Words{"train",         preset,  "--json",         "--device",
                 "cpu",           "--set", "model.width=8",  "--set",
                 "train.batch=4", "--set", "train.lr_last=1"};
  };
  CHECK(hash_of(in, small("anp") + Words{"--steps", "10", "--out", "r"}) != "");
  CHECK(hash_of(in, {"train", "--resume", "r", "--steps", "20", "--json", "--threads", "2"}) ==
        hash_of(in, small("anp") + Words{"--steps", "20"}));
  const Outcome o = run(in, small("cnp") + Words{"--steps", "3"});
  REQUIRE_MESSAGE(o.code == 0, o.err);
  CHECK(value(o.out, "model") == "neural_process");
  CHECK(value(o.out, "data") == "curves");
  CHECK(keys(o.out.substr(o.out.find("\"test\": ") + 8))
            .starts_with("elbo recon kl active latents examples nll_5 joint_5 exact_5"));
  CHECK(std::stod(value(o.out, "nll_10")) == doctest::Approx(std::stod(value(o.out, "recon"))));
  CHECK(std::stod(value(o.out, "exact_10")) == doctest::Approx(-0.69).epsilon(0.05));
  REQUIRE(run(in, {"sample", "r", "-n", "2", "-o", "two.png"}).code == 0);
  const lat::tools::Picture two = lat::tools::read_png(in / "two.png");
  CHECK(two.h > 400);
  CHECK(two.w > 800);
  CHECK(fs::exists(in / "r/images/curves.png"));
  check_refused(in, small("cnp") + Words{"--steps", "1", "--data", "rooms"}, 2,
                {"'rooms' holds neither curves nor images", "'curves'"});
  // On images it completes them.
  REQUIRE(run(in, small("cnp") + Words{"--steps", "1", "--data", "digits", "--out", "d"}).code ==
          0);
  CHECK(fs::exists(in / "d/images/completions.png"));
  check_refused(in, {"reconstruct", "r"}, 2, {"has no latents"});
}

TEST_CASE("damaged and foreign checkpoints are refused with the file's name") {
  const Folder in;
  REQUIRE(run(in, tiny("vae") + Words{"--steps", "2", "--out", "r"}).code == 0);
  const std::string file = in / "r/ckpt/step-00000002/model.safetensors", good = get(file);
  REQUIRE(good.size() > 1000);
  put(file, good.substr(0, good.size() - 9));
  check_refused(in, {"eval", "r"}, 3, {"model.safetensors"});
  std::string flipped = good;
  flipped[flipped.size() - 5] = static_cast<char>(flipped[flipped.size() - 5] ^ 4);
  put(file, flipped);
  check_refused(in, {"sample", "r"}, 3, {"model.safetensors"});
  put(file, "");
  check_refused(in, {"train", "--resume", "r", "--steps", "4"}, 3, {"model.safetensors"});
  put(file, good);
  const std::string config = get(in / "r/config.json");
  std::string wider = config;
  wider.replace(wider.find("\"32\""), 4, "\"48\"");
  put(in / "r/config.json", wider);
  check_refused(in, {"eval", "r"}, 3, {"(64,32)", "(64,48)"});
  put(in / "r/config.json", config.substr(0, 200));
  check_refused(in, {"eval", "r"}, 3, {"config.json", "byte"});
  put(in / "r/config.json", "{}");
  check_refused(in, {"eval", "r"}, 3, {"config.json", "format"});
  put(in / "r/config.json", config);
  CHECK(run(in, {"eval", "r"}).code == 0);
  fs::remove(in / "r/ckpt/index.json");
  check_refused(in, {"eval", "r"}, 3, {"no finished checkpoint"});
}

TEST_CASE("disks that refuse: exit code 4 and a remedy") {
  const Folder in;
  put(in / "file", "mine");
  check_refused(in, tiny("vae") + Words{"--steps", "2", "--out", "file/below"}, 4, {"file/below"});
  check_refused(in, tiny("vae") + Words{"--steps", "2", "--out", "file"}, 2, {"file"});
  CHECK(get(in / "file") == "mine");
  if (fs::exists("/dev/full")) {
    const Outcome o =
        run(in, tiny("vae") + Words{"--steps", "2", "--out", "r"}, {.out = "/dev/full"});
    CHECK_MESSAGE(o.code == 4, o.err);
    CHECK(contains(o.err, "standard output"));
    CHECK(run(in, {"config", "list"}, {.out = "/dev/full"}).code == 4);
  }
}

TEST_CASE("folders of images: their own name, and files that do not belong together") {
  const Folder in;
  fs::create_directory(in / "mine");
  lat::write_idx(in / "mine/train-images-idx3-ubyte", bytes_of({80, 8, 8}));
  lat::write_idx(in / "mine/train-labels-idx1-ubyte", bytes_of({80}));
  const Words words{"train",          "vae",   "--data-path",    "mine",  "--steps", "2", "--set",
                    "train.batch=16", "--set", "model.hidden=8", "--json"};
  const Outcome o = run(in, words);
  CHECK_MESSAGE(o.code == 0, o.err);
  CHECK(value(o.out, "data") == "mine");
  CHECK(run(in, {"eval", "latest"}).code == 0);
  CHECK(run(in, {"inspect", "mine/train-images-idx3-ubyte"}).out ==
        "mine/train-images-idx3-ubyte: IDX, 80 x 8 x 8 bytes\n");
  lat::write_idx(in / "mine/train-labels-idx1-ubyte", bytes_of({40}));
  fs::remove_all(in / "runs");
  check_refused(in, words, 3, {"40 labels", "80 images"});
  fs::remove(in / "mine/train-labels-idx1-ubyte");
  const std::string images = in / "mine/train-images-idx3-ubyte", whole = get(images);
  put(images, whole.substr(0, 1000));
  check_refused(in, words, 3, {"train-images-idx3-ubyte"});
  check_refused(in, {"train", "vae", "--data-path", "nowhere"}, 3, {"nowhere", "--data-path"});
  CHECK(!fs::exists(in / "runs"));
}

TEST_CASE("train --memory: what a step takes, and nothing trained") {
  const Folder in;
  const Outcome o =
      run(in, {"train", "vae", "--data", "digits", "--memory", "--threads", "2", "--json"});
  REQUIRE_MESSAGE(o.code == 0, o.err);
  CHECK(keys(o.out) == "preset batch threads parameters kept recorded work workspace total");
  const auto bytes = [&](const char* key) { return std::stod(value(o.out, key)); };
  CHECK(bytes("work") > 0);
  CHECK(bytes("work") < 0.6 * bytes("recorded"));
  CHECK(bytes("total") == bytes("parameters") + bytes("kept") + bytes("work") + bytes("workspace"));
  CHECK(run(in, {"train", "vae", "--data", "digits", "--memory"}).out.find("in all") !=
        std::string::npos);
  CHECK(!fs::exists(in / "runs"));
  check_refused(in, {"train", "vae", "--memory", "--eager"}, 2, {"--eager"});
}
