#include "engine/core/error.h"

#include <algorithm>
#include <numeric>

namespace lat {

namespace {

// Levenshtein 1966: the fewest insertions, deletions and substitutions.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0]++;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, diagonal + 1, substituted});
    }
  }
  return row.back();
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
