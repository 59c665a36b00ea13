#include "engine/core/error.h"

#include <algorithm>

namespace lat {

namespace {

// The fewest insertions, deletions, substitutions and swaps of neighbours that turn a into b (Damerau 1964; no piece is
// edited twice).
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i)
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      const size_t differ = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + differ});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& names) {
  size_t best = std::min<size_t>(3, word.size() / 2) + 1;
  std::string found;
  for (const std::string& name : names) {
    const size_t d = edit_distance(word, name);
    if (d < best) best = d, found = name;
  }
  return found;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& names) {
  const std::string found = nearest(word, names);
  return found.empty() ? "" : " Did you mean '" + found + "'?";
}

}  // namespace lat
