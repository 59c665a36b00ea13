// latent play: a test scene, a camera that moves, and what the model makes of the views it was given.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/data/file.h"
#include "tools/latent/agent_run.h"
#include "tools/latent/commands.h"
#include "tools/latent/run_folder.h"
#include "tools/latent/scene_view.h"
#include "tools/latent/screen.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

namespace {

constexpr int kLeastColumns = 60, kLeastRows = 14;
constexpr int kWords = 6;       // lines of words around the images
constexpr i64 kCaption = 18;    // columns that the longest caption takes
constexpr i64 kGap = 2;         // columns between images
constexpr i64 kLeastThumb = 8;  // columns of a given view
constexpr i64 kTile = 128;      // pixels a side in a PNG, about
constexpr float kAngle = std::numbers::pi_v<float> / 12, kPace = 0.3f;  // of one key

constexpr const char* kHelp =
    "arrows move the camera   c gives this view   x forgets all\n"
    "n next scene   s a draw of z   m the mean   u map   q ends\n";
constexpr std::string_view kKeys = "lrfbcxnsmuq";

i64 degrees(float angle) {
  const i64 turned = std::lround(angle * 180 / std::numbers::pi_v<float>) % 360;
  return turned < 0 ? turned + 360 : turned;
}

class Player {
 public:
  Player(models::SceneTraining& t, i64 scene)
      : t_(t), test_(test_scenes(t)), view_(rooms::view_of(test_.world)) {
    open(scene);
  }

  // False when it is the key to leave with. Unknown keys do nothing.
  bool press(char key) {
    note_.clear();
    switch (key) {
      case kLeft:
        turn(view_ == rooms::View::free ? 1 : -1);
        break;
      case kRight:
        turn(view_ == rooms::View::free ? -1 : 1);
        break;
      case kUp:
        go(1);
        break;
      case kDown:
        go(-1);
        break;
      case 'c':
        give();
        break;
      case 'x':
        given_.clear();
        know();
        note_ = "all forgotten";
        break;
      case 'n':
        open(number_ + 1);
        break;
      case 's':
        ++draw_;
        guess_.reset();
        break;
      case 'm':
        draw_ = -1;
        guess_.reset();
        break;
      case 'u':
        mapped_ = !mapped_;
        break;
      default:
        return key != 'q';
    }
    return true;
  }

  // Where we are, and how good the image shown is: two lines.
  std::string place() const {
    std::string at;
    if (view_ == rooms::View::free)
      at = cat("at ", fixed(camera_.x, 1), ", ", fixed(camera_.y, 1), " looking ",
               degrees(camera_.yaw));
    else
      at = cat("at ", degrees(camera_.yaw - std::numbers::pi_v<float>), " deg");
    if (view_ == rooms::View::sphere)
      at += cat(", ", std::lround(-camera_.pitch * 180 / std::numbers::pi_v<float>), " up");
    return cat("scene ", number_, "   ", given_.size(), " of ", t_.example().contexts,
               " views given   ", at);
  }
  std::string quality() {
    look();
    return cat("RMSE ", fixed(rmse(shown_.data(), truth_.data(), size()), 3), "   spread ",
               fixed(guess_->unsure, 3));
  }
  const std::string& note() const { return note_; }

  // A page for a terminal of this size, at least kLeastColumns x kLeastRows.
  std::string page(int columns, int rows, bool colour) {
    const i64 S = t_.example().size, N = t_.example().contexts;
    const i64 most = std::min<i64>((columns - 2 * kGap) / 3, 2 * (rows - kWords));
    const i64 side = S <= most ? S * (most / S) : most;
    const auto fitting = [&](const std::string& line) {
      return line.substr(0, static_cast<size_t>(columns) - 1) + "\n";
    };
    std::string text = fitting(place()) + fitting(quality());
    text += row_text(panels(side), side, std::max(side, kCaption), colour);
    const i64 left = rows - kWords - (side + 1) / 2 - 1;
    const i64 thumb = std::min({S, columns / N - kGap, 2 * left});
    if (!given_.empty() && thumb >= kLeastThumb)
      text += row_text(given_panels(S, false), thumb, thumb, colour);
    return text + fitting(note_);
  }

  Picture picture() {
    const i64 S = t_.example().size;
    const i64 side = S * std::max<i64>(1, kTile / S);
    const auto row = [](const std::vector<Panel>& panels) {
      std::vector<Picture> pictures;
      for (const Panel& p : panels) pictures.push_back(stack({p}));
      return beside(pictures, 0);
    };
    return stack({{place(), row(panels(side))},
                  {cat(quality(), note_.empty() ? "" : "   ", note_),
                   row(given_panels(S * std::max<i64>(1, kTile / 2 / S), true))}});
  }

