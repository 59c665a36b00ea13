#include "kernels/emulator/device.h"

#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "kernels/emulator/counters.h"
#include "kernels/emulator/poison.h"

namespace lat::emu {

struct Event final : gpu::Event {
  Device& device;
  size_t number;
  Event(Device& d, size_t n) : device(d), number(n) {}
  void synchronize() override { device.finish_event(number); }
  bool passed() override { return device.has_passed(number); }
  double milliseconds_since(gpu::Event& earlier) override {
    return device.milliseconds_of(number) -
           device.milliseconds_of(static_cast<Event&>(earlier).number);
  }
};

namespace {

constexpr size_t kAlign = 256, kGuard = 64;
constexpr char kGuardByte = char(0xA5), kPoison = char(0xFF);
constexpr size_t kKept = 64 << 20;  // bytes of released memory

struct Graph final : gpu::Graph {
  std::unique_ptr<Capture> work;
};

void unmap(char* base, size_t bytes, size_t reserved) {
  unpoison(base - kGuard, bytes + 2 * kGuard);  // the next mapping may lie at the same addresses
  munmap(base - kAlign, reserved);
}

std::string bytes_text(size_t bytes) { return std::to_string(bytes) + " bytes"; }

std::string text(const gpu::Launch& how) {
  return std::string(how.file) + ":" + std::to_string(how.line);
}

bool all_bytes(const char* p, size_t n, char byte) {
  return n == 0 || (p[0] == byte && memcmp(p, p + 1, n - 1) == 0);
}

void check_launch(const gpu::Launch& how) {
  const gpu::Extent &g = how.grid, &b = how.block;
  const auto refuse = [&](const std::string& what) {
    throw gpu::Error(what + "\n  in the launch at " + text(how));
  };
  if (b.x < 0 || b.y < 0 || b.z < 0 || g.x < 0 || g.y < 0 || g.z < 0) refuse("a negative extent");
  if (b.x > kBlockThreads || b.y > kBlockThreads || b.z > 64 || b.volume() > kBlockThreads)
    refuse("a block of " + std::to_string(b.x) + " x " + std::to_string(b.y) + " x " +
           std::to_string(b.z) + " threads; at most " + std::to_string(kBlockThreads) +
           " together, 64 along z");
  if (g.x > 0x7fffffff || g.y > 65535 || g.z > 65535)
    refuse("a grid of " + std::to_string(g.x) + " x " + std::to_string(g.y) + " x " +
           std::to_string(g.z) + " blocks; at most 2147483647 x 65535 x 65535");
  if (how.shared < 0 || how.shared > kSharedBytes)
    refuse(std::to_string(how.shared) + " bytes of shared memory; at most " +
           std::to_string(kSharedBytes));
}

}  // namespace

// ---- memory -------------------------------------------------------------------------------------

Device::Device(Schedule schedule) : schedule_(schedule) {}

Device::~Device() {
  for (const Allocation& a : memory_)
    if (!a.room) unmap(a.base, a.bytes, a.reserved);
}

void* Device::allocate(size_t bytes) {
  refuse_after_failure();
  refuse_while_capturing("allocate");
  const size_t room = bytes + 2 * kAlign + kGuard;
  Allocation a{std::unique_ptr<char[]>(new char[room]), nullptr, bytes, false};
  const uintptr_t first = reinterpret_cast<uintptr_t>(a.room.get()) + kGuard;
  a.base = a.room.get() + kGuard + (kAlign - first % kAlign) % kAlign;
  memset(a.base - kGuard, kGuardByte, bytes + 2 * kGuard);
  memset(a.base, kPoison, bytes);
  poison(a.base - kGuard, kGuard);
  poison(a.base + bytes, kGuard);
  memory_.push_back(std::move(a));
  return memory_.back().base;
}

void Device::release(void* memory) {
  if (!memory) return;
  refuse_while_capturing("release");
  if (failure_.empty()) finish(nullptr);
  size_t kept = 0;
  for (Allocation& a : memory_) {
    if (a.released) kept += a.bytes;
    if (a.base != memory || a.released) continue;
    memset(a.base, kPoison, a.bytes);
    a.released = true;
    poison(a.base, a.bytes);
    while (kept > kKept) {  // the oldest go
      const auto oldest =
          std::find_if(memory_.begin(), memory_.end(), [](const auto& x) { return x.released; });
      kept -= oldest->bytes;
      memory_.erase(oldest);
    }
    return;
  }
  throw gpu::Error("release of an address that is not allocated");
}

// Without memory behind it yet: guard bands next to nothing.
void* Device::reserve(size_t most) {
  refuse_after_failure();
  const size_t room = most + 2 * kAlign;
  void* const first = mmap(nullptr, room, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (first == MAP_FAILED)
    throw gpu::Error("the system reserves no " + bytes_text(room) + "; raise ulimit -v");
  char* const base = static_cast<char*>(first) + kAlign;
  memset(base - kGuard, kGuardByte, 2 * kGuard);
  poison(base - kGuard, 2 * kGuard);
  memory_.push_back({nullptr, base, 0, false, room});
  return base;
}

Device::Allocation& Device::range(const void* base) {
  for (Allocation& a : memory_)
    if (a.base == base && !a.room) return a;
  throw gpu::Error("an address that `reserve` has not given");
}

void Device::commit(void* memory, size_t bytes) {
  refuse_after_failure();
  refuse_while_capturing("commit");
  Allocation& a = range(memory);
  if (bytes <= a.bytes) return;
  if (bytes > a.reserved - 2 * kAlign)
    throw gpu::Error("commit of " + bytes_text(bytes) + " where " +
                     bytes_text(a.reserved - 2 * kAlign) + " are reserved");
  unpoison(a.base + a.bytes, bytes - a.bytes + kGuard);
  memset(a.base + a.bytes, kPoison, bytes - a.bytes);
  memset(a.base + bytes, kGuardByte, kGuard);
  poison(a.base + bytes, kGuard);
  a.bytes = bytes;
}

void Device::give_back(void* memory) {
  refuse_while_capturing("give_back");
  if (failure_.empty()) finish(nullptr);
  const Allocation& a = range(memory);
  unmap(a.base, a.bytes, a.reserved);
  std::erase_if(memory_, [&](const Allocation& x) { return x.base == memory; });
}

void* Device::allocate_host(size_t bytes) { return new char[bytes]; }
void Device::release_host(void* memory) { delete[] static_cast<char*>(memory); }

const Device::Allocation* Device::find(const void* address) const {
  const char* const p = static_cast<const char*>(address);
  for (const Allocation& a : memory_)
    if (!a.released && p >= a.base && p <= a.base + a.bytes) return &a;
  return nullptr;
}

bool Device::owns(const void* address) const { return find(address) != nullptr; }

// Host memory may lie anywhere; what begins in device memory must end in it.
void Device::check_range(const void* address, size_t bytes, const char* what) const {
  const Allocation* const a = find(address);
  if (a && static_cast<const char*>(address) + bytes > a->base + a->bytes)
    throw gpu::Error(std::string(what) + " of " + bytes_text(bytes) + " leaves an allocation of " +
                     bytes_text(a->bytes));
  for (const Allocation& r : memory_)
    if (r.released && address >= r.base && address < r.base + r.bytes)
      throw gpu::Error(std::string(what) + " of " + bytes_text(bytes) +
                       " at released device memory");
}

void Device::check_guards(const std::string& after) const {
  if (kAsan) return;
  for (const Allocation& a : memory_)
    for (const char* band : {a.base - kGuard, a.base + a.bytes})
      if (!all_bytes(band, kGuard, kGuardByte))
        throw gpu::Error(std::string("written ") + (band < a.base ? "before" : "beyond") +
                         " an allocation of " + bytes_text(a.bytes) + "\n  by " + after);
}

void Device::check_released() const {
  if (kAsan) return;
  for (const Allocation& a : memory_)
    if (a.released && !all_bytes(a.base, a.bytes, kPoison))
      throw gpu::Error("released memory of " + bytes_text(a.bytes) + " has been written");
}

// ---- streams ------------------------------------------------------------------------------------

void Device::refuse_while_capturing(const char* what) const {
  if (!captures_.empty())
    throw gpu::Error(std::string(what) + " while a stream is capturing: do it before or after");
}

void Device::refuse_after_failure() const {
  if (!failure_.empty()) throw gpu::Error("the device has failed before: " + failure_);
}

std::unique_ptr<gpu::Stream> Device::stream() { return std::make_unique<Stream>(*this); }

std::unique_ptr<gpu::Event> Device::event() {
  events_.emplace_back();
  return std::make_unique<Event>(*this, events_.size() - 1);
}

std::unique_ptr<gpu::Event> Device::timed_event() {
  auto made = event();
  events_.back().timed = true;
  return made;
}

void Device::synchronize() {
  refuse_while_capturing("synchronize");
  finish(nullptr);
}

// Which of several that may be next; `ready` is ascending.
size_t Device::choose(const std::vector<size_t>& ready) {
  switch (schedule_.order) {
    case Order::in_order:
      return ready.front();
    case Order::reverse:
      return ready.back();
    default:
      schedule_.seed = schedule_.seed * 6364136223846793005u + 1442695040888963407u;
      return ready[size_t(schedule_.seed >> 33) % ready.size()];
  }
}

// Runs the first item of one stream; false when there is none.
bool Device::step() {
  std::vector<size_t> ready;
  for (size_t k = 0; k < streams_.size(); ++k) {
    const Stream& s = *streams_[k];
    if (s.done_ == s.queue_.size()) continue;
    const Stream::Work& next = s.queue_[s.done_];
    if (next.kind != Stream::Work::is_wait || events_[next.event].done >= next.number)
      ready.push_back(k);
  }
  if (ready.empty()) return false;
  Stream& s = *streams_[choose(ready)];
  const Stream::Work work = std::move(s.queue_[s.done_]);
  if (++s.done_ == s.queue_.size()) {
    s.queue_.clear();
    s.done_ = 0;
  }
  if (work.kind == Stream::Work::is_record) {
    EventState& e = events_[work.event];
    e.done = std::max(e.done, work.number);
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    e.milliseconds = std::chrono::duration<double, std::milli>(now).count();
  }
  if (work.kind == Stream::Work::is_call) work.run();
  return true;
}

void Device::finish_event(size_t number) {
  refuse_after_failure();
  refuse_while_capturing("synchronize");
  try {
    while (events_[number].done < events_[number].recorded && step()) {
    }
  } catch (const gpu::Error& error) {
    failure_ = error.what();
    throw;
  }
}

// A device goes on while the host looks: one more item is run.
bool Device::has_passed(size_t number) {
  refuse_after_failure();
  refuse_while_capturing("query");
  try {
    if (events_[number].done < events_[number].recorded) step();
  } catch (const gpu::Error& error) {
    failure_ = error.what();
    throw;
  }
  return events_[number].done == events_[number].recorded;
}

double Device::milliseconds_of(size_t number) const {
  const EventState& e = events_[number];
  if (!e.timed) throw gpu::Error("the time of an event that is not timed: make a timed_event");
  if (e.recorded == 0 || e.done < e.recorded)
    throw gpu::Error("the time of an event that has not been passed: synchronize with it first");
  return e.milliseconds;
}

// Runs until a stream (nullptr: every one) has nothing left.
void Device::finish(const Stream* stream) {
  refuse_after_failure();
  try {
    while (stream ? stream->done_ < stream->queue_.size() : true)
      if (!step()) break;
    check_released();
  } catch (const gpu::Error& error) {
    failure_ = error.what();
    throw;
  }
}

void Device::run_kernel(const gpu::Launch& how, const std::vector<Stream::Argument>& arguments,
                        const std::function<void()>& body) {
  for (size_t k = 0; k < arguments.size(); ++k)
    if (arguments[k].pointer && arguments[k].address && !owns(arguments[k].address))
      throw gpu::Error(
          "argument " + std::to_string(k) +
          " of a kernel is no device memory, or has been released\n  in the launch at " +
          text(how));
  schedule_.seed = schedule_.seed * 6364136223846793005u + 1442695040888963407u;
#ifdef LAT_EMULATOR_COUNT
  count_memory_of(this);
#endif
  run_grid(how, schedule_, body);
  check_guards("the kernel launched at " + text(how));
}

void Device::run_graph(const Capture& graph) {
  std::vector<char> done(graph.nodes.size());
  for (size_t count = 0; count < done.size(); ++count) {
    std::vector<size_t> ready;
    for (size_t k = 0; k < done.size(); ++k) {
      const auto& after = graph.nodes[k].after;
      if (!done[k] && std::all_of(after.begin(), after.end(), [&](size_t a) { return done[a]; }))
        ready.push_back(k);
    }
    const size_t k = choose(ready);
    done[k] = 1;
    graph.nodes[k].run();
  }
}

Stream::Stream(Device& device) : device_(device) { device_.streams_.push_back(this); }

Stream::~Stream() {
  if (capture_) {
    const Capture* const ended = capture_;
    std::erase_if(device_.captures_, [&](const auto& c) { return c.get() == ended; });
    for (Stream* s : device_.streams_)
      if (s->capture_ == ended) s->capture_ = nullptr;
  }
  try {
    if (device_.failure_.empty()) device_.finish(this);
  } catch (const gpu::Error&) {  // the device remembers it
  }
  std::erase(device_.streams_, this);
}

void Stream::add(std::function<void()> run) {
  device_.refuse_after_failure();
  if (!capture_) {
    queue_.push_back({std::move(run)});
    return;
  }
  capture_->nodes.push_back({std::move(run), last_});
  last_ = {capture_->nodes.size() - 1};
}

void Stream::launch_body(const gpu::Launch& how, std::vector<Argument> arguments,
                         std::function<void()> body) {
  check_launch(how);
  if (how.grid.volume() == 0 || how.block.volume() == 0) return;
  add([this_device = &device_, how, arguments = std::move(arguments), body = std::move(body)] {
    this_device->run_kernel(how, arguments, body);
  });
}

void Stream::copy(void* to, const void* from, size_t bytes) {
  add([d = &device_, to, from, bytes] {
    d->check_range(to, bytes, "copy");
    d->check_range(from, bytes, "copy");
    if (bytes > 0) memmove(to, from, bytes);
  });
}

void Stream::fill(void* to, u8 byte, size_t bytes) {
  add([d = &device_, to, byte, bytes] {
    d->check_range(to, bytes, "fill");
    if (bytes > 0) memset(to, byte, bytes);
  });
}

void Stream::call(void (*function)(void*), void* argument) {
  add([function, argument] { function(argument); });
}

void Stream::record(gpu::Event& event) {
  const size_t number = static_cast<Event&>(event).number;
  Device::EventState& state = device_.events_[number];
  state.capture = capture_;
  state.last = last_;
  if (!capture_) queue_.push_back({{}, Work::is_record, number, ++state.recorded});
}

void Stream::wait(gpu::Event& event) {
  const size_t number = static_cast<Event&>(event).number;
  const Device::EventState& state = device_.events_[number];
  if (!state.capture) {
    if (capture_)
      throw gpu::Error("a capturing stream waits for an event recorded outside the capture");
    if (state.recorded > 0) queue_.push_back({{}, Work::is_wait, number, state.recorded});
    return;
  }
  if (!capture_) {
    capture_ = state.capture;
    capture_->streams.push_back(this);
    last_.clear();
  }
  if (capture_ != state.capture) throw gpu::Error("a stream waits for an event of another capture");
  last_.insert(last_.end(), state.last.begin(), state.last.end());
}

void Stream::run(gpu::Graph& graph) {
  if (capture_) throw gpu::Error("a graph runs inside a capture: launch what it holds instead");
  const Capture* const work = static_cast<Graph&>(graph).work.get();
  add([d = &device_, work] { d->run_graph(*work); });
}

void Stream::synchronize() {
  device_.refuse_while_capturing("synchronize");
  device_.finish(this);
}

void Stream::begin_capture() {
  device_.refuse_after_failure();
  if (capture_) throw gpu::Error("the stream is capturing already");
  device_.captures_.push_back(std::make_unique<Capture>());
  capture_ = device_.captures_.back().get();
  capture_->streams = {this};
  last_.clear();
}

std::unique_ptr<gpu::Graph> Stream::end_capture() {
  if (!capture_ || capture_->streams[0] != this)
    throw gpu::Error("end_capture by a stream that did not begin one");
  const auto mine = std::find_if(device_.captures_.begin(), device_.captures_.end(),
                                 [&](const auto& c) { return c.get() == capture_; });
  auto graph = std::make_unique<Graph>();
  graph->work = std::move(*mine);
  device_.captures_.erase(mine);
  for (Stream* s : graph->work->streams) s->capture_ = nullptr;
  for (Device::EventState& e : device_.events_)
    if (e.capture == graph->work.get()) {
      e.capture = nullptr;
      e.last.clear();
    }

  std::vector<char> joined(graph->work->nodes.size());
  for (const size_t k : last_) joined[k] = 1;
  for (size_t k = joined.size(); k-- > 0;)
    if (joined[k])
      for (const size_t a : graph->work->nodes[k].after) joined[a] = 1;
  if (std::find(joined.begin(), joined.end(), 0) != joined.end())
    throw gpu::Error("the capture ends before work of another stream: wait for its event first");
  return graph;
}

}  // namespace lat::emu
