#include "engine/core/accelerator.h"

#include <algorithm>
#include <charconv>

#include "engine/core/error.h"
#include "engine/core/team.h"
#include "kernels/emulator/device.h"

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

int32_t gpu_number(const std::string& name) {
  const std::string prefix = "cuda:";
  if (name == "cuda") return 0;
  int32_t index = -1;
  const char* const end = name.data() + name.size();
  const bool number = name.starts_with(prefix) &&
                      std::from_chars(name.data() + prefix.size(), end, index).ptr == end;
  LAT_CHECK(number && index >= 0, Code::usage, "device", "'", name,
            "' is no device; expected auto, cpu, cuda, cuda:N or emulated");
  return index;
}

}  // namespace

Accelerator::Accelerator(const std::string& name) {
  if (name == "emulated") {
    kind_ = Device::emulated;
    device_ = std::make_unique<emu::Device>();
    rows_ = kernels::emulated_table();
  } else {
    std::string why;
    device_ = kernels::open_cuda(gpu_number(name), &why);
    LAT_CHECK(device_, Code::machine, "device", name, ": ", why,
              ". The devices cpu and emulated are always there");
    rows_ = kernels::cuda_table();
  }
  translated([&] {
    stream_ = device_->stream();
    scratch_ = device_->reserve(kScratchRange);
    stream_->scratch = scratch_;
    for (Staging& s : staging_) s.sent = device_->event();
  });
}

Accelerator::~Accelerator() {
  try {
    stream_.reset();
    for (Staging& s : staging_) {
      s.sent.reset();
      if (s.memory) device_->release_host(s.memory);
    }
    device_->give_back(scratch_);
  } catch (const gpu::Error&) {  // a device that has failed frees nothing
  }
}

std::string Accelerator::best() {
  std::string why;
  return kernels::open_cuda(0, &why) ? "cuda" : "cpu";
}

void Accelerator::reserve_scratch(int32_t kernel, int32_t type, const kernels::Arg* args) {
  const auto bytes = rows_[kernel].scratch[type];
  if (bytes) device_->commit(scratch_, static_cast<size_t>(bytes(args)));
}

void Accelerator::call(int32_t kernel, int32_t type, const kernels::Arg* args) {
  const kernels::DeviceKernel& row = rows_[kernel];
  LAT_CHECK(row.run[type], Code::unsupported, row.name, "has no version for devices");
  translated([&] {
    reserve_scratch(kernel, type, args);
    row.run[type](args, *stream_);
  });
}

std::shared_ptr<gpu::Graph> Accelerator::capture(const Program& program) {
  const kernels::Arg* const args = program.args.data();
  for (const Call& c : program.calls) {
    LAT_CHECK(rows_[c.kernel].run[c.type()], Code::unsupported, rows_[c.kernel].name,
              "has no version for devices");
    translated([&] { reserve_scratch(c.kernel, c.type(), args + c.first); });
  }
  return translated([&]() -> std::shared_ptr<gpu::Graph> {
    stream_->begin_capture();
    for (const Call& c : program.calls) rows_[c.kernel].run[c.type()](args + c.first, *stream_);
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

}  // namespace lat
