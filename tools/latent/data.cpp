// latent data, latent inspect: what data sets and files hold.
#include <algorithm>
#include <filesystem>
#include <set>

#include "engine/data/file.h"
#include "engine/data/idx.h"
#include "engine/data/images.h"
#include "engine/data/rooms.h"
#include "engine/data/safetensors.h"
#include "engine/train/checkpoint.h"
#include "tools/latent/commands.h"
#include "tools/latent/settings.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

namespace {

namespace fs = std::filesystem;

constexpr i64 kShown = 64;

template <class Extents>
std::string extents(const Extents& dims) {
  std::string s;
  for (const i64 d : dims) s += (s.empty() ? "" : " x ") + grouped(d);
  return s.empty() ? "one number" : s;
}

std::string describe(const DataSet& d) {
  const Images& x = d.train;
  const std::set<int32_t> labels(x.labels.begin(), x.labels.end());
  std::string s =
      cat(grouped(x.n), " + ", grouped(d.test.n), " images of ", x.h, "x", x.w, "x", x.c);
  if (!labels.empty()) s += cat(", ", labels.size(), " labels");
  if (x.factor_count > 0) s += cat(", ", x.factor_count, " known factors");
  return s;
}

void list() {
  for (const std::string& name : data_names()) {
    std::string text = name;
    text.resize(16, ' ');
    try {
      const DataSet d = load_data(name, {.limit = 1});
      // One training image is enough to know that the set is there; the sizes are the files' own.
      text += d.files.empty() ? "built in   " : "found      ";
      text += d.source;
      if (!d.files.empty()) text += "   " + fs::path(d.files[0]).parent_path().string();
    } catch (const Error& e) {
      text += cat("missing    ", e.what());
    }
    print(text + "\n");
  }
  for (std::string text : rooms::world_names()) {
    text.resize(20, ' ');
    print(text + "drawn on demand: scenes, each from any number of views\n");
  }
  print("Any other name takes a folder of IDX files:  --data NAME --data-path DIR\n");
}

void show(const std::string& name, const std::string& path, i64 size, const std::string& out) {
  const DataSet d = load_data(name, {.path = path, .limit = kShown, .size = size});
  const Images& x = d.train;
  const i64 n = std::min(kShown, x.n);
  std::vector<float> values(static_cast<size_t>(n * x.h * x.w * x.c));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(x.pixels[i]) / 255;
  const Picture picture =
      tile({values.data(), n, x.h, x.w, x.c},
           {.columns = 8, .gap = 2, .zoom = std::max<i64>(1, 64 / std::max(x.h, x.w))});
  const Picture sheet = stack(
      {{cat(d.name, ": the first ", n, " training images, ", x.h, "x", x.w, "x", x.c), picture}});
  if (!out.empty()) write_png(out, sheet);
  show_picture(sheet);
  say(d.name, "  ", describe(d), "  ", d.source);
  if (!out.empty()) say("saved  ", out);
}

// A row for each scene, a column for each view.
void show_world(const std::string& name, i64 size, const std::string& out) {
  constexpr i64 kScenes = 8, kViews = 8, kUsual = 64;
  if (size == 0) size = kUsual;
  const rooms::Scenes scenes{.world = name};
  const size_t numbers = static_cast<size_t>(kViews * size * size * 3);
  std::vector<float> images(kScenes * numbers), poses(kViews * 7);
  for (i64 i = 0; i < kScenes; ++i)
    scenes.views(i, kViews, size, images.data() + static_cast<size_t>(i) * numbers, poses.data());
  const Picture picture =
      tile({images.data(), kScenes * kViews, size, size, 3},
           {.columns = kViews, .gap = 2, .zoom = std::max<i64>(1, kUsual / size)});
  const Picture sheet = stack(
      {{cat(name, ": the first ", kScenes, " scenes, one a row, ", size, "x", size), picture}});
  if (!out.empty()) write_png(out, sheet);
  show_picture(sheet);
  say(name, "  endless scenes and views of ", size, "x", size, "x3, drawn by the program");
  if (!out.empty()) say("saved  ", out);
}

void inspect_safetensors(const std::string& path) {
  const Safetensors file = Safetensors::read(path);
  i64 numbers = 0;
  for (const NamedArray& a : file.arrays()) {
    std::string line = "  " + a.name;
    line.resize(std::max<size_t>(line.size() + 2, 28), ' ');
    print(line + std::string(name_of(a.kind)) + "  " + extents(a.shape) + "\n");
    numbers += static_cast<i64>(a.bytes / size_of(a.kind));
  }
  print(cat(path, ": safetensors, ", file.arrays().size(), " tensors, ", grouped(numbers),
            " numbers\n"));
  for (const auto& [key, text] : file.metadata()) print(cat("  ", key, " = ", text, "\n"));
  print(file.sha256().empty() ? "  no digest\n"
                              : cat("  sha256 of the content ", file.sha256(), ": verified\n"));
}

void inspect_idx(const std::string& path) {
  const IdxArray a = read_idx(path);
  const char* const type = a.type == IdxType::u8    ? "bytes"
                           : a.type == IdxType::i16 ? "16-bit whole numbers"
                           : a.type == IdxType::i32 ? "32-bit whole numbers"
                           : a.type == IdxType::f32 ? "32-bit reals"
                                                    : "64-bit reals";
  print(cat(path, ": IDX, ", extents(a.dims), " ", type, "\n"));
}

}  // namespace

