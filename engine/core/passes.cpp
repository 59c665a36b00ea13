#include "engine/core/passes.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <numeric>
#include <span>

#include "kernels/common/planted.h"

namespace lat {

using kernels::Bug;
using kernels::Kernel;
using kernels::planted;

namespace {

constexpr i64 kPlaced = 64;  // of a placed range, as an arena gives it
constexpr i64 kTile =
    3072;  // elements: of floats 12 KB a tensor, a few of which fit a first-level cache
constexpr size_t kReach = 16;  // calls that one may move up past

using At = const char*;

// What a call does with one range of memory.
struct Access {
  At begin, end;
  bool reads, writes;
  bool by_element;  // of an elementwise call: element i of the result goes with element i here

  bool meets(const Access& o) const { return begin < o.end && o.begin < end; }
  bool same(const Access& o) const { return begin == o.begin && end == o.end; }
};

// The accesses of every call.
class Accesses {
 public:
  Accesses(const Program& p, const Kernel* rows) {
    for (const Call& c : p.calls) {
      const Kernel& row = kernel_of(c, rows);
      const size_t first = static_cast<size_t>(c.first);
      const i64 n = row.plan[c.real == DType::f64 ? 1 : 0](p.args.data() + first).elements;
      elements_.push_back(n);
      first_.push_back(all_.size());
      for (int32_t j = 0; j < c.count; ++j) {
        const char role = row.roles[j];
        const At at = static_cast<At>(p.args[first + static_cast<size_t>(j)].p);
        const i64 bytes = p.bytes[first + static_cast<size_t>(j)];
        if (role == 'i' || role == 'd' || !at || bytes == 0) continue;
        const bool working_type = role >= 'a';
        all_.push_back({at, at + bytes, role != 'w' && role != 'W', role != 'r' && role != 'R',
                        n > 0 && working_type && bytes == n * size_of(c.real)});
      }
    }
    first_.push_back(all_.size());
  }

  std::span<const Access> operator[](size_t call) const {
    return {all_.data() + first_[call], all_.data() + first_[call + 1]};
  }
  i64 elements(size_t call) const { return elements_[call]; }  // 0: not elementwise

 private:
  std::vector<Access> all_;
  std::vector<size_t> first_;
  std::vector<i64> elements_;
};

bool in_work(const Program& p, const Access& a) {
  return p.work <= a.begin && a.begin < p.work + p.work_bytes;
}

// The calls of p with these numbers.
Program chosen(const Program& p, const std::vector<size_t>& numbers) {
  Program out = p;
  out.calls.clear();
  for (const size_t i : numbers) out.calls.push_back(p.calls[i]);
  return out;
}

// A set of bytes.
class Bytes {
 public:
  void add(At begin, At end) {
    auto next = ranges_.lower_bound(begin);
    if (next != ranges_.begin() && std::prev(next)->second >= begin) --next;
    while (next != ranges_.end() && next->first <= end) {
      begin = std::min(begin, next->first);
      end = std::max(end, next->second);
      next = ranges_.erase(next);
    }
    ranges_[begin] = end;
  }
  void remove(At begin, At end) {
    auto next = ranges_.lower_bound(begin);
    if (next != ranges_.begin() && std::prev(next)->second > begin) --next;
    while (next != ranges_.end() && next->first < end) {
      const auto [first, last] = *next;
      next = ranges_.erase(next);
      if (first < begin) ranges_[first] = begin;
      if (end < last) ranges_[end] = last;
    }
  }
  bool meets(const Access& a) const {
    const auto next = ranges_.lower_bound(a.end);
    return next != ranges_.begin() && std::prev(next)->second > a.begin;
  }

 private:
  std::map<At, At> ranges_;  // begin, end
};

// ---- runs of elementwise calls ---------------------------------------------------------------------------------------

// Whether b, which comes later, must stay behind a.
bool depends(std::span<const Access> a, std::span<const Access> b) {
  for (const Access& x : a)
    for (const Access& y : b)
      if ((x.writes || y.writes) && x.meets(y)) return true;
  return false;
}

enum class Touch { nothing, same_elements, other_elements };

// How two elementwise calls over equally many elements meet.
Touch touch(std::span<const Access> a, std::span<const Access> b) {
  Touch out = Touch::nothing;
  for (const Access& x : a)
    for (const Access& y : b) {
      if (x.by_element && y.by_element && x.same(y))
        out = Touch::same_elements;
      else if ((x.writes || y.writes) && x.meets(y) && !planted(Bug::run_of_other_elements))
        return Touch::other_elements;
    }
  return out;
}

// Calls in their new order, each with the number of its run.
class Runs {
 public:
  explicit Runs(const Accesses& seen) : seen_(seen) {}

