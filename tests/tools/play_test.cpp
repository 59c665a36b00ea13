// latent play: keys and pages on a pseudo-terminal, what it leaves behind however it ends; frames without a terminal.
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <utmp.h>

#include <cmath>
#include <stdexcept>

#include "tests/tools/program.h"
#include "tools/latent/picture.h"
#include "tools/latent/run_folder.h"
#include "tools/latent/scene_view.h"
#include "tools/latent/screen.h"

namespace {

using namespace lat::test;
using lat::i64;

const std::string kEntered = "\x1b[?1049h\x1b[?25l", kLeft = "\x1b[?25h\x1b[?1049l";

// A run of a scene model that has learned next to nothing.
void train(const Folder& in, const std::string& world, const std::string& out) {
  const Outcome o = run(in, {"train",     "gqn-tiny",
                             "--data",    world,
                             "--steps",   "2",
                             "--out",     out,
                             "--threads", "1",
                             "--set",     "model.layers=2",
                             "--set",     "model.channels=8",
                             "--set",     "model.canvas=8",
                             "--set",     "model.width=16",
                             "--set",     "model.r=8",
                             "--set",     "train.batch=4",
                             "--set",     "train.test_batch=4"});
  REQUIRE_MESSAGE(o.code == 0, o.err);
}

// A terminal of its own with a child at work on it.
class Terminal {
 public:
  // `body` is run in the child, which ends with what it returns.
  explicit Terminal(const std::function<int()>& body, int columns = 80, int rows = 30) {
    const winsize size{static_cast<unsigned short>(rows), static_cast<unsigned short>(columns), 0,
                       0};
    REQUIRE(::openpty(&master_, &slave_, nullptr, nullptr, &size) == 0);
    before_ = state();
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ > 0) return;
    ::close(master_);
    if (::login_tty(slave_) != 0) ::_exit(126);
    ::_exit(body());
  }
  ~Terminal() {
    if (child_ > 0) ::kill(child_, SIGKILL), ::waitpid(child_, nullptr, 0);
    ::close(master_);
    ::close(slave_);
  }

  void type(const std::string& keys) const {
    REQUIRE(::write(master_, keys.data(), keys.size()) == static_cast<ssize_t>(keys.size()));
  }
  void resize(int columns, int rows) const {
    const winsize size{static_cast<unsigned short>(rows), static_cast<unsigned short>(columns), 0,
                       0};
    REQUIRE(::ioctl(master_, TIOCSWINSZ, &size) == 0);
  }
  void signal(int number) const { ::kill(child_, number); }

  // What came since the last wait, up to and with `part`.
  std::string wait_for(const std::string& part) {
    for (int quiet = 0; !contains(seen_, part) && quiet < 600; ++quiet)
      if (receive(100)) quiet = 0;
    const size_t at = seen_.find(part);
    REQUIRE_MESSAGE(at != std::string::npos, "'", part, "' did not come; there is '", seen_, "'");
    const std::string out = seen_.substr(0, at + part.size());
    seen_.erase(0, out.size());
    return out;
  }
  // Exit code, or 128 + signal; what it wrote until then stays to be waited for.
  int end() {
    int status = 0;
    while (::waitpid(child_, &status, WNOHANG) == 0) receive(20);
    child_ = 0;
    while (receive(0)) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  // Echo and lines as before, the other page left as last as it was entered.
  void check_restored() {
    const termios now = state();
    CHECK(now.c_lflag == before_.c_lflag);
    CHECK(now.c_iflag == before_.c_iflag);
    CHECK(now.c_oflag == before_.c_oflag);
    CHECK(now.c_cflag == before_.c_cflag);
    CHECK(std::equal(std::begin(now.c_cc), std::end(now.c_cc), std::begin(before_.c_cc)));
    const size_t left = all_.rfind(kLeft), entered = all_.rfind(kEntered);
    REQUIRE(left != std::string::npos);
    REQUIRE(entered != std::string::npos);
    CHECK(left > entered);
  }
  bool raw() const { return (state().c_lflag & (ICANON | ECHO)) == 0; }

 private:
  termios state() const {
    termios t{};
    REQUIRE(::tcgetattr(slave_, &t) == 0);
    return t;
  }
  bool receive(int milliseconds) {
    pollfd input{master_, POLLIN, 0};
    char bytes[4096];
    if (::poll(&input, 1, milliseconds) <= 0) return false;
    const ssize_t n = ::read(master_, bytes, sizeof bytes);
    if (n <= 0) return false;
    seen_.append(bytes, static_cast<size_t>(n));
    all_.append(bytes, static_cast<size_t>(n));
    return true;
  }

  int master_ = -1, slave_ = -1;
  pid_t child_ = 0;
  termios before_{};
  std::string seen_, all_;
};

// The program on a terminal with colours.
std::function<int()> playing(const Folder& in, const std::string& run) {
  const std::string path = program(), folder = in.path;
  return [=] {
    ::setenv("TERM", "xterm-256color", 1);
    ::setenv("LC_ALL", "C.UTF-8", 1);
    ::unsetenv("NO_COLOR");
    if (::chdir(folder.c_str()) != 0) return 125;
    ::execl(path.c_str(), path.c_str(), "play", run.c_str(), "--threads", "1", nullptr);
    return 127;
  };
}

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

// Of the scripted frames the one with this number.
std::string frame(const std::string& out, const std::string& number) {
  const size_t from = out.find("frame " + number), line = out.find('\n', from);
  REQUIRE(from != std::string::npos);
  const size_t next = out.find("frame ", line);
  return out.substr(line + 1, next == std::string::npos ? next : next - line - 1);
}

}  // namespace

