// latent train, latent demo.
#include <cmath>
#include <filesystem>

#include "engine/core/device_fast.h"
#include "engine/data/file.h"
#include "tools/latent/agent_run.h"
#include "tools/latent/commands.h"
#include "tools/latent/run.h"
#include "tools/latent/shown.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

namespace {

struct TrainFlags {
  std::string what, data, data_path, env, epochs, steps, time, seed, out, resume;
  std::vector<std::string> set;
  MachineFlags machine;
  bool memory = false, json = false;
};

Stop stop_of(const TrainFlags& f) {
  const Stop stop{whole_number("--steps", f.steps, 1), whole_number("--epochs", f.epochs, 1),
                  seconds("--time", f.time)};
  LAT_CHECK(
      int(stop.steps.has_value()) + int(stop.epochs.has_value()) + int(stop.seconds.has_value()) <=
          1,
      Code::usage, "", "--steps, --epochs and --time each say when to stop; give one");
  return stop;
}

bool given(const Stop& s) { return s.steps || s.epochs || s.seconds; }

// The command as it would be typed again.
std::string command_text(const std::string& command, const Args& args) {
  std::string out = "latent " + command;
  for (const std::string& a : args) {
    const bool plain =
        !a.empty() && a.find_first_not_of(
                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                          "-_=./:,+") == std::string::npos;
    std::string quoted;
    for (const char c : a) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    out += " " + (plain ? a : "'" + quoted + "'");
  }
  return out;
}

// What is given beside --resume must be what the run already has.
void check_unchanged(const TrainFlags& f, Config& stored, const std::string& path) {
  const auto check = [&](const std::string& what, const std::string& was, const std::string& now) {
    LAT_CHECK(was == now, Code::usage, "--resume " + path, what, " was ", was, ", now it is ", now,
              ". A run goes on as it began; start another one for other values");
  };
  if (!f.what.empty()) check("the preset", stored.preset().name, read_config(f.what).preset().name);
  if (!f.data.empty()) check("the data set", stored.data, f.data);
  if (!f.data_path.empty()) check("--data-path", stored.data_path, f.data_path);
  if (const auto seed = whole_number("--seed", f.seed, 0))
    check("the seed", std::to_string(stored.seed), std::to_string(*seed));
  Config changed = Config::read(path + "/config.json");
  for (const std::string& text : f.set) changed.assign(text, "--set");
  const std::vector<Field> was = stored.keys(), now = changed.keys();
  for (size_t i = 0; i < was.size(); ++i) check(was[i].key, was[i].value, now[i].value);
}

Json result(models::Training& t, const RunFolder& folder, const std::string& model, u64 seed,
            const Machine& machine, const RunOutcome& out) {
  return Json::object(
      {{"run", folder.path()},
       {"model", model},
       {"data", t.data_name()},
       {"seed", seed},
       {"threads", machine.threads},
       {"device", machine.device},
       {"numerics", machine.numerics()},
       {"steps", t.done()},
       {"epochs", static_cast<double>(t.done()) / static_cast<double>(t.per_epoch())},
       {"seconds", out.seconds},
       {"parameters", t.model().params().count()},
       {"hash", t.model().params().hash()},
       {"test", figures(out.test)}});
}

// What a step takes, to be read before anything is trained.
void print_memory(models::Training& t, const std::string& preset, int threads, bool json) {
  const models::StepMemory m = t.memory();
  if (json) {
    print(Json::object({{"preset", preset},
                        {"batch", t.config().batch},
                        {"threads", threads},
                        {"parameters", m.parameters},
                        {"kept", m.kept},
                        {"recorded", m.recorded},
                        {"work", m.work},
                        {"workspace", m.workspace},
                        {"total", m.total()}})
              .line() +
          "\n");
    return;
  }
  const auto text = [](i64 bytes) { return size_text(static_cast<uint64_t>(bytes)); };
  print(cat("training ", preset, " in batches of ", t.config().batch, ", ", threads,
            threads == 1 ? " thread" : " threads", "; the data come on top\n",
            "  parameters and their gradients    ", text(m.parameters), "\n",
            "  moments, batch, results           ", text(m.kept), "\n",
            "  tensors of one step               ", text(m.work), "   (", text(m.recorded),
            " if none took another's place)\n", "  workspace of the kernels          ",
            text(m.workspace), "\n", "  in all                            ", text(m.total()),
            "\n"));
}

// What numerics `fast` found out; nothing where they are exact.
void say_numerics(models::Training& t) {
  const char* const bound = "A sum of k products is within 2 k 2^-24 sum |a b| of exact's";
  if (const Fast* const fast = t.ctx().fast())
    say("numerics fast: OpenBLAS computed ", fast->won(), " of ", fast->shapes(),
        " shapes of product. ", bound);
  else if (const Accelerator* const device = t.ctx().device(); device && device->fast())
    say("numerics fast: cuBLASLt and cuDNN computed ", device->fast()->won(), " of ",
        device->fast()->shapes(), " shapes of product and convolution. ", bound);
}

int resume(const TrainFlags& f, const Args& args, const Machine& machine) {
  LAT_CHECK(f.out.empty(), Code::usage, "", "--resume goes on in its own folder; leave --out away");
  const Stop stop = stop_of(f);
  const RunFolder folder = RunFolder::open(f.resume);
  Config config = Config::read(folder / "config.json");
  check_unchanged(f, config, folder.path());
  if (given(stop)) config.stop = stop;
  const Json text = config.json();
  const std::string preset = config.preset().name, model = config.preset().model;
  const std::string checkpoint = latest_checkpoint(folder.checkpoints());
  const auto t = make_training(config, machine);
  t->resume(folder.checkpoints());
  const Metadata meta = checkpoint_metadata(checkpoint);
  const auto spent = meta.find("seconds");
  const RunPlan plan{
      .stop = config.stop,
      .schedule_steps = config.preset().steps,
      .seconds = spent == meta.end() ? 0 : parse_number(checkpoint, spent->second, 0, 1e15),
      .preset = preset};
  announce(*t, folder, preset, machine);
  say("from step ", grouped(t->done()));
  folder.trim_metrics(t->done());
  folder.write_config(text);
  folder.add_command(command_text("train", args));
  const RunOutcome out = run_training(*t, folder, plan);
  if (out.interrupted) return kInterrupted;
  say_numerics(*t);
  if (f.json) print(result(*t, folder, model, config.seed, machine, out).line() + "\n");
  say_figures(out.test);
  return 0;
}

// A fresh run of a resolved config.
struct Begun {
  RunFolder folder;
  std::unique_ptr<models::Training> training;
  RunOutcome outcome;
};
Begun begin(Config& config, const Machine& machine, const std::string& out,
            const std::string& command) {
  const Json text = config.json();
  const std::string preset = config.preset().name;
  auto t = make_training(config, machine);
  RunFolder folder = RunFolder::create(out, config.data, preset);
  announce(*t, folder, preset, machine);
  folder.describe(text, preset, command, config.data, machine);
  const RunPlan plan{
      .stop = config.stop, .schedule_steps = config.preset().steps, .seconds = 0, .preset = preset};
  const RunOutcome outcome = run_training(*t, folder, plan);
  return {std::move(folder), std::move(t), outcome};
}

// log p of the held-out images where every pixel is on its own, with the training set's mean: what a model must beat.
double pixelwise_baseline(const DataSet& data) {
  const size_t size = static_cast<size_t>(data.train.h * data.train.w * data.train.c);
  std::vector<double> on(size, 1);  // one image of each kind is added, so that no pixel is certain
  for (size_t i = 0; i < data.train.pixels.size(); ++i)
    on[i % size] += data.train.pixels[i] / 255.0;
  std::vector<double> gain(size), rest(size);
  for (size_t d = 0; d < size; ++d) {
    const double p = on[d] / (static_cast<double>(data.train.n) + 2);
    gain[d] = std::log(p) - std::log1p(-p);
    rest[d] = std::log1p(-p);
  }
  double sum = 0;
  for (size_t i = 0; i < data.test.pixels.size(); ++i)
    sum += data.test.pixels[i] / 255.0 * gain[i % size] + rest[i % size];
  return sum / static_cast<double>(data.test.n);
}

}  // namespace

