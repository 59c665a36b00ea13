#pragma once
// What the tests of the emulator share: a device to try things on, and what it says of them. The
// including file defines LAT_ISA as emulated.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "kernels/common/cuda.h"
#include "kernels/emulator/poison.h"

namespace lat::test {

using emu::Order;
using emu::Schedule;
using gpu::i64;
using gpu::u32;

#ifdef LAT_EMULATOR_TSAN
constexpr bool kTsan = true;
#else
constexpr bool kTsan = false;
#endif

inline std::vector<Schedule> schedules() {
  if (kTsan) return {{Order::in_order}, {Order::unfair, 1}};  // it sees races in any order, slowly
  std::vector<Schedule> all = {{Order::in_order}, {Order::reverse}};
  for (gpu::u64 seed = 1; seed <= 4; ++seed) {
    all.push_back({Order::fair, seed});
    all.push_back({Order::unfair, seed});
  }
  return all;
}

// A device, a stream, and arrays on it.
struct Bench {
  emu::Device device;
  std::unique_ptr<gpu::Stream> stream_owner = device.stream();
  emu::Stream& stream = static_cast<emu::Stream&>(*stream_owner);

  explicit Bench(Schedule schedule = {}) : device(schedule) {}

  template <class T>
  T* array(size_t n) {
    return static_cast<T*>(device.allocate(n * sizeof(T)));
  }
  template <class T>
  T* array(const std::vector<T>& values) {
    T* const p = array<T>(values.size());
    stream.copy(p, values.data(), values.size() * sizeof(T));
    stream.synchronize();
    return p;
  }
  template <class T>
  std::vector<T> values(const T* p, size_t n) {
    std::vector<T> v(n);
    stream.copy(v.data(), p, n * sizeof(T));
    stream.synchronize();
    return v;
  }
};

// The report of what `run` does wrong; "" if there is none.
template <class Run>
std::string report(Run&& run) {
  try {
    run();
  } catch (const gpu::Error& error) {
    return error.what();
  }
  return "";
}
inline bool says(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}
inline std::string at(int line, const char* file = __builtin_FILE()) {
  return std::string(file) + ":" + std::to_string(line);
}

inline std::vector<float> ramp(size_t n) {
  std::vector<float> v(n);
  for (size_t i = 0; i < n; ++i) v[i] = float(i + 1);
  return v;
}

inline __global__ void add(float* y, const float* x, float s, int n) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) y[i] = x[i] + s;
}

}  // namespace lat::test
