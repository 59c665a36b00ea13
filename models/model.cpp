#include "models/model.h"

namespace lat::models {

Tensor total(const std::vector<Term>& terms) {
  Tensor sum;
  for (const Term& t : terms) {
    const Tensor value = t.value.rank == 0 ? t.value : mean(t.value);  // ()
    const Tensor weighted = t.weight ? t.weight * value : value;       // ()
    sum = sum ? sum + weighted : weighted;
  }
  return sum;
}

void Model::schedule(i64, i64) {}

Normal ImageModel::encode(const Tensor&) {
  fail(Code::unsupported, "encode", "this model has no latents");
}

Tensor ImageModel::decode(const Tensor&) {
  fail(Code::unsupported, "decode", "this model has no latents");
}

}  // namespace lat::models