 private:
  i64 size() const { return 3 * t_.example().size * t_.example().size; }

  void open(i64 scene) {
    number_ = scene;
    scene_ = test_.scene(scene);
    camera_ = test_.camera(scene_, scene, t_.example().contexts);
    given_.clear();
    know();
  }
  void know() {
    known_ = t_.representation(t_.views(scene_, given_));
    guess_.reset();
    map_.reset();
  }
  void give() {
    const i64 most = t_.example().contexts;
    if (static_cast<i64>(given_.size()) == most) {
      note_ = cat("this model takes at most ", most, " views; x forgets them");
      return;
    }
    given_.push_back(camera_);
    know();
    note_ = "this view is given now";
  }

  void turn(float steps) {
    rooms::Camera to = camera_;
    to.yaw += steps * kAngle;
    if (view_ == rooms::View::free) return move(to);
    const float around = to.yaw - std::numbers::pi_v<float>;
    move(view_ == rooms::View::ring
             ? rooms::ring_camera(around)
             : rooms::sphere_camera(rooms::sphere_radius(test_.world), around, -camera_.pitch));
  }
  // Ahead or back; on a sphere up or down.
  void go(float steps) {
    if (view_ == rooms::View::ring) {
      note_ = "cameras of this world stay on a ring: left or right";
      return;
    }
    if (view_ == rooms::View::sphere) {
      const float up = steps * kAngle - camera_.pitch;
      if (std::abs(up) > rooms::kHighest) {
        note_ = cat("no camera of this world is ", steps > 0 ? "higher" : "lower");
        return;
      }
      return move(rooms::sphere_camera(rooms::sphere_radius(test_.world),
                                       camera_.yaw - std::numbers::pi_v<float>, up));
    }
    const std::array<float, 7> pose = camera_.pose();
    rooms::Camera to = camera_;
    to.x += steps * kPace * pose[3];
    to.y += steps * kPace * pose[4];
    if (const char* const what = rooms::in_the_way(scene_, to)) {
      note_ = cat(what, " is in the way");
      return;
    }
    move(to);
  }
  void move(const rooms::Camera& to) {
    camera_ = to;
    camera_.yaw = std::remainder(camera_.yaw, 2 * std::numbers::pi_v<float>);
    guess_.reset();
  }

  void look() {
    if (guess_) return;
    truth_ = t_.views(scene_, {camera_}).images;
    const i64 draw = std::max<i64>(draw_, 0);
    guess_ = guess(t_, known_, camera_, kDraws, static_cast<u64>(draw / kDraws));
    shown_ = guess_->mean;
    if (draw_ >= 0)
      shown_.assign(guess_->draws.begin() + draw % kDraws * size(),
                    guess_->draws.begin() + (draw % kDraws + 1) * size());
  }

  // The image, its pixels enlarged to fill `side` where they are smaller.
  Picture enlarged(const float* image, i64 side) const {
    const i64 S = t_.example().size;
    return tile({image, 1, S, S, 3}, {.zoom = std::max<i64>(1, side / S)});
  }
  // What is predicted, what is true, and where the prediction is unsure.
  std::vector<Panel> panels(i64 side) {
    look();
    std::vector<Panel> out{{draw_ < 0 ? cat("mean of ", kDraws, " draws") : cat("draw ", draw_ + 1),
                            enlarged(shown_.data(), side)},
                           {"true view", enlarged(truth_.data(), side)}};
    if (mapped_) {
      if (!map_) map_.emplace(t_, number_, known_);
      out.push_back({"where it is unsure", map_->draw(side, given_, camera_)});
    } else {
      out.push_back(
          {cat("spread, 0 to ", kMostSpread), enlarged(heat(guess_->spread).data(), side)});
    }
    return out;
  }
  // The given views, and where asked for a grey square for each that may still come.
  std::vector<Panel> given_panels(i64 side, bool all) const {
    std::vector<Panel> out;
    for (const rooms::Camera& camera : given_)
      out.push_back({cat("given ", out.size() + 1),
                     enlarged(t_.views(scene_, {camera}).images.data(), side)});
    const std::vector<float> grey(static_cast<size_t>(size()), 0.9f);
    while (all && static_cast<i64>(out.size()) < t_.example().contexts)
      out.push_back({" ", enlarged(grey.data(), side)});
    return out;
  }

