#pragma once
// An emulated device. Memory starts as NaN bytes between guard bands that are checked after every
// kernel; released memory is kept for a while, and must not be written. Streams are lazy: nothing
// runs before somebody synchronizes, and then in any order that events allow.
//
// An error inside a kernel is sticky, as on a device: every later call reports it again.
#include <functional>
#include <tuple>
#include <type_traits>
#include <vector>

#include "kernels/common/gpu.h"
#include "kernels/emulator/block.h"

namespace lat::emu {

class Device;
class Stream;

// Recorded work and what each item comes after.
struct Capture {
  struct Node {
    std::function<void()> run;
    std::vector<size_t> after;
  };
  std::vector<Node> nodes;
  std::vector<Stream*> streams;  // that take part; the first one began it
};

class Stream final : public gpu::Stream {
 public:
  explicit Stream(Device& device);
  ~Stream() override;

  // Queues a kernel; the arguments are copied now.
  template <class... P, class... A>
  void launch(void (*kernel)(P...), const gpu::Launch& how, A... args) {
    static_assert(sizeof...(P) == sizeof...(A), "one argument for each parameter of the kernel");
    std::tuple<P...> values(static_cast<P>(args)...);
    launch_body(how, {address_of(static_cast<P>(args))...},
                [kernel, values] { std::apply(kernel, values); });
  }

  void copy(void* to, const void* from, size_t bytes) override;
  void fill(void* to, u8 byte, size_t bytes) override;
  void call(void (*function)(void*), void* argument) override;
  void record(gpu::Event& event) override;
  void wait(gpu::Event& event) override;
  void run(gpu::Graph& graph) override;
  void synchronize() override;
  void begin_capture() override;
  std::unique_ptr<gpu::Graph> end_capture() override;
  void* native() override { return nullptr; }

 private:
  friend class Device;
  struct Work {
    std::function<void()> run;
    enum { is_call, is_record, is_wait } kind = is_call;
    size_t event = 0;
    u64 number = 0;  // of the record that is made or waited for
  };
  struct Argument {
    bool pointer;
    const void* address;
  };
  template <class T>
  static Argument address_of(T value) {
    if constexpr (std::is_pointer_v<T>)
      return {true, value};
    else
      return {false, nullptr};
  }
  void launch_body(const gpu::Launch& how, std::vector<Argument> arguments,
                   std::function<void()> body);
  void add(std::function<void()> run);

  Device& device_;
  std::vector<Work> queue_;
  size_t done_ = 0;  // of the queue
  Capture* capture_ = nullptr;
  std::vector<size_t> last_;  // nodes that the next one comes after
};

class Device final : public gpu::Device {
 public:
  explicit Device(Schedule schedule = {});
  ~Device() override;

  std::string name() const override { return "emulated GPU"; }
  gpu::Facts facts() const override { return {}; }
  void* allocate(size_t bytes) override;
  void release(void* memory) override;
  void* reserve(size_t most) override;
  void commit(void* range, size_t bytes) override;
  void give_back(void* range) override;
  void* allocate_host(size_t bytes) override;
  void release_host(void* memory) override;
  std::unique_ptr<gpu::Stream> stream() override;
  std::unique_ptr<gpu::Event> event() override;
  std::unique_ptr<gpu::Event> timed_event() override;
  void synchronize() override;

  // Whether an address lies in memory that is allocated now, its end included.
  bool owns(const void* address) const;

 private:
  friend class Stream;
  friend struct Event;
  struct Allocation {
    std::unique_ptr<char[]> room;  // null: `reserved` bytes of addresses from `base - kAlign` on
    char* base;
    size_t bytes;
    bool released;
    size_t reserved = 0;
  };
  struct EventState {
    u64 recorded = 0, done = 0;
    bool timed = false;
    double milliseconds = 0;     // when it was done, by the host's clock
    Capture* capture = nullptr;  // newest record is part of it
    std::vector<size_t> last;
  };
  const Allocation* find(const void* address) const;
  Allocation& range(const void* base);
  void finish_event(size_t number);
  bool has_passed(size_t number);
  double milliseconds_of(size_t number) const;
  void check_range(const void* address, size_t bytes, const char* what) const;
  void check_guards(const std::string& after) const;
  void check_released() const;
  void refuse_while_capturing(const char* what) const;
  void refuse_after_failure() const;
  bool step();
  void finish(const Stream* stream);
  void run_kernel(const gpu::Launch& how, const std::vector<Stream::Argument>& arguments,
                  const std::function<void()>& body);
  void run_graph(const Capture& graph);
  size_t choose(const std::vector<size_t>& ready);

  Schedule schedule_;
  std::vector<Allocation> memory_;
  std::vector<Stream*> streams_;
  std::vector<EventState> events_;
  std::vector<std::unique_ptr<Capture>> captures_;  // going on
  std::string failure_;
};

}  // namespace lat::emu
