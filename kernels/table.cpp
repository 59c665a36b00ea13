// One instruction set's rows. Compiled once per LAT_ISA; with LAT_ISA = spec the rows are the plain loops.
#include "kernels/row.h"

#ifdef LAT_SPEC
#include "kernels/conv/conv_spec.h"
#include "kernels/elementwise/elementwise_spec.h"
#include "kernels/gather/gather_spec.h"
#include "kernels/likelihood/likelihood_spec.h"
#include "kernels/matmul/matmul_spec.h"
#include "kernels/norm/norm_spec.h"
#include "kernels/optim/optim_spec.h"
#include "kernels/random/random_spec.h"
#include "kernels/recurrent/recurrent_spec.h"
#include "kernels/reduce/reduce_spec.h"
#include "kernels/scan/scan_spec.h"
#include "kernels/softmax/softmax_spec.h"
#else
#include "kernels/conv/conv.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/gather/gather.h"
#include "kernels/likelihood/likelihood.h"
#include "kernels/matmul/matmul.h"
#include "kernels/norm/norm.h"
#include "kernels/optim/optim.h"
#include "kernels/random/random.h"
#include "kernels/recurrent/recurrent.h"
#include "kernels/reduce/reduce.h"
#include "kernels/scan/scan.h"
#include "kernels/softmax/softmax.h"
#endif

namespace lat::kernels::LAT_ISA {
namespace {

#ifdef LAT_SPEC
template <class... A>
Row<A...> row_of(void (*)(A...));
template <auto f>
void run(const Arg* a, Part part) {
  if (part.index == 0) decltype(row_of(f))::template call<f>(a);
}
inline Plan one_part(const Arg*) { return {}; }
#define KERNEL(name, plan_)                   \
  {#name,                                     \
   decltype(row_of(&name<float>))::roles,     \
   {&run<&name<float>>, &run<&name<double>>}, \
   {&one_part, &one_part}},
#else
template <class... A>
Row<A...> row_of(void (*)(Part, A...));
template <auto f>
void run(const Arg* a, Part part) {
  decltype(row_of(f))::template call<f>(a, part);
}
template <auto f, auto plan_of_f>
Plan plan(const Arg* a) {
  return decltype(row_of(f))::template call<plan_of_f>(a);
}
#ifdef LAT_FLOAT_ONLY
#define KERNEL(name, plan_)               \
  {#name,                                 \
   decltype(row_of(&name<float>))::roles, \
   {&run<&name<float>>, nullptr},         \
   {&plan<&name<float>, &plan_<float>>, nullptr}},
#else
#define KERNEL(name, plan_)                   \
  {#name,                                     \
   decltype(row_of(&name<float>))::roles,     \
   {&run<&name<float>>, &run<&name<double>>}, \
   {&plan<&name<float>, &plan_<float>>, &plan<&name<double>, &plan_<double>>}},
#endif
#endif

constexpr Kernel kRows[] = {
#include "kernels/kernels.def"
};
#undef KERNEL
static_assert(sizeof(kRows) / sizeof(kRows[0]) == size_t(kKernelCount));

}  // namespace

const Kernel* rows() { return kRows; }

}  // namespace lat::kernels::LAT_ISA
