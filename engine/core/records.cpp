#include "engine/core/records.h"

#include <algorithm>
#include <cstring>

namespace lat {

void Program::clear() {
  calls.clear();
  args.clear();
  bytes.clear();
  places.clear();
  work = nullptr;
  work_bytes = 0;
  workspace = 0;
}

std::string difference(const Program& then, const Program& now, const kernels::Kernel* rows) {
  const auto title = [&](const Call& c) {
    return cat("op '", c.op ? c.op->name : "engine", "' (kernel ", kernel_of(c, rows).name, ")");
  };
  const size_t n = std::min(then.calls.size(), now.calls.size());
  for (size_t i = 0; i < n; ++i) {
    const Call& a = then.calls[i];
    const Call& b = now.calls[i];
    if (a.kernel != b.kernel || a.foreign != b.foreign || a.real != b.real || a.count != b.count)
      return cat("call ", i, " was ", title(a), " and is now ", title(b));
    for (int32_t j = 0; j < a.count; ++j) {
      const kernels::Arg x = then.args[size_t(a.first + j)];
      const kernels::Arg y = now.args[size_t(b.first + j)];
      if (std::memcmp(&x, &y, sizeof(x)) == 0 &&
          then.bytes[size_t(a.first + j)] == now.bytes[size_t(b.first + j)])
        continue;
      const char role = kernel_of(a, rows).roles[j];
      if (role == 'd') return cat(title(b), ", attribute ", j, ": was ", x.r, " and is now ", y.r);
      if (role == 'i') return cat(title(b), ", attribute ", j, ": was ", x.i, " and is now ", y.i);
      return cat(title(b), ", tensor argument ", j, ": another tensor than before (",
                 then.bytes[size_t(a.first + j)], " bytes then, ", now.bytes[size_t(b.first + j)],
                 " now)");
    }
  }
  if (then.calls.size() != now.calls.size())
    return cat("it made ", then.calls.size(), " kernel calls and makes ", now.calls.size(), " now",
               now.calls.size() > n ? cat("; the first new one is ", title(now.calls[n])) : "");
  return "";
}

}  // namespace lat