TEST_CASE("keys: arrows of both kinds, torn and unknown sequences") {
  const auto keys = [](std::string sent) { return lat::tools::take_keys(sent); };
  CHECK(keys("cq") == "cq");
  CHECK(keys("\x1b[A\x1b[B\x1b[C\x1b[D") == "fbrl");
  CHECK(keys("\x1bOA\x1bOB\x1bOC\x1bOD") == "fbrl");
  CHECK(keys("\x1b[3~c\x1b[1;5Cx\x1b[Zq") == "crxq");
  CHECK(keys("\x1bq") == "q");
  std::string sent = "c\x1b";
  CHECK(lat::tools::take_keys(sent) == "c");
  sent += "[";
  CHECK(lat::tools::take_keys(sent) == "");
  sent += "Dn";
  CHECK(lat::tools::take_keys(sent) == "ln");
  CHECK(sent == "");
}

TEST_CASE("play on a terminal: keys, pages, sizes, and the terminal as it was") {
  const Folder in;
  train(in, "rooms", "r");
  {
    Terminal t(playing(in, "r"));
    t.wait_for(kEntered);
    std::string page = t.wait_for("q ends");
    CHECK(t.raw());
    CHECK(contains(page, "scene 0   0 of 4 views given   at "));
    for (const char* part :
         {"mean of 16 draws", "true view", "spread, 0 to 0.25", "RMSE 0.", "\u2580"})
      CHECK_MESSAGE(contains(page, part), part);
    // Three images of 16 x 16, two pixels a character.
    CHECK(count(page, "\u2580") == 3 * 16 * 8);
    t.type("c");
    page = t.wait_for("q ends");
    CHECK(contains(page, "scene 0   1 of 4 views given"));
    CHECK(contains(page, "given 1"));
    CHECK(count(page, "\u2580") == 4 * 16 * 8);
    t.type("\x1b[C");  // several keys may share a page
    const std::string moved = t.wait_for("q ends");
    t.type("\x1b[D");
    const std::string back = t.wait_for("q ends");
    CHECK(moved.substr(0, moved.find("RMSE")) != back.substr(0, back.find("RMSE")));
    t.type("cccc");
    t.wait_for("4 of 4 views given");
    t.wait_for("this model takes at most 4 views; x forgets them");
    t.type("x");
    t.wait_for("0 of 4 views given");
    t.type("u");
    t.wait_for("where it is unsure");
    t.type("s");
    t.wait_for("draw 1");
    t.type("m");
    t.wait_for("mean of 16 draws");
    t.type("\x1b[A");
    t.wait_for("cameras of this world stay on a ring");
    t.type("n");
    t.wait_for("scene 1   0 of 4");
    t.wait_for("q ends");
    t.resize(59, 30);
    t.wait_for("too small: 60 x 14");
    t.resize(60, 14);
    page = t.wait_for("q ends");
    page += t.wait_for("map   q ends");
    CHECK(count(page, "\u2580") == 3 * 16 * 8);
    // No line is wider than the terminal or below its last row.
    CHECK(count(page.substr(page.rfind("\x1b[H")), "\r\n") <= 13);
    t.type("q");
    CHECK(t.end() == 0);
    t.check_restored();
  }
  for (const int number : {SIGTERM, SIGHUP, SIGQUIT, SIGINT}) {
    CAPTURE(number);
    Terminal t(playing(in, "r"));
    t.wait_for("q ends");
    CHECK(t.raw());
    if (number == SIGINT)
      t.type("\x03");
    else
      t.signal(number);
    CHECK(t.end() == 128 + number);
    t.check_restored();
  }
  Terminal small(playing(in, "r"), 50, 30);
  CHECK(small.end() == 2);
  small.wait_for("the terminal has 50 x 30 characters; it needs 60 x 14");
}

