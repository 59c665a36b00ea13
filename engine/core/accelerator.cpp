#include "engine/core/accelerator.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "engine/core/device_fast.h"
#include "engine/core/error.h"
#include "engine/core/team.h"
#include "kernels/common/planted.h"

namespace lat {

namespace {

constexpr i64 kStaging = i64{4} << 20;
constexpr size_t kScratchRange = size_t{1} << 34;  // addresses, not memory

// What a device refuses, as an error of ours. The emulator runs kernels inside such calls.
template <class F>
auto translated(F&& f) {
  const FloatGuard guard;
  try {
    return f();
  } catch (const gpu::Error& error) {
    fail(Code::machine, "device", error.what());
  }
}

bool is_device(const std::string& name) {
  const std::string prefix = "cuda:";
  if (name.starts_with(prefix))
    return name.size() > prefix.size() &&
           name.find_first_not_of("0123456789", prefix.size()) == std::string::npos;
  return name == "cuda" || name == "emulated" || name == "emulated:reverse" ||
         name == "emulated:unfair";
}

struct Opened {
  const kernels::DeviceLibrary* library;  // or null
  std::string why;
};

// Beside the program, in the folder above it (programs of the tests), or where the system looks.
Opened open_beside(const std::string& file, const std::string& missing) {
  std::error_code none;
  const std::filesystem::path folder =
      std::filesystem::read_symlink("/proc/self/exe", none).parent_path();
  for (const std::filesystem::path& path :
       {folder / file, folder.parent_path() / file, std::filesystem::path(file)})
    if (void* const opened = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      void* const devices = ::dlsym(opened, LAT_DEVICES_NAME);
      if (!devices) return {nullptr, path.string() + " is of another build: build it again"};
      return {reinterpret_cast<kernels::Devices*>(devices)(), ""};
    }
  return {nullptr, missing};
}

const Opened& cuda_library() {
  static const Opened opened = open_beside(
      "liblatent_cuda.so",
      "this build has no liblatent_cuda.so: install the CUDA toolkit and configure again");
  return opened;
}

const Opened& emulated_library() {
  static const Opened opened =
      open_beside("liblatent_emulated.so", "there is no liblatent_emulated.so beside the program");
  return opened;
}

}  // namespace

const kernels::DeviceLibrary* device_library(const std::string& name, std::string* why) {
  const Opened& opened = name.starts_with("cuda") ? cuda_library() : emulated_library();
  if (!opened.library) *why = opened.why;
  return opened.library;
}

std::unique_ptr<gpu::Device> open_device(const std::string& name, std::string* why) {
  const kernels::DeviceLibrary* const from = device_library(name, why);
  return from ? from->open(name, why) : nullptr;
}

Accelerator::Accelerator(const std::string& name)
    : kind_(name.starts_with("cuda") ? Device::cuda : Device::emulated) {
  LAT_CHECK(is_device(name), Code::usage, "device", "'", name,
            "' is no device; expected auto, cpu, cuda, cuda:N, emulated, emulated:reverse or "
            "emulated:unfair");
  std::string why;
  device_ = open_device(name, &why);
  LAT_CHECK(device_, Code::machine, "device", name, ": ", why, ". The CPU is always there");
  library_ = device_library(name, &why);
  rows_ = library_->table;
  translated([&] {
    stream_ = device_->stream();
    scratch_ = device_->reserve(kScratchRange);
    stream_->scratch = scratch_;
    for (Staging& s : staging_) s.sent = device_->event();
  });
}

Accelerator::~Accelerator() {
  try {
    fast_.reset();
    stream_.reset();
    for (Staging& s : staging_) {
      s.sent.reset();
      if (s.memory) device_->release_host(s.memory);
    }
    device_->give_back(scratch_);
  } catch (...) {  // a device that has failed frees nothing, and nothing leaves here
  }
}

std::string Accelerator::best() {
  std::string why;
  return open_device("cuda", &why) ? "cuda" : "cpu";
}

void Accelerator::use(std::unique_ptr<DeviceFast> fast) { fast_ = std::move(fast); }

void Accelerator::reserve_scratch(i64 bytes) {
  translated([&] { device_->commit(scratch_, static_cast<size_t>(bytes)); });
}

const kernels::DeviceKernel& Accelerator::foreign_row(const char* name) const {
  const kernels::DeviceKernel* k = library_->foreign;
  while (k->name && std::strcmp(k->name, name) != 0) ++k;
  LAT_CHECK(k->name, Code::unsupported, name, "the library of the device '", device_->name(),
            "' has no such kernel; it belongs in rl/kernels.cu");
  return *k;
}

const kernels::DeviceKernel& Accelerator::row(int32_t kernel,
                                              const kernels::Kernel* foreign) const {
  return foreign ? foreign_row(foreign->name) : rows_[kernel];
}

bool Accelerator::prepare(int32_t kernel, int32_t type, const kernels::Arg* args,
                          const kernels::Kernel* foreign) {
  i64 bytes = 0;
  const bool by_library =
      fast_ && !foreign && type == 0 && fast_->takes(kernels::K(kernel), args, &bytes);
  const auto own = row(kernel, foreign).scratch[type];
  if (!by_library && own) bytes = own(args);
  if (bytes > 0) reserve_scratch(bytes);
  return by_library;
}

void Accelerator::queue(bool by_library, int32_t kernel, int32_t type, const kernels::Arg* args,
                        const kernels::Kernel* foreign) {
  if (by_library)
    fast_->call(kernels::K(kernel), args);
  else
    row(kernel, foreign).run[type](args, *stream_);
}

void Accelerator::call(int32_t kernel, int32_t type, const kernels::Arg* args,
                       const kernels::Kernel* foreign) {
  translated([&] { queue(prepare(kernel, type, args, foreign), kernel, type, args, foreign); });
}

std::unique_ptr<gpu::Graph> Accelerator::capture(const Program& program) {
  const kernels::Arg* const args = program.args.data();
  return translated([&]() -> std::unique_ptr<gpu::Graph> {
    std::vector<bool> by_library;
    for (const Call& c : program.calls)
      by_library.push_back(prepare(c.kernel, c.type(), args + c.first, c.foreign));
    stream_->begin_capture();
    for (size_t i = 0; i < program.calls.size(); ++i) {
      const Call& c = program.calls[i];
      queue(by_library[i], c.kernel, c.type(), args + c.first, c.foreign);
    }
    return stream_->end_capture();
  });
}

void Accelerator::run(gpu::Graph& graph) {
  translated([&] { stream_->run(graph); });
}

void* Accelerator::stage(i64 bytes) {
  return translated([&]() -> void* {
    Staging* s = &staging_[filled_];
    if (s->used + bytes > s->size) {
      stream_->record(*s->sent);
      filled_ = 1 - filled_;
      s = &staging_[filled_];
      s->sent->synchronize();
      s->used = 0;
    }
    if (bytes > s->size) {
      if (s->memory) device_->release_host(s->memory);
      s->memory = nullptr;
      s->size = std::max(bytes, kStaging);
      s->memory = static_cast<char*>(device_->allocate_host(static_cast<size_t>(s->size)));
    }
    constexpr i64 kAlign = 64;
    char* const place = s->memory + s->used;
    s->used += (bytes + kAlign - 1) / kAlign * kAlign;
    return place;
  });
}

void Accelerator::send(void* to, const void* staged, i64 bytes) {
  translated([&] {
    stream_->copy(to, staged, static_cast<size_t>(bytes));
    Staging& left = staging_[1 - filled_];
    if (staged >= left.memory && staged < left.memory + left.size) stream_->record(*left.sent);
  });
}

void Accelerator::read(void* to, const void* from, i64 bytes) {
  translated([&] {
    stream_->copy(to, from, static_cast<size_t>(bytes));
    stream_->synchronize();
  });
}

void Accelerator::copy(void* to, const void* from, i64 bytes) {
  translated([&] { stream_->copy(to, from, static_cast<size_t>(bytes)); });
}

void Accelerator::zero(void* p, i64 bytes) {
  translated([&] { stream_->fill(p, 0, static_cast<size_t>(bytes)); });
}

Fetch::Fetch(Accelerator& device, i64 bytes) : device_(device), bytes_(bytes) {
  translated([&] {
    gpu::Device& memory = device_.memory();
    stream_ = memory.stream();
    written_ = memory.event();
    copied_ = memory.event();
    memory_ = memory.allocate_host(static_cast<size_t>(bytes));
  });
}

Fetch::~Fetch() {
  try {
    copied_->synchronize();
    stream_.reset();
    device_.memory().release_host(memory_);
  } catch (...) {  // a device that has failed frees nothing, and nothing leaves here
  }
}

void Fetch::start(const void* from) {
  translated([&] {
    device_.stream().record(*written_);
    if (!kernels::planted(kernels::Bug::fetch_before_its_event)) stream_->wait(*written_);
    stream_->copy(memory_, from, static_cast<size_t>(bytes_));
    stream_->record(*copied_);
  });
}

bool Fetch::arrived() {
  return translated([&] { return copied_->passed(); });
}

}  // namespace lat
