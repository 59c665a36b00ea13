// One instruction set's rows. Compiled once per LAT_ISA; with LAT_ISA = spec the rows are the plain loops.
#include "kernels/table.h"

#include <type_traits>
#include <utility>

#ifdef LAT_SPEC
#include "kernels/conv/conv_spec.h"
#include "kernels/elementwise/elementwise_spec.h"
#include "kernels/likelihood/likelihood_spec.h"
#include "kernels/matmul/matmul_spec.h"
#include "kernels/optim/optim_spec.h"
#include "kernels/random/random_spec.h"
#include "kernels/recurrent/recurrent_spec.h"
#include "kernels/reduce/reduce_spec.h"
#include "kernels/softmax/softmax_spec.h"
#else
#include "kernels/conv/conv.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/likelihood/likelihood.h"
#include "kernels/matmul/matmul.h"
#include "kernels/optim/optim.h"
#include "kernels/random/random.h"
#include "kernels/recurrent/recurrent.h"
#include "kernels/reduce/reduce.h"
#include "kernels/softmax/softmax.h"
#endif

namespace lat::kernels::LAT_ISA {
namespace {

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

  template <auto f>
  static void run(const Arg* a, Part part) {
    [&]<size_t... I>(std::index_sequence<I...>) { f(part, Role<A>::get(a[I])...); }
    (std::index_sequence_for<A...>{});
  }
  template <auto f>
  static void run_whole(const Arg* a, Part part) {
    if (part.index != 0) return;
    [&]<size_t... I>(std::index_sequence<I...>) { f(Role<A>::get(a[I])...); }
    (std::index_sequence_for<A...>{});
  }
  template <auto f>
  static Plan plan(const Arg* a) {
    return [&]<size_t... I>(std::index_sequence<I...>) { return f(Role<A>::get(a[I])...); }
    (std::index_sequence_for<A...>{});
  }
};

template <class... A>
Row<A...> row_of(void (*)(Part, A...));

#ifdef LAT_SPEC
template <class... A>
Row<A...> row_of_spec(void (*)(A...));
inline Plan one_part(const Arg*) { return {}; }
#define KERNEL(name, plan_)                                                    \
  {#name,                                                                      \
   decltype(row_of_spec(&name<float>))::roles,                                 \
   {&decltype(row_of_spec(&name<float>))::template run_whole<&name<float>>,    \
    &decltype(row_of_spec(&name<double>))::template run_whole<&name<double>>}, \
   {&one_part, &one_part}},
#else
#define KERNEL(name, plan_)                                         \
  {#name,                                                           \
   decltype(row_of(&name<float>))::roles,                           \
   {&decltype(row_of(&name<float>))::template run<&name<float>>,    \
    &decltype(row_of(&name<double>))::template run<&name<double>>}, \
   {&decltype(row_of(&name<float>))::template plan<&plan_<float>>,  \
    &decltype(row_of(&name<double>))::template plan<&plan_<double>>}},
#endif

constexpr Kernel kRows[] = {
#include "kernels/kernels.def"
};
#undef KERNEL
static_assert(sizeof(kRows) / sizeof(kRows[0]) == size_t(kKernelCount));

}  // namespace

const Kernel* rows() { return kRows; }

}  // namespace lat::kernels::LAT_ISA
