#pragma once
// A row of the kernel table from a kernel's type: the roles of its arguments, and how a recorded call becomes a call.
#include <type_traits>
#include <utility>

#include "kernels/table.h"

namespace lat::kernels::LAT_ISA {

// An argument's role follows from its type; upper case: not of the working real type.
template <class T>
constexpr bool kReal = std::is_same_v<T, float>;  // roles are read off the float row
template <class A>
struct Role;
template <class T>
struct Role<const T*> {
  static constexpr char letter = kReal<T> ? 'r' : 'R';
  static const T* get(Arg a) { return static_cast<const T*>(a.p); }
};
template <class T>
struct Role<T*> {
  static constexpr char letter = kReal<T> ? 'w' : 'W';
  static T* get(Arg a) { return static_cast<T*>(a.p); }
};
template <class T>
struct Role<InOut<T>> {
  static constexpr char letter = kReal<T> ? 'a' : 'A';
  static InOut<T> get(Arg a) { return {static_cast<T*>(a.p)}; }
};
template <>
struct Role<i64> {
  static constexpr char letter = 'i';
  static i64 get(Arg a) { return a.i; }
};
template <>
struct Role<double> {
  static constexpr char letter = 'd';
  static double get(Arg a) { return a.r; }
};

template <class... A>
struct Row {
  static constexpr char roles[] = {Role<A>::letter..., 0};

  // f(first..., the arguments)
  template <auto f, class... First>
  static auto call(const Arg* a, First&&... first) {
    return [&]<size_t... I>(std::index_sequence<I...>) {
      return f(first..., Role<A>::get(a[I])...);
    }
    (std::index_sequence_for<A...>{});
  }
};

}  // namespace lat::kernels::LAT_ISA