  // Puts call j into the last run that it can join, else at the end.
  void place(size_t j) {
    const i64 n = seen_.elements(j);
    const size_t reach = n > kTile ? std::min(order_.size(), kReach) : 0;
    for (size_t end = order_.size(); end > order_.size() - reach; --end) {
      const Entry before = order_[end - 1];
      if (seen_.elements(before.call) == n && joins(j, end)) {
        order_.insert(order_.begin() + static_cast<std::ptrdiff_t>(end), {j, before.run});
        return;
      }
      if (depends(seen_[before.call], seen_[j])) break;
    }
    order_.push_back({j, runs_++});
  }

  Program program(const Program& p) const {
    std::vector<size_t> calls;
    for (const Entry& e : order_) calls.push_back(e.call);
    Program out = chosen(p, calls);
    for (size_t i = 0, j = 0; i < order_.size(); i = j) {
      for (j = i + 1; j < order_.size() && order_[j].run == order_[i].run;) ++j;
      if (j > i + 1) describe(out, i, j);
    }
    return out;
  }

 private:
  struct Entry {
    size_t call, run;
  };

  // Whether call j may join the run of order_[end - 1], right behind that.
  bool joins(size_t j, size_t end) const {
    bool shares = false;
    for (size_t i = end; i-- > 0 && order_[i].run == order_[end - 1].run;) {
      const Touch t = touch(seen_[order_[i].call], seen_[j]);
      if (t == Touch::other_elements) return false;
      shares |= t == Touch::same_elements;
    }
    return shares;
  }

  // Calls begin .. end - 1 of `out` as one run.
  void describe(Program& out, size_t begin, size_t end) const {
    Call& head = out.calls[begin];
    const i64 tiles = kernels::ceil_div(seen_.elements(order_[begin].call), kTile);
    i64 parts = 0;
    for (size_t i = begin; i < end; ++i) parts += out.calls[i].parts;
    head.together = static_cast<int32_t>(end - begin);
    head.tiles = static_cast<int32_t>(std::min<i64>(tiles, INT32_MAX));
    head.parts = static_cast<int32_t>(std::min<i64>({parts, tiles, 64}));
  }

  const Accesses& seen_;
  std::vector<Entry> order_;
  size_t runs_ = 0;
};

// ---- work memory -----------------------------------------------------------------------------------------------------

constexpr size_t kNever = SIZE_MAX;

// Work memory that is placed as a whole: ranges that overlap are one block. Its moments are calls; a run is one moment,
// for what one of its calls needs, all its tiles need.
struct Block {
  At begin, end;
  size_t home;                           // the block whose place it takes, or itself
  size_t first = kNever, last = kNever;  // moments of the first and the last access
  size_t born = kNever, ends = kNever;   // their calls
  // Touched element by element, from end to end, at all of these moments' accesses.
  bool elements_first = false, elements_last = false;
  bool handed_on = false;  // its place went to another block
  i64 at = 0;              // bytes from the beginning of the work memory

  i64 size() const { return end - begin; }
  bool lives_with(const Block& o) const {
    const size_t early = planted(Bug::lifetime_too_short) ? 1 : 0;
    return first + early <= o.last && o.first + early <= last;
  }
};

class Placement {
 public:
  Placement(const Program& p, const Kernel* rows) : p_(p), seen_(p, rows) {
    find_blocks();
    find_lifetimes();
    hand_on();
  }

  Program program() {
    Program out = p_;
    out.work_bytes = fit();
    for (const Call& c : p_.calls)
      for (size_t a = static_cast<size_t>(c.first); a < static_cast<size_t>(c.first + c.count);
           ++a) {
        const At at = static_cast<At>(p_.args[a].p);
        if (p_.places[a] == Place::work && p_.bytes[a] == 0) out.args[a].p = p_.work;
        if (p_.bytes[a] == 0 || at < p_.work || at >= p_.work + p_.work_bytes) continue;
        const Block& b = block_of(at);
        out.args[a].p = p_.work + blocks_[b.home].at + (at - b.begin);
      }
    return out;
  }

  i64 least() const {
    std::vector<i64> change(p_.calls.size() + 1);
    for (const Block& b : blocks_) {
      if (b.handed_on) continue;
      change[blocks_[b.home].first] += b.size();
      change[b.last + 1] -= b.size();
    }
    i64 now = 0, most = 0;
    for (const i64 c : change) most = std::max(most, now += c);
    return most;
  }

 private:
  Block& block_of(At at) {
    const auto after = std::upper_bound(blocks_.begin(), blocks_.end(), at,
                                        [](At x, const Block& b) { return x < b.begin; });
    return *std::prev(after);
  }

  void find_blocks() {
    std::vector<std::pair<i64, i64>> ranges;
    for (size_t i = 0; i < p_.calls.size(); ++i)
      for (const Access& a : seen_[i])
        if (in_work(p_, a))
          ranges.emplace_back((a.begin - p_.work) / kPlaced * kPlaced,
                              kernels::ceil_div(a.end - p_.work, kPlaced) * kPlaced);
    std::sort(ranges.begin(), ranges.end());
    for (const auto& [begin, end] : ranges) {
      if (!blocks_.empty() && p_.work + begin < blocks_.back().end)
        blocks_.back().end = std::max<At>(blocks_.back().end, p_.work + end);
      else
        blocks_.push_back({p_.work + begin, p_.work + end, blocks_.size()});
    }
  }