int train(const Args& args) {
  TrainFlags f;
  if (!parse_options(
          "train", "Trains a model or an agent and writes a run folder.",
          {{"PRESET", &f.what, "a preset or an agent (latent config list), or FILE.toml"},
           {"--set", &f.set, "key=value, as often as needed (latent config show PRESET)"},
           {"--data", &f.data, "data set (latent data list)"},
           {"--data-path", &f.data_path, "folder of IDX files"},
           {"--env", &f.env, "environment, for agents (latent config list)"},
           {"--epochs", &f.epochs, "stop after so many passes in all"},
           {"--steps", &f.steps, "stop after so many steps in all"},
           {"--time", &f.time, "stop after 90s, 10m, 1.5h of training in all"},
           {"--seed", &f.seed, "of parameters, order and noise (0)"},
           {"--threads", &f.machine.threads, "threads (all usable cores)"},
           {"--device", &f.machine.device, "auto, cpu, cuda, cuda:N or emulated"},
           {"--numerics", &f.machine.numerics, "exact, or fast: a library where it is quicker"},
           {"--isa", &f.machine.isa, "v2, v3 or v4 (the best here)"},
           {"--eager", &f.machine.eager,
            "run the model's code at every step; the bits are the same"},
           {"--out", &f.out, "the run's folder (runs/<data>-<preset>-NNNN)"},
           {"--resume", &f.resume, "go on with a run"},
           {"--memory", &f.memory, "print what memory a step takes, and train nothing"},
           {"--json", &f.json, "the result as one line on standard output"}},
          args))
    return 0;
  if (is_agent_run(f.what, f.resume)) {
    LAT_CHECK(!f.memory && f.data.empty() && f.data_path.empty() && f.epochs.empty(), Code::usage,
              "",
              "an agent learns in an environment (--env), so many --steps or so much --time; "
              "--data, --data-path, --epochs and --memory are for models");
    return train_agent({.what = f.what,
                        .environment = f.env,
                        .seed = f.seed,
                        .out = f.out,
                        .resume = f.resume,
                        .stop = stop_of(f),
                        .set = f.set,
                        .machine = f.machine,
                        .json = f.json,
                        .command = command_text("train", args)});
  }
  LAT_CHECK(f.env.empty(), Code::usage, "--env " + f.env, "is for agents, and '", f.what,
            "' is none. Agents:  latent config list");
  const Machine machine = resolve(f.machine);
  LAT_CHECK(!f.memory || (f.resume.empty() && !machine.eager), Code::usage, "--memory",
            "a step is recorded and not run; leave --resume and --eager away");
  if (!f.resume.empty()) return resume(f, args, machine);
  LAT_CHECK(!f.what.empty(), Code::usage, "",
            "nothing to train is named. Give a preset or a .toml file, like:  latent train vae");
  Config config = read_config(f.what);
  for (const std::string& text : f.set) config.assign(text, "--set");
  config.set_data(f.data, f.data_path, "command line");
  if (const auto seed = whole_number("--seed", f.seed, 0)) config.seed = static_cast<u64>(*seed);
  const Stop stop = stop_of(f);
  if (given(stop)) config.stop = stop;
  const std::string model = config.preset().model;
  if (f.memory) {
    const std::string preset = config.preset().name;
    print_memory(*make_training(config, machine), preset, machine.threads, f.json);
    return 0;
  }
  const Begun run = begin(config, machine, f.out, command_text("train", args));
  if (run.outcome.interrupted) return kInterrupted;
  say_numerics(*run.training);
  if (f.json)
    print(result(*run.training, run.folder, model, config.seed, machine, run.outcome).line() +
          "\n");
  say_figures(run.outcome.test);
  return 0;
}

