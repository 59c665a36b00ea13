// latent play of agents: an environment drawn, and what the agent thinks of its actions.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "engine/data/file.h"
#include "tools/latent/agent_run.h"
#include "tools/latent/args.h"
#include "tools/latent/screen.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

namespace {

using std::numbers::pi;

constexpr int kLeastColumns = 60, kLeastRows = 20;
constexpr int kWords = 5;  // lines of words below the drawing
constexpr i64 kWide = 150, kHigh = 60, kZoom = 4;
constexpr i64 kFast = 10;  // steps of the other arrow
constexpr const char* kHelp = "right a step   up ten steps   n next episode   q ends\n";
constexpr std::string_view kKeys = "rfnq";

struct Colour {
  uint8_t r, g, b;
};
constexpr Colour kPaper{250, 250, 247}, kInk{40, 44, 52}, kAccent{25, 118, 210},
    kSecond{211, 84, 0}, kGround{190, 190, 184};

// A canvas in units of its own: x to the right, y up.
class Canvas {
 public:
  Canvas(double left, double right, double bottom, double top, i64 zoom)
      : picture_{kHigh * zoom, kWide * zoom, {}}, left_(left), bottom_(bottom) {
    scale_ = std::min(static_cast<double>(picture_.w) / (right - left),
                      static_cast<double>(picture_.h) / (top - bottom));
    left_ -= (static_cast<double>(picture_.w) / scale_ - (right - left)) / 2;
    picture_.rgb.resize(static_cast<size_t>(picture_.h * picture_.w * 3));
    for (i64 i = 0; i < picture_.h * picture_.w; ++i) put(i, kPaper);
  }
  // Everything within `radius` of the line.
  void line(double x0, double y0, double x1, double y1, double radius, Colour c) {
    const double dx = x1 - x0, dy = y1 - y0, n = dx * dx + dy * dy;
    paint(std::min(x0, x1) - radius, std::max(x0, x1) + radius, std::min(y0, y1) - radius,
          std::max(y0, y1) + radius, c, [&](double x, double y) {
            const double t = n > 0 ? std::clamp(((x - x0) * dx + (y - y0) * dy) / n, 0.0, 1.0) : 0;
            return std::hypot(x - x0 - t * dx, y - y0 - t * dy) <= radius;
          });
  }
  void disc(double x, double y, double radius, Colour c) { line(x, y, x, y, radius, c); }
  void box(double x0, double y0, double x1, double y1, Colour c) {
    paint(x0, x1, y0, y1, c, [](double, double) { return true; });
  }
  const Picture& picture() const { return picture_; }

 private:
  void put(i64 at, Colour c) {
    uint8_t* const p = picture_.rgb.data() + 3 * at;
    p[0] = c.r, p[1] = c.g, p[2] = c.b;
  }
  // Pixels whose middles lie in the box and for which `inside` holds.
  template <class Inside>
  void paint(double x0, double x1, double y0, double y1, Colour c, Inside inside) {
    const auto clip = [](double v, i64 most) {
      return static_cast<i64>(std::clamp(v, 0.0, static_cast<double>(most)));
    };
    const double high = static_cast<double>(picture_.h);
    for (i64 row = clip(std::floor(high - (y1 - bottom_) * scale_), picture_.h);
         row < clip(std::ceil(high - (y0 - bottom_) * scale_), picture_.h); ++row)
      for (i64 col = clip(std::floor((x0 - left_) * scale_), picture_.w);
           col < clip(std::ceil((x1 - left_) * scale_), picture_.w); ++col) {
        const double x = left_ + (static_cast<double>(col) + 0.5) / scale_;
        const double y = bottom_ + (high - static_cast<double>(row) - 0.5) / scale_;
        if (x >= x0 && x <= x1 && y >= y0 && y <= y1 && inside(x, y))
          put(row * picture_.w + col, c);
      }
  }