int data(const Args& args) {
  std::string action, name, out, path, size;
  if (!parse_options("data", "Data sets.",
                     {{"ACTION", &action, "list or show"},
                      {"NAME", &name, "show: which one"},
                      {"-o,--output", &out, "show: PNG file"},
                      {"--data-path", &path, "folder of IDX files"},
                      {"--size", &size, "pixels a side (shapes: 16, 32, 64; rooms: 16 to 128)"}},
                     args))
    return 0;
  LAT_CHECK(action == "list" || action == "show", Code::usage, "",
            action.empty() ? "expected" : cat("'", action, "' is neither"), " list or show NAME.",
            suggestion(action, {"list", "show"}));
  if (action == "list") {
    list();
    return 0;
  }
  LAT_CHECK(!name.empty(), Code::usage, "", "expected:  latent data show NAME");
  const i64 side = whole_number("--size", size, 1).value_or(0);
  const std::vector<std::string> worlds = rooms::world_names();
  const auto holds = [&](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  std::vector<std::string> all = data_names();
  all.insert(all.end(), worlds.begin(), worlds.end());
  LAT_CHECK(!path.empty() || holds(all), Code::usage, "data", "unknown data set '", name, "'.",
            suggestion(name, all), " See  latent data list; any other name needs --data-path DIR");
  if (holds(worlds))
    show_world(name, side, out);
  else
    show(name, path, side, out);
  return 0;
}

int inspect(const Args& args) {
  std::string path;
  if (!parse_options("inspect", "What a file holds: safetensors, IDX (plain or gzip), PNG.",
                     {{"FILE", &path, "a file, or the folder of a run"}}, args))
    return 0;
  LAT_CHECK(!path.empty(), Code::usage, "", "expected:  latent inspect FILE");
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    const bool run = fs::exists(path + "/ckpt", ignored);
    path = latest_checkpoint(run ? path + "/ckpt" : path) + "/model.safetensors";
  }
  const InputFile file(path);
  std::string head(8, '\0');
  head.resize(file.read_some(0, head.data(), head.size()));
  if (head.starts_with("\x89PNG")) {
    const Picture p = read_png(path);
    print(cat(path, ": PNG, ", p.w, " x ", p.h, " pixels\n"));
    show_picture(p);
  } else if (head.starts_with(std::string_view("\0\0", 2)) || head.starts_with("\x1f\x8b")) {
    inspect_idx(path);
  } else {
    inspect_safetensors(path);
  }
  return 0;
}

}  // namespace lat::tools