TEST_CASE("screen: exceptions, crashes and stops give the terminal back") {
  {
    Terminal t([] {
      try {
        lat::tools::Screen screen;
        screen.show("shown\n");
        throw std::runtime_error("x");
      } catch (const std::exception&) {
        return 7;
      }
      return 0;
    });
    CHECK(t.end() == 7);
    t.wait_for("shown");
    t.check_restored();
  }
  for (const int number : {SIGSEGV, SIGABRT, SIGFPE}) {
    Terminal t([number] {
      lat::tools::Screen screen;
      screen.show("shown\n");
      ::raise(number);
      return 0;
    });
    CHECK(t.end() == 128 + number);
    t.check_restored();
  }
  // Nobody is there to wake a process group without a parent: it goes on at once, and shows its page again.
  Terminal t([] {
    lat::tools::Screen screen;
    screen.show("shown\n");
    ::raise(SIGTSTP);
    while (screen.keys() != "") {
    }
    screen.show("again\n");
    return screen.keys() == "q" ? 9 : 8;
  });
  t.wait_for("shown");
  t.wait_for(kLeft);
  t.wait_for(kEntered);
  t.wait_for("again");
  CHECK(t.raw());
  t.type("q");
  CHECK(t.end() == 9);
  t.check_restored();
}

TEST_CASE("play without a terminal: a frame before the first key and after each") {
  const Folder in;
  train(in, "rooms", "r");
  const Words keys{"play", "r", "--keys", "crlcccclxnsmfuq"};
  const Outcome o = run(in, keys);
  REQUIRE_MESSAGE(o.code == 0, o.err);
  CHECK(!contains(o.out, "\x1b"));
  CHECK(count(o.out, "frame ") == 15);
  CHECK(contains(o.out, "frame 003   key l\n"));
  CHECK(contains(frame(o.out, "000"), "scene 0   0 of 4 views given   at "));
  CHECK(contains(frame(o.out, "001"), "scene 0   1 of 4 views given"));
  CHECK(contains(frame(o.out, "001"), "this view is given now"));
  const auto quiet = [&](const char* number) {
    const std::string text = frame(o.out, number);
    return text.substr(0, text.find("this view"));
  };
  CHECK(quiet("001").substr(0, 500) == quiet("003").substr(0, 500));
  CHECK(quiet("001").substr(0, 500) != quiet("002").substr(0, 500));
  CHECK(contains(frame(o.out, "006"), "4 of 4 views given"));
  CHECK(contains(frame(o.out, "007"), "4 of 4 views given"));
  CHECK(contains(frame(o.out, "007"), "at most 4 views"));
  CHECK(contains(frame(o.out, "009"), "0 of 4 views given"));
  CHECK(contains(frame(o.out, "010"), "scene 1   0 of 4 views given"));
  CHECK(contains(frame(o.out, "011"), "draw 1 "));
  CHECK(contains(frame(o.out, "012"), "mean of 16 draws"));
  CHECK(contains(frame(o.out, "013"), "stay on a ring"));
  CHECK(contains(frame(o.out, "014"), "where it is unsure"));
  CHECK(run(in, keys + Words{"--threads", "1"}).out == o.out);

  const Outcome drawn = run(in, {"play", "r", "--scene", "3", "--keys", "ccuq", "-o", "frames"});
  REQUIRE_MESSAGE(drawn.code == 0, drawn.err);
  CHECK(count(drawn.out, "\n") == 4);
  CHECK(drawn.out.starts_with("frames/frame-000.png   scene 3   0 of 4 views given"));
  const lat::tools::Picture first = lat::tools::read_png(in / "frames/frame-000.png");
  for (const char* name : {"frame-001.png", "frame-002.png", "frame-003.png"}) {
    const lat::tools::Picture p = lat::tools::read_png(in / "frames" + "/" + name);
    CHECK(p.h == first.h);
    CHECK(p.w == first.w);
    CHECK(p.rgb != first.rgb);
  }
  CHECK(!fs::exists(in / "frames/frame-004.png"));

  check_refused(in, {"play", "r", "--keys", "cz"}, 2, {"'z' is no key", "lrfbcxnsmuq"});
  check_refused(in, {"play", "r", "-o", "x"}, 2, {"--output", "--keys"});
  check_refused(in, {"play", "r"}, 2, {"is no terminal", "latent sample r", "--keys"});
  check_refused(in, {"play", "none", "--keys", "q"}, 3, {"none"});
  REQUIRE(run(in, tiny("vae") + Words{"--steps", "1", "--out", "v"}).code == 0);
  check_refused(in, {"play", "v", "--keys", "q"}, 2, {"play", "scenes", "gqn-tiny"});
  check_refused(in, {"sample", "v", "--orbit", "4"}, 2, {"--orbit", "scenes"});
  check_refused(in, {"sample", "v", "--views", "1"}, 2, {"--views", "scenes"});
}