  Picture picture_;
  double left_, bottom_, scale_ = 1;
};

using State = std::vector<double>;

Picture draw_cartpole(const State& s, i64 zoom) {
  Canvas c(-2.4, 2.4, -0.45, 1.45, zoom);
  c.box(-2.4, -0.22, 2.4, -0.17, kGround);
  for (const double x : {-2.4, 2.35}) c.box(x, -0.3, x + 0.05, -0.1, kGround);
  c.box(s[0] - 0.25, -0.17, s[0] + 0.25, 0.08, kInk);
  c.line(s[0], 0.08, s[0] + std::sin(s[2]), 0.08 + std::cos(s[2]), 0.045, kSecond);
  c.disc(s[0], 0.08, 0.05, kAccent);
  return c.picture();
}

Picture draw_pendulum(const State& s, i64 zoom) {
  Canvas c(-2.4, 2.4, -1.25, 1.25, zoom);
  c.line(0, 0, std::sin(s[0]), std::cos(s[0]), 0.09, kSecond);
  c.disc(0, 0, 0.06, kInk);
  return c.picture();
}

Picture draw_acrobot(const State& s, i64 zoom) {
  Canvas c(-4.2, 4.2, -2.2, 2.2, zoom);
  c.box(-2.2, 0.98, 2.2, 1.02, kGround);  // the height to reach
  const double x = std::sin(s[0]), y = -std::cos(s[0]);
  c.line(0, 0, x, y, 0.09, kInk);
  c.line(x, y, x + std::sin(s[0] + s[1]), y - std::cos(s[0] + s[1]), 0.09, kSecond);
  c.disc(0, 0, 0.1, kAccent);
  c.disc(x, y, 0.1, kAccent);
  return c.picture();
}

Picture draw_mountain_car(const State& s, i64 zoom, double goal) {
  Canvas c(-1.2, 0.6, -0.1, 1.1, zoom);
  const auto hill = [](double x) { return 0.45 * std::sin(3 * x) + 0.5; };
  constexpr int kPieces = 90;
  const auto at = [](int i) { return -1.2 + 1.8 * i / kPieces; };
  for (int i = 0; i < kPieces; ++i)
    c.line(at(i), hill(at(i)), at(i + 1), hill(at(i + 1)), 0.012, kGround);
  c.line(goal, hill(goal), goal, hill(goal) + 0.14, 0.008, kInk);
  c.box(goal, hill(goal) + 0.08, goal + 0.08, hill(goal) + 0.14, kSecond);
  c.disc(s[0], hill(s[0]) + 0.045, 0.045, kAccent);
  return c.picture();
}

// What is seen as a board, (rows, columns).
Picture draw_board(const State& seen, i64 columns, i64 zoom) {
  const i64 rows = static_cast<i64>(seen.size()) / columns;
  Canvas c(0, static_cast<double>(columns), 0, static_cast<double>(rows), zoom);
  for (i64 r = 0; r < rows; ++r)
    for (i64 k = 0; k < columns; ++k) {
      const bool on = seen[static_cast<size_t>(r * columns + k)] > 0.5;
      const double x = static_cast<double>(k), y = static_cast<double>(rows - 1 - r);
      c.box(x + 0.06, y + 0.06, x + 0.94, y + 0.94,
            on ? r + 1 == rows ? kAccent : kSecond : Colour{228, 228, 222});
    }
  return c.picture();
}

Picture draw(const std::string& environment, const State& state, const State& seen, i64 zoom) {
  if (environment == "cartpole") return draw_cartpole(state, zoom);
  if (environment == "pendulum") return draw_pendulum(state, zoom);
  if (environment == "acrobot") return draw_acrobot(state, zoom);
  if (environment == "mountain_car") return draw_mountain_car(state, zoom, 0.5);
  if (environment == "mountain_car_continuous") return draw_mountain_car(state, zoom, 0.45);
  constexpr i64 kCatchColumns = 5;
  const double side = std::sqrt(static_cast<double>(seen.size()));
  return draw_board(seen, environment == "catch" ? kCatchColumns : std::llround(side), zoom);
}

// The words for a choice, where there are some.
std::string action_name(const std::string& environment, size_t k) {
  const auto pick = [&](std::initializer_list<const char*> names) {
    return k < names.size() ? std::string(*(names.begin() + k)) : std::to_string(k);
  };
  if (environment == "cartpole") return pick({"left", "right"});
  if (environment == "acrobot") return pick({"torque -1", "torque 0", "torque +1"});
  if (environment == "mountain_car") return pick({"left", "coast", "right"});
  if (environment == "catch") return pick({"left", "stay", "right"});
  return cat("action ", k);
}

// One copy of the environment, and the agent's greedy moves.
class Player {
 public:
  Player(rl::Training& t, i64 episode)
      : t_(t),
        env_(rl::make_environments(t.ctx(), t.environments().name(), 1, t.environments().seed(),
                                   options(t.environments()))),
        memory_(t.ctx(), {1, std::max<i64>(t.agent().memory_size(), 1)}),
        move_(t.ctx(), "play", {[this] { return moved(); }}),
        look_(t.ctx(), "look", {[this] { return looked(); }}) {
    for (i64 e = 0; e <= episode; ++e) begin();
    number_ = episode;
  }

  bool press(char key) {
    switch (key) {
      case kRight:
        step();
        break;
      case kUp:
        for (i64 k = 0; k < kFast && !over_; ++k) step();
        break;
      case 'n':
        begin();
        ++number_;
        break;
      default:
        return key != 'q';
    }
    return true;
  }

  std::string place() const {
    return cat(t_.entry().name, " in ", env_.name(), "   episode ", number_, "   step ", steps_,
               "   return ", fixed(return_, 2), over_ ? "   over: n" : "");
  }
  std::string name_of(size_t k) const {
    return env_.action().discrete ? action_name(env_.name(), k) : cat("number ", k);
  }
  std::string words() const {
    std::string text = place();
    for (size_t k = 0; k < values_.size(); ++k)
      text += cat("\n", name_of(k), "  ", what_, " ", fixed(values_[k], 3), "  ", bar(k));
    return text + "\n";
  }
  std::string page(int columns, int rows, bool colour) const {
    const i64 wide = std::min<i64>(
        columns - 1, (rows - kWords - static_cast<i64>(values_.size())) * 2 * kWide / kHigh);
    Picture drawn = draw(env_.name(), state_, seen_, 1);
    if (!colour)  // paper is blank
      for (uint8_t& v : drawn.rgb) v = static_cast<uint8_t>(255 - v);
    return to_terminal(drawn, std::max<i64>(wide, 20), colour) + words();
  }
  Picture picture() const {
    std::string caption = place() + "   " + what_;
    for (size_t k = 0; k < values_.size(); ++k)
      caption += cat("   ", name_of(k), " ", fixed(values_[k], 3));
    return stack({{caption, draw(env_.name(), state_, seen_, kZoom)}});
  }

