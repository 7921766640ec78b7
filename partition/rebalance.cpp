// SPDX-License-Identifier: Apache-2.0
#include "partition/rebalance.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <optional>
#include <queue>
#include <tuple>
#include <vector>

namespace rove::partition {
namespace {

constexpr int kRounds = 16;
constexpr int kRefinements = 4;
/// Search limits of an exchange: vertices of the overloaded part, partners on either side in one other part, exchanges
/// per part.
constexpr std::size_t kLeavers = 64;
constexpr std::ptrdiff_t kPartners = 8;
constexpr int kExchanges = 256;
/// Less overflow than one unit of the largest cap a 32-bit count allows: rounding, not relief.
constexpr double kLeastRelief = 1e-10;

class Rebalancer {
 public:
  Rebalancer(const MetisProblem& problem, std::int32_t num_parts, std::span<std::int32_t> parts)
      : problem_(problem),
        num_parts_(static_cast<std::size_t>(num_parts)),
        width_(problem.constraints.size()),
        part_of_(parts),
        loads_(num_parts_ * width_),
        links_(num_parts_) {
    for (std::size_t v = 0; v < part_of_.size(); ++v) change_loads(v, part_of_[v], 1);
  }

  std::uint64_t run() {
    for (std::size_t begin = 0; begin < width_;) {
      std::size_t end = begin;
      while (end < width_ && problem_.constraints[end].vertices == problem_.constraints[begin].vertices) ++end;
      repair({begin, end});
      begin = end;
    }
    if (moved_ > 0) refine();
    return moved_;
  }

 private:
  /// The constraints of one vertex type.
  struct Type {
    std::size_t begin;
    std::size_t end;
  };
  struct Move {
    std::int64_t loss = 0;  ///< by how much the cut grows
    std::int32_t part = 0;
  };

  [[nodiscard]] std::int64_t weight(std::size_t v, std::size_t c) const {
    return problem_.vertex_weights[v * width_ + c];
  }
  [[nodiscard]] std::int64_t& load(std::int32_t p, std::size_t c) {
    return loads_[static_cast<std::size_t>(p) * width_ + c];
  }
  [[nodiscard]] std::int64_t excess(std::int32_t p, std::size_t c) { return load(p, c) - problem_.constraints[c].cap; }
  [[nodiscard]] IndexRange vertices(Type type) const { return problem_.constraints[type.begin].vertices; }

  void change_loads(std::size_t v, std::int32_t p, std::int64_t sign) {
    for (std::size_t c = 0; c < width_; ++c) load(p, c) += sign * weight(v, c);
  }
  void move(std::size_t v, std::int32_t to) {
    change_loads(v, part_of_[v], -1);
    change_loads(v, to, 1);
    part_of_[v] = to;
    ++moved_;
  }
  [[nodiscard]] bool overloaded(Type type) {
    for (std::int32_t p = 0; std::cmp_less(p, num_parts_); ++p) {
      for (std::size_t c = type.begin; c < type.end; ++c) {
        if (excess(p, c) > 0) return true;
      }
    }
    return false;
  }

  /// Fills `links_` with the weight of the vertex's edges into every part.
  void count_links(std::size_t v) {
    std::ranges::fill(links_, 0);
    for (auto slot = problem_.offsets[v]; slot < problem_.offsets[v + 1]; ++slot) {
      const auto at = static_cast<std::size_t>(slot);
      const auto neighbor = static_cast<std::size_t>(problem_.neighbors[at]);
      links_[static_cast<std::size_t>(part_of_[neighbor])] += problem_.edge_weights[at];
    }
  }

  /// The cheapest move to a part that has room for all of the vertex's weights; ties go to the lighter part.
  [[nodiscard]] std::optional<Move> best_move(std::size_t v) {
    count_links(v);
    std::optional<Move> best;
    std::int64_t best_load = 0;
    for (std::int32_t q = 0; std::cmp_less(q, num_parts_); ++q) {
      if (q == part_of_[v]) continue;
      bool room = true;
      std::int64_t filled = 0;
      for (std::size_t c = 0; c < width_; ++c) {
        if (weight(v, c) == 0) continue;
        room = room && excess(q, c) + weight(v, c) <= 0;
        filled += load(q, c);
      }
      if (!room) continue;
      const std::int64_t loss = links_[static_cast<std::size_t>(part_of_[v])] - links_[static_cast<std::size_t>(q)];
      if (!best || std::tie(loss, filled) < std::tie(best->loss, best_load)) {
        best = Move{loss, q};
        best_load = filled;
      }
    }
    return best;
  }

