// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "algorithms/ppr/detail/lists.hpp"
#include "engine/exec/alias_table.hpp"
#include "engine/exec/walk_random.hpp"

/// Decomposition in integers (docs/decisions/0125): the rule by which a vertex hands flow on, and the scores that come
/// of it; shared by the layouts, so that they agree bit for bit.
namespace rove::algorithms::detail {

/// All flow of one query.
inline constexpr std::uint64_t kWholeFlow = std::uint64_t{1} << 32U;

/// Whether and how flow moves on from a vertex.
class FlowRule {
 public:
  FlowRule(double restart, std::uint32_t hops, double threshold)
      : moving_(kWholeFlow - exec::coin_threshold(restart)),
        least_(std::max<std::uint64_t>(1, static_cast<std::uint64_t>(threshold * static_cast<double>(kWholeFlow)))),
        hops_(hops) {}

  /// Of flow that has arrived: what would move on, and what each slot would get of that.
  [[nodiscard]] std::uint64_t moves(std::uint64_t units) const { return (units * moving_) >> 32U; }
  [[nodiscard]] std::uint64_t share(std::uint64_t units, std::uint64_t degree) const {
    return degree == 0 ? 0 : moves(units) / degree;
  }
  [[nodiscard]] bool may_hop(std::uint32_t hop) const { return hop < hops_; }
  [[nodiscard]] bool is_worth_it(std::uint64_t share) const { return share >= least_; }

 private:
  std::uint64_t moving_;
  std::uint64_t least_;
  std::uint32_t hops_;
};

/// Calls `give(target, units)` for what each slot gets of the share that one of them has. By weight, slots share alike
/// too, and the alias table says how much of a slot's share is its own target's, as it does for walks.
template <class Give>
void give_to_slots(std::span<const std::uint32_t> targets, std::span<const exec::AliasSlot> alias, std::uint64_t share,
                   const Give& give) {
  for (std::size_t slot = 0; slot < targets.size(); ++slot) {
    if (alias.empty()) {
      give(targets[slot], share);
      continue;
    }
    const std::uint64_t own = (share * alias[slot].threshold) >> 32U;
    if (own > 0) give(targets[slot], own);
    if (own < share) give(alias[slot].target, share - own);
  }
}

/// What became of one query's flow beside its scores, summed over all vertices.
struct FlowSums {
  std::uint64_t lost = 0;           ///< units that left dangling vertices
  std::uint64_t lost_walks = 0;     ///< units times walks lost by the fingerprints that answered
  std::uint64_t cut = 0;            ///< units times the largest count those fingerprints did not keep
  std::uint64_t unanswered = 0;     ///< units
  std::uint64_t largest_share = 0;  ///< units at the one fingerprint that answered most; 0: none did

  void add(const FlowSums& other) {
    lost += other.lost;
    lost_walks += other.lost_walks;
    cut += other.cut;
    unanswered += other.unanswered;
    largest_share = std::max(largest_share, other.largest_share);
  }
};

/// Scores from integers: `visits` counts units times visits, `stopped` units.
class FlowScores {
 public:
  FlowScores(const FlowSums& sums, double restart, std::uint32_t walks)
      : sums_(sums), walks_(static_cast<double>(walks)), per_visit_(walks == 0 ? 0.0 : restart / walks_) {
    const double lost =
        static_cast<double>(sums.lost) + (sums.lost_walks == 0 ? 0.0 : static_cast<double>(sums.lost_walks) / walks_);
    kept_share_ = 1.0 - lost / static_cast<double>(kWholeFlow);
    unit_ = 1.0 / (static_cast<double>(kWholeFlow) * kept_share_);
  }
  /// Whether any walk was not lost.
  [[nodiscard]] bool any() const { return kept_share_ > 0.0; }
  [[nodiscard]] double value(std::uint64_t visits, std::uint64_t stopped) const {
    return (static_cast<double>(visits) * per_visit_ + static_cast<double>(stopped)) * unit_;
  }
  [[nodiscard]] float score(std::uint64_t visits, std::uint64_t stopped) const {
    return static_cast<float>(value(visits, stopped));
  }
  [[nodiscard]] double error_bound(float best, std::uint64_t num_targets) const {
    double bound = (static_cast<double>(sums_.cut) * per_visit_ + static_cast<double>(sums_.unanswered)) * unit_;
    if (sums_.largest_share > 0) {
      const double effective_walks =
          walks_ * (static_cast<double>(kWholeFlow) / static_cast<double>(sums_.largest_share));
      bound += bernstein_bound(static_cast<double>(best), effective_walks, num_targets);
    }
    return bound + static_cast<double>(best) * kScoreRounding;
  }

 private:
  FlowSums sums_;
  double walks_;
  double per_visit_;
  double kept_share_ = 0.0;
  double unit_ = 0.0;
};

}  // namespace rove::algorithms::detail