 private:
  struct Tensors {
    std::function<std::vector<Tensor>()> f;
    std::vector<Tensor> operator()() const { return f(); }
  };

  static rl::EnvironmentOptions options(const rl::Environments& like) {
    rl::EnvironmentOptions o = like.options();
    o.stream = rl::Stream::demonstration;
    return o;
  }
  // A greedy step: reward, whether it was the last.
  std::vector<Tensor> moved() {
    const NoGrad off(t_.ctx());
    Tensor h = memory_;
    const Tensor action = t_.agent().act(env_.observe(), h);
    if (t_.agent().memory_size() > 0) assign(memory_, h);
    const rl::Stepped next = env_.step(action);
    return {next.reward, next.terminated + next.truncated, next.final_obs};
  }
  // What is seen, and what is thought of it.
  std::vector<Tensor> looked() {
    const NoGrad off(t_.ctx());
    Tensor h = memory_;
    const Tensor obs = env_.observe();
    const rl::Thought thought = t_.agent().think(obs, h);
    what_ = thought.what;
    return {obs, thought.values};
  }
  void step() {
    if (over_) return;
    const std::vector<Tensor> out = move_();
    return_ += to_host(out[0])[0];
    over_ = to_host(out[1])[0] != 0;
    ++steps_;
    if (!over_) look();
  }
  void begin() {
    env_.reset();
    set_values(memory_, State(static_cast<size_t>(memory_.tensor().size())));
    return_ = 0;
    steps_ = 0;
    over_ = false;
    look();
  }
  void look() {
    const std::vector<Tensor> out = look_();
    seen_ = to_host(out[0]);
    values_ = to_host(out[1]);
    state_ = env_.states();
  }
  // Of a probability its length, of others their place among all.
  std::string bar(size_t k) const {
    constexpr double kLong = 30;
    double share = values_[k];
    if (std::string(what_) == "action") share = (std::clamp(values_[k], -1.0, 1.0) + 1) / 2;
    if (std::string(what_) == "Q") {
      const auto [least, most] = std::minmax_element(values_.begin(), values_.end());
      share = *most > *least ? (values_[k] - *least) / (*most - *least) : 1;
    }
    return std::string(static_cast<size_t>(std::lround(share * kLong)), '#');
  }

  rl::Training& t_;
  rl::Environments env_;
  Buffer memory_;
  Step<Tensors> move_, look_;
  const char* what_ = "";
  i64 number_ = 0, steps_ = 0;
  double return_ = 0;
  bool over_ = false;
  State state_, seen_, values_;
};

}  // namespace

int play_agent(const std::string& run, const std::string& episode, const std::string& keys,
               const std::string& out, const MachineFlags& flags) {
  for (const char key : keys)
    LAT_CHECK(kKeys.find(key) != std::string_view::npos, Code::usage, "--keys", "'", key,
              "' is no key of an agent's run; there are ", kKeys, "  (latent play --help)");
  if (keys.empty())
    check_terminal("play", cat("latent play ", run, " --keys rrff   or   latent eval ", run));
  const LoadedAgent loaded = load_agent(run, flags);
  Player player(*loaded.training, whole_number("--scene", episode, 0).value_or(0));
  if (!keys.empty()) {
    if (!out.empty()) make_folder(out);
    for (size_t k = 0; k <= keys.size(); ++k) {
      if (k > 0 && !player.press(keys[k - 1])) return 0;
      std::string number = std::to_string(k);
      number.insert(0, number.size() < 3 ? 3 - number.size() : 0, '0');
      if (out.empty()) {
        print(cat("frame ", number, k > 0 ? cat("   key ", keys[k - 1]) : "", "\n",
                  player.page(80, 30, false), "\n"));
      } else {
        const std::string path = out + "/frame-" + number + ".png";
        write_png(path, player.picture());
        print(cat(path, "   ", player.words()));
      }
    }
    return 0;
  }
  Screen screen;
  for (;;) {
    const int wide = columns(STDOUT_FILENO), high = rows(STDOUT_FILENO);
    if (wide < kLeastColumns || high < kLeastRows)
      screen.show(cat("too small: ", kLeastColumns, " x ", kLeastRows, "\nq ends\n"));
    else
      screen.show(player.page(wide, high, colours(STDOUT_FILENO)) + kHelp);
    for (const char key : screen.keys())
      if (!player.press(key)) return 0;
  }
}

}  // namespace lat::tools