TEST_CASE("play: walls, objects and the ends of a sphere stop the camera") {
  const Folder in;
  train(in, "rooms-free", "free");
  const Outcome walk =
      run(in, {"play", "free", "--keys", "ffffffffffffffffffffffffbbbbbbbbbbbbbbbbbbbbbbbbllr"});
  REQUIRE_MESSAGE(walk.code == 0, walk.err);
  CHECK(contains(walk.out, " is in the way"));
  CHECK(contains(frame(walk.out, "000"), " looking "));
  const Outcome later = run(in, {"play", "free", "--scene", "1000", "--keys", "ccccl"});
  REQUIRE_MESSAGE(later.code == 0, later.err);
  for (const char* number : {"000", "004", "005"}) CHECK(frame(later.out, number).find('\n') < 60);
  const size_t refused = walk.out.find("is in the way");
  CHECK(walk.out.find("is in the way", refused + 1) != std::string::npos);
  train(in, "shepard-metzler-5", "figures");
  const Outcome o = run(in, {"play", "figures", "--keys", "fffffffffbbbbbbbbbbbbu"});
  REQUIRE_MESSAGE(o.code == 0, o.err);
  CHECK(contains(o.out, "no camera of this world is higher"));
  CHECK(contains(o.out, "no camera of this world is lower"));
  const Outcome map = run(in, {"sample", "free", "--orbit", "3", "-o", "free.png"});
  CHECK_MESSAGE(map.code == 0, map.err);
}

TEST_CASE("sample: scenes from some views, and one of them all around") {
  const Folder in;
  train(in, "rooms", "r");
  for (const Words& words :
       {Words{"-n", "1"}, Words{"--views", "0,3", "--scene", "2", "-n", "2"}}) {
    fs::remove(in / "p.png");
    const Outcome o = run(in, Words{"sample", "r", "-o", "p.png"} + words);
    CHECK_MESSAGE(o.code == 0, o.err);
    CHECK(get(in / "p.png").starts_with("\x89PNG"));
  }
  const Outcome o = run(in, {"sample", "r", "--orbit", "5", "--scene", "1", "-o", "orbit.png"});
  REQUIRE_MESSAGE(o.code == 0, o.err);
  const lat::tools::Picture sheet = lat::tools::read_png(in / "orbit.png");
  // The first row is what the renderer sees from the ring; each pixel is 4 x 4.
  const lat::rooms::Scenes test = [&] {
    const lat::tools::LoadedRun run = lat::tools::load_run(in / "r", {});
    return lat::tools::test_scenes(lat::tools::scenes(*run.training, "test"));
  }();
  const lat::rooms::Scene scene = test.scene(1);
  i64 wrong = 0;
  for (i64 k = 0; k < 5; ++k) {
    std::vector<float> image(16 * 16 * 3);
    const float turn = 2 * 3.14159265f * static_cast<float>(k) / 5;
    lat::rooms::Camera camera{3 * std::cos(turn), 3 * std::sin(turn), 1.3f, turn + 3.14159265f,
                              -std::atan(0.3f)};
    lat::rooms::render(scene, camera, 16, image.data());
    for (i64 i = 0; i < 16 * 16; ++i)
      for (i64 c = 0; c < 3; ++c) {
        const i64 row = 15 + i / 16 * 4 + 2, column = 4 + k * 66 + i % 16 * 4 + 2;
        const double seen = sheet.rgb[static_cast<size_t>((row * sheet.w + column) * 3 + c)];
        wrong += std::abs(seen - 255.0 * image[static_cast<size_t>(3 * i + c)]) > 1;
      }
  }
  CHECK(wrong <= 5);  // of 3840: rounded angles may move an edge
  check_refused(in, {"sample", "r", "--views", "0,5"}, 2, {"--views", "5 views", "0 to 4"});
  check_refused(in, {"sample", "r", "--orbit", "3", "--views", "5"}, 2, {"0 to 4"});
  check_refused(in, {"sample", "r", "--orbit", "0"}, 2, {"--orbit"});
  check_refused(in, {"sample", "r", "--orbit", "9999"}, 2, {"--orbit", "360"});
  check_refused(in, {"sample", "r", "--orbit", "3", "-n", "2"}, 2, {"--orbit", "-n"});
}

