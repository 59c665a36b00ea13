#include "models/drawn_training.h"

#include <algorithm>

namespace lat::models {

void DrawnTraining::write(const Tensor& to, const std::vector<float>& from) {
  if (to.dtype == DType::f32) return ctx().write(to, from.data());
  ctx().write(
      to, [&](void* place) { std::copy(from.begin(), from.end(), static_cast<double*>(place)); });
}

Body<DrawnTraining::Bound> DrawnTraining::bound_of(Context& ctx,
                                                   std::function<std::vector<Term>()> loss) {
  return {[&ctx, loss = std::move(loss)] {
    const NoGrad off(ctx);
    Bound out;
    for (const Term& t : loss()) (t.name == "kl" ? out.kl : out.recon) = t.value;
    return out;
  }};
}

Evaluation DrawnTraining::means(BoundStep& step, i64 n, const std::function<void(i64)>& draw) {
  settle();
  Evaluation e;
  step.seek(0);
  for (i64 first = 0; first < n; first += config().test_batch) {
    draw(first);
    const Bound& bound = step();
    for (const double nats : to_host(bound.recon)) e.recon += nats;
    if (!bound.kl) continue;
    for (const double nats : to_host(bound.kl)) e.kl += nats;
  }
  e.recon /= static_cast<double>(n), e.kl /= static_cast<double>(n);
  e.elbo = -(e.recon + e.kl);
  e.examples = n;
  return e;
}

}  // namespace lat::models