  void find_lifetimes() {
    size_t moment = 0, next = 0;
    for (size_t i = 0; i < p_.calls.size(); ++i) {
      if (i == next) {
        moment = i;
        next = i + static_cast<size_t>(p_.calls[i].together);
      }
      for (const Access& a : seen_[i]) {
        if (!in_work(p_, a)) continue;
        Block& b = block_of(a.begin);
        if (b.first == kNever) {
          b.first = moment;
          b.born = i;
        }
        const bool elements = a.by_element && a.begin == b.begin && b.end - a.end < kPlaced;
        b.elements_last = elements && (b.last != moment || b.elements_last);
        if (b.first == moment) b.elements_first = b.elements_last;
        b.last = moment;
        b.ends = i;
      }
    }
  }

  // The result of an elementwise call takes the place of a tensor that ends at the same moment, not after the result
  // begins: at each element the one is read before the other is written.
  void hand_on() {
    std::vector<size_t> by_birth(blocks_.size());
    std::iota(by_birth.begin(), by_birth.end(), size_t{0});
    std::stable_sort(by_birth.begin(), by_birth.end(),
                     [&](size_t a, size_t b) { return blocks_[a].born < blocks_[b].born; });
    for (const size_t number : by_birth) {
      Block& result = blocks_[number];
      if (!result.elements_first) continue;
      for (size_t i = result.first; i <= result.born && result.home == number; ++i)
        for (const Access& a : seen_[i]) {
          if (!in_work(p_, a)) continue;
          Block& input = block_of(a.begin);
          if (input.begin == result.begin || input.handed_on || !input.elements_last ||
              input.last != result.first || input.ends > result.born)
            continue;
          input.handed_on = true;
          result.home = input.home;
          Block& home = blocks_[input.home];
          home.last = std::max(home.last, result.last);
          break;
        }
    }
  }

  // Gives every home its place: first fit, the largest first, of equals the one that lives on longest. Returns the bytes
  // of all.
  i64 fit() {
    std::vector<size_t> homes;
    for (size_t b = 0; b < blocks_.size(); ++b)
      if (blocks_[b].home == b) homes.push_back(b);
    std::stable_sort(homes.begin(), homes.end(), [&](size_t a, size_t b) {
      const Block &x = blocks_[a], &y = blocks_[b];
      return x.size() != y.size() ? x.size() > y.size() : x.last > y.last;
    });
    i64 bytes = 0;
    std::vector<Block> placed;  // by place
    for (const size_t number : homes) {
      Block& b = blocks_[number];
      for (const Block& other : placed) {
        if (!b.lives_with(other)) continue;
        if (b.at + b.size() <= other.at) break;
        b.at = std::max(b.at, other.at + other.size());
      }
      bytes = std::max(bytes, b.at + b.size());
      placed.insert(std::upper_bound(placed.begin(), placed.end(), b,
                                     [](const Block& x, const Block& y) { return x.at < y.at; }),
                    b);
    }
    return bytes;
  }

  const Program& p_;
  const Accesses seen_;
  std::vector<Block> blocks_;  // by address
};

}  // namespace

Program without_dead_calls(const Program& p, const Kernel* rows) {
  const Accesses seen(p, rows);
  Bytes read_later;
  std::vector<size_t> needed;
  for (size_t i = p.calls.size(); i-- > 0;) {
    const std::span<const Access> call = seen[i];
    if (std::none_of(call.begin(), call.end(), [&](const Access& a) {
          return a.writes && (!in_work(p, a) || read_later.meets(a));
        }))
      continue;
    needed.push_back(i);
    for (const Access& a : call)
      if (a.writes && (!a.reads || planted(Bug::needed_call_removed)))
        read_later.remove(a.begin, a.end);
    for (const Access& a : call)
      if (a.reads && !(a.writes && planted(Bug::needed_call_removed)))
        read_later.add(a.begin, a.end);
  }
  std::reverse(needed.begin(), needed.end());
  return chosen(p, needed);
}

Program in_tiles(const Program& p, const Kernel* rows) {
  const Accesses seen(p, rows);
  Runs runs(seen);
  for (size_t i = 0; i < p.calls.size(); ++i) runs.place(i);
  return runs.program(p);
}

Program with_shared_memory(const Program& p, const Kernel* rows) {
  return Placement(p, rows).program();
}

i64 least_work_bytes(const Program& p, const Kernel* rows) { return Placement(p, rows).least(); }

Program optimised(const Program& p, const Kernel* rows) {
  return with_shared_memory(in_tiles(without_dead_calls(p, rows), rows), rows);
}

}  // namespace lat