  void repair(Type type) {
    for (int round = 0; round < kRounds && overloaded(type); ++round) {
      const std::uint64_t before = moved_;
      drain(type);
      for (std::size_t c = type.begin; c < type.end; ++c) {
        if (!problem_.constraints[c].counts_edges) continue;
        for (std::int32_t p = 0; std::cmp_less(p, num_parts_); ++p) {
          for (int i = 0; i < kExchanges && excess(p, c) > 0; ++i) {
            if (!exchange(type, p, c)) break;
          }
        }
      }
      if (moved_ == before) break;
    }
    if (overloaded(type)) deal(type);
  }

  /// By how much part `p` exceeds its cap, in caps, once `added` has been added.
  [[nodiscard]] double overflow(std::int32_t p, std::size_t c, std::int64_t added) {
    const std::int64_t over = std::max<std::int64_t>(0, excess(p, c) + added);
    return static_cast<double>(over) / static_cast<double>(std::max<std::int64_t>(1, problem_.constraints[c].cap));
  }

  /// The move that costs least cut per overflow it takes away; it may overfill one constraint a little to empty
  /// another.
  struct Relief {
    double price = 0;
    std::int32_t part = 0;
  };
  [[nodiscard]] std::optional<Relief> best_relief(Type type, std::size_t v) {
    count_links(v);
    const std::int32_t p = part_of_[v];
    double leaving = 0;
    for (std::size_t c = type.begin; c < type.end; ++c) leaving += overflow(p, c, 0) - overflow(p, c, -weight(v, c));
    if (leaving <= 0) return std::nullopt;
    std::optional<Relief> best;
    for (std::int32_t q = 0; std::cmp_less(q, num_parts_); ++q) {
      if (q == p) continue;
      double relief = leaving;
      for (std::size_t c = type.begin; c < type.end; ++c) relief -= overflow(q, c, weight(v, c)) - overflow(q, c, 0);
      if (relief < kLeastRelief) continue;
      const std::int64_t loss = links_[static_cast<std::size_t>(p)] - links_[static_cast<std::size_t>(q)];
      const double price = static_cast<double>(loss) / relief;
      if (!best || price < best->price) best = Relief{price, q};
    }
    return best;
  }

  /// Moves vertices out of overloaded parts, the cheapest first. Every move lowers the type's overflow.
  void drain(Type type) {
    using Candidate = std::tuple<double, std::size_t>;
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
    for (std::size_t v = vertices(type).begin; v < vertices(type).end; ++v) {
      if (const auto best = best_relief(type, v)) candidates.emplace(best->price, v);
    }
    while (!candidates.empty()) {
      const auto [listed, v] = candidates.top();
      candidates.pop();
      const auto best = best_relief(type, v);
      if (!best) continue;
      if (best->price > listed) {
        candidates.emplace(best->price, v);
      } else {
        move(v, best->part);
      }
    }
  }

  /// Exchanges a vertex of an overloaded part for a lighter one of another part: the number of vertices stays.
  bool exchange(Type type, std::int32_t p, std::size_t c) {
    std::vector<std::vector<std::size_t>> members(num_parts_);  // by weight, heaviest first
    for (std::size_t v = vertices(type).begin; v < vertices(type).end; ++v) {
      members[static_cast<std::size_t>(part_of_[v])].push_back(v);
    }
    const auto heavier = [&](std::size_t a, std::size_t b) { return weight(a, c) > weight(b, c); };
    for (auto& part : members) std::ranges::stable_sort(part, heavier);
    const auto& mine = members[static_cast<std::size_t>(p)];

    double best_price = 0;
    std::optional<std::array<std::size_t, 2>> best;
    const std::size_t stride = std::max<std::size_t>(1, mine.size() / kLeavers);
    for (std::size_t i = 0; i < mine.size(); i += stride) {
      const std::size_t v = mine[i];
      for (std::int32_t q = 0; std::cmp_less(q, num_parts_); ++q) {
        const std::int64_t room = -excess(q, c);
        const std::int64_t wanted = std::min(excess(p, c), room);
        if (q == p || wanted <= 0) continue;
        const auto& theirs = members[static_cast<std::size_t>(q)];
        const auto consider = [&](std::size_t u) {
          const std::int64_t change = weight(v, c) - weight(u, c);
          if (change <= 0 || change > room) return;
          const double price = static_cast<double>(exchange_loss(v, u)) / static_cast<double>(std::min(change, wanted));
          if (!best || price < best_price) {
            best_price = price;
            best = {v, u};
          }
        };
        // Partners with which the load changes by about as much as is wanted: the nearest from either side.
        const auto partner = std::ranges::upper_bound(theirs, weight(v, c) - wanted, std::greater<>(),
                                                      [&](std::size_t u) { return weight(u, c); });
        const auto before = std::min<std::ptrdiff_t>(kPartners, partner - theirs.begin());
        const auto after = std::min<std::ptrdiff_t>(kPartners, theirs.end() - partner);
        std::for_each(partner - before, partner + after, consider);
      }
    }
    if (!best) return false;
    const auto [v, u] = *best;
    const std::int32_t q = part_of_[u];
    move(v, q);
    move(u, p);
    return true;
  }