  // Panels beside each other, `wide` columns for each, its image in at most `side` of them, its
  // caption above.
  static std::string row_text(const std::vector<Panel>& panels, i64 side, i64 wide, bool colour) {
    std::vector<std::string> lines(1);
    const auto pad = [&](std::string& line, i64 taken) {
      line.append(static_cast<size_t>(std::max<i64>(0, wide - taken) + kGap), ' ');
    };
    for (const Panel& p : panels) {
      lines[0] += p.caption;
      pad(lines[0], static_cast<i64>(p.caption.size()));
      const std::string image = to_terminal(p.picture, side, colour);
      size_t row = 1;
      for (size_t at = 0, end = 0; (end = image.find('\n', at)) != std::string::npos;
           at = end + 1, ++row) {
        if (lines.size() == row) lines.emplace_back();
        lines[row] += image.substr(at, end - at);
        pad(lines[row], std::min(side, p.picture.w));
      }
    }
    std::string text;
    for (std::string& line : lines) {
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + "\n";
    }
    return text;
  }

  models::SceneTraining& t_;
  rooms::Scenes test_;
  rooms::View view_;
  i64 number_ = 0;
  rooms::Scene scene_;
  rooms::Camera camera_;
  std::vector<rooms::Camera> given_;
  models::SceneTraining::Known known_;
  i64 draw_ = -1;  // the draw that is shown; -1: their mean
  bool mapped_ = false;
  std::string note_;

  // Of what is above, until it changes.
  std::optional<Guess> guess_;
  std::optional<SpreadMap> map_;
  std::vector<float> truth_, shown_;
};

void check_size(int columns, int rows) {
  LAT_CHECK(columns >= kLeastColumns && rows >= kLeastRows, Code::usage, "play",
            "the terminal has ", columns, " x ", rows, " characters; it needs ", kLeastColumns,
            " x ", kLeastRows, ". Enlarge it");
}

// A frame before the first key and after each, to standard output and, where asked for, to PNG files.
void play_keys(Player& player, const std::string& keys, const std::string& folder) {
  if (!folder.empty()) make_folder(folder);
  for (size_t k = 0; k <= keys.size(); ++k) {
    if (k > 0 && !player.press(keys[k - 1])) return;
    std::string number = std::to_string(k);
    number.insert(0, number.size() < 3 ? 3 - number.size() : 0, '0');
    if (folder.empty()) {
      print(cat("frame ", number, k > 0 ? cat("   key ", keys[k - 1]) : "", "\n",
                player.page(80, 24, false), "\n"));
    } else {
      const std::string path = folder + "/frame-" + number + ".png";
      write_png(path, player.picture());
      print(cat(path, "   ", player.place(), "   ", player.quality(),
                player.note().empty() ? "" : "   ", player.note(), "\n"));
    }
  }
}

void play_here(Player& player) {
  Screen screen;
  for (;;) {
    const int wide = columns(STDOUT_FILENO), high = rows(STDOUT_FILENO);
    if (wide < kLeastColumns || high < kLeastRows)
      screen.show(cat("too small: ", kLeastColumns, " x ", kLeastRows, "\nq ends\n"));
    else
      screen.show(player.page(wide, high, colours(STDOUT_FILENO)) + kHelp);
    for (const char key : screen.keys())
      if (!player.press(key)) return;
  }
}

}  // namespace

int play(const Args& args) {
  std::string run, scene, keys, out;
  MachineFlags flags;
  if (!parse_options(
          "play",
          "Walk through a test scene of a scene model; give it views, see what it predicts.\n"
          "Arrows (or l r f b) move the camera, c gives the model the view it stands at, x\n"
          "forgets all views, n opens the next scene, s shows a draw of z and then another, m\n"
          "the mean of draws, u a map of where the model is unsure, q ends.\n"
          "The run of an agent plays episodes: right (or r) takes a step, up (or f) ten, n\n"
          "opens the next one.",
          {{"RUN", &run, "the run's folder, or latest"},
           {"--scene", &scene, "the test scene, or the episode, to begin with (0)"},
           {"--keys", &keys, "press these and print a frame after each; needs no terminal"},
           {"-o,--output", &out, "with --keys: a folder for PNG frames, instead of text"},
           {"--threads", &flags.threads, "threads (all usable cores)"}},
          args))
    return 0;
  if (is_agent_run("", run)) return play_agent(run, scene, keys, out, flags);
  const i64 first = whole_number("--scene", scene, 0).value_or(0);
  for (const char key : keys)
    LAT_CHECK(kKeys.find(key) != std::string_view::npos, Code::usage, "--keys", "'", key,
              "' is no key; there are ", kKeys, "  (latent play --help)");
  LAT_CHECK(out.empty() || !keys.empty(), Code::usage, "--output", "needs --keys");
  if (keys.empty()) {
    check_terminal("play", cat("latent play ", run, " --keys ccrr   or   latent sample ", run));
    check_size(columns(STDOUT_FILENO), rows(STDOUT_FILENO));
  }
  const LoadedRun loaded = load_run(run, flags);
  Player player(scenes(*loaded.training, "play"), first);
  if (keys.empty())
    play_here(player);
  else
    play_keys(player, keys, out);
  return 0;
}

}  // namespace lat::tools