TEST_CASE("mean, spread and map of predictions against their definitions") {
  const Folder in;
  train(in, "rooms", "r");
  const lat::tools::LoadedRun loaded = lat::tools::load_run(in / "r", {});
  auto& t = lat::tools::scenes(*loaded.training, "test");
  const auto known = t.representation(t.views(0, 2));
  const lat::tools::Guess g = lat::tools::guess(t, known, lat::rooms::ring_camera(1.0f), 5, 3);
  const size_t size = 16 * 16 * 3;
  REQUIRE(g.draws.size() == 5 * size);
  double squares = 0;
  for (size_t i = 0; i < size; ++i) {
    double sum = 0, pairs = 0;
    for (size_t a = 0; a < 5; ++a) {
      sum += g.draws[a * size + i];
      for (size_t b = 0; b < 5; ++b)
        pairs += std::pow(g.draws[a * size + i] - g.draws[b * size + i], 2);
    }
    CHECK(g.mean[i] == doctest::Approx(sum / 5));
    CHECK(g.spread[i] * g.spread[i] == doctest::Approx(pairs / 50).epsilon(1e-4));
    squares += pairs / 50;
  }
  const std::vector<float> heat = lat::tools::heat({0, 0, 0, 0.125f, 0.125f, 0.125f, 0, 0.5f, 0});
  for (const auto& [i, v] : {std::pair{0, 0.0}, {1, 0.0}, {3, 1.0}, {4, 0.5}, {5, 0.0}, {8, 1.0}})
    CHECK(heat[static_cast<size_t>(i)] == doctest::Approx(v));
  CHECK(g.unsure > 0);
  CHECK(g.unsure == doctest::Approx(std::sqrt(squares / static_cast<double>(size))));

  const lat::tools::SpreadMap map(t, 0, known);
  double sum = 0;
  const auto ring = lat::tools::orbit("rooms", 24);
  for (const lat::rooms::Camera& camera : ring)
    sum += lat::tools::guess(t, known, camera, 8).unsure;
  CHECK(map.mean() == doctest::Approx(sum / 24));
  // At each of the ring's 24 places its own value, as heat; given cameras white, the present one magenta.
  const lat::tools::Picture picture = map.draw(200, {ring[6]}, ring[12]);
  const auto at = [&](double x, double y) {
    const i64 row = static_cast<i64>((1 - y / 3.5) * 100),
              column = static_cast<i64>((1 + x / 3.5) * 100);
    const uint8_t* const p = &picture.rgb[static_cast<size_t>((row * 200 + column) * 3)];
    return std::vector<int>{p[0], p[1], p[2]};
  };
  for (size_t k = 0; k < 24; ++k) {
    if (k == 6 || k == 12) continue;
    const double hot = 3 * 4 * lat::tools::guess(t, known, ring[k], 8).unsure;
    const std::vector<int> seen = at(ring[k].x, ring[k].y);
    for (size_t c = 0; c < 3; ++c)
      CHECK(std::abs(seen[c] - 255 * std::clamp(hot - static_cast<double>(c), 0.0, 1.0)) <= 1);
  }
  CHECK(at(ring[6].x, ring[6].y) == std::vector<int>{255, 255, 255});
  CHECK(at(ring[12].x, ring[12].y) == std::vector<int>{255, 0, 255});
}