  [[nodiscard]] std::int64_t exchange_loss(std::size_t v, std::size_t u) {
    const auto p = static_cast<std::size_t>(part_of_[v]);
    const auto q = static_cast<std::size_t>(part_of_[u]);
    count_links(v);
    std::int64_t loss = links_[p] - links_[q];
    count_links(u);
    loss += links_[q] - links_[p];
    const auto row = std::span(problem_.neighbors)
                         .subspan(static_cast<std::size_t>(problem_.offsets[v]),
                                  static_cast<std::size_t>(problem_.offsets[v + 1] - problem_.offsets[v]));
    const auto found = std::ranges::lower_bound(row, static_cast<std::int32_t>(u));
    if (found != row.end() && std::cmp_equal(*found, u)) {
      loss += 2 * std::int64_t{problem_.edge_weights[static_cast<std::size_t>(&*found - problem_.neighbors.data())]};
    }
    return loss;
  }

  /// Deals the type's vertices out, heaviest first, one to each part per round, where it has most links. Numbers then
  /// differ by at most one, weights by at most the largest: within the ceiling bounds.
  void deal(Type type) {
    const std::size_t heaviest = type.end - 1;
    std::vector<std::size_t> order(vertices(type).size());
    std::iota(order.begin(), order.end(), vertices(type).begin);
    std::ranges::stable_sort(order,
                             [&](std::size_t a, std::size_t b) { return weight(a, heaviest) > weight(b, heaviest); });
    std::vector<bool> served(num_parts_);
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (i % num_parts_ == 0) std::fill(served.begin(), served.end(), false);
      count_links(order[i]);
      std::optional<std::size_t> best;
      for (std::size_t q = 0; q < num_parts_; ++q) {
        if (!served[q] && (!best || links_[q] > links_[*best])) best = q;
      }
      served[*best] = true;
      move(order[i], static_cast<std::int32_t>(*best));
    }
  }

  void refine() {
    for (int pass = 0; pass < kRefinements; ++pass) {
      const std::uint64_t before = moved_;
      for (std::size_t v = 0; v < part_of_.size(); ++v) {
        const auto best = best_move(v);
        if (best && best->loss < 0) move(v, best->part);
      }
      if (moved_ == before) return;
    }
  }

  const MetisProblem& problem_;
  std::size_t num_parts_;
  std::size_t width_;
  std::span<std::int32_t> part_of_;
  std::vector<std::int64_t> loads_;  ///< [part][constraint]
  std::vector<std::int64_t> links_;
  std::uint64_t moved_ = 0;
};

}  // namespace

std::int64_t cut_of(const MetisProblem& problem, std::span<const std::int32_t> parts) {
  std::int64_t twice = 0;
  for (std::size_t v = 0; v < parts.size(); ++v) {
    for (auto slot = problem.offsets[v]; slot < problem.offsets[v + 1]; ++slot) {
      const auto at = static_cast<std::size_t>(slot);
      if (parts[v] != parts[static_cast<std::size_t>(problem.neighbors[at])]) twice += problem.edge_weights[at];
    }
  }
  return twice / 2;
}

std::uint64_t rebalance(const MetisProblem& problem, std::int32_t num_parts, std::span<std::int32_t> parts) {
  return Rebalancer(problem, num_parts, parts).run();
}

}  // namespace rove::partition