int demo(const Args& args) {
  std::string out;
  MachineFlags flags;
  if (!parse_options("demo", "Trains on drawings that need no file, and shows what was learned.",
                     {{"--out", &out, "the run's folder (runs/demo-NNNN)"},
                      {"--threads", &flags.threads, "threads (all usable cores)"}},
                     args))
    return 0;
  const Machine machine = resolve(flags);
  Config config(find_preset("demo"));
  Begun run = begin(config, machine, out, command_text("demo", args));
  if (run.outcome.interrupted) return kInterrupted;
  models::ImageTraining& t = images(*run.training, "demo");
  const models::Evaluation& e = run.outcome.test;
  constexpr i64 kColumns = 8;
  const i64 top = top_latents(e, 1).at(0);
  const std::vector<std::pair<std::string, std::vector<float>>> rows{
      {"held-out images", t.originals(kColumns)},
      {"their reconstructions", t.reconstructions(kColumns)},
      {"samples", t.samples(kColumns, 0)},
      {cat("latent z", top, " from -2.5 to 2.5"), t.traversal(0, top, -2.5, 2.5, kColumns)}};
  const auto panels = [&](i64 zoom, bool captions) {
    const models::Example& x = t.example();
    std::vector<Panel> list;
    for (const auto& [caption, images] : rows)
      list.push_back(
          {captions ? caption : "", tile({images.data(), kColumns, x.h, x.w, x.c},
                                         {.columns = kColumns, .gap = zoom, .zoom = zoom})});
    return stack(list);
  };
  write_png(run.folder / "images/demo.png", panels(3, true));
  show_picture(panels(1, false));
  say("rows: held-out images; their reconstructions; samples; latent z", top, " from -2.5 to 2.5");
  say("held-out ELBO ", fixed(e.elbo, 1), " nats per image   (pixel-wise baseline ",
      fixed(pixelwise_baseline(t.data()), 1), ")   ", e.active, " of ", t.model().latents(),
      " latents in use   ", duration_text(run.outcome.seconds), " of training");
  say("saved  ", run.folder.path(), "   pictures in ", run.folder.path(), "/images");
  say("next   latent traverse ", run.folder.path(), "      latent train vae --data digits");
  return 0;
}

}  // namespace lat::tools
