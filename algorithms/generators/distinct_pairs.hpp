// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "algorithms/generators/power_law.hpp"
#include "engine/base/ids.hpp"
#include "engine/base/random.hpp"

namespace rove::algorithms {

/// What `DistinctPairs` draws. Ranks count from 0; rank 0 is the most active source or the most popular target.
struct DistinctPairsSpec {
  std::uint64_t sources = 0;
  std::uint64_t targets = 0;
  std::uint64_t pairs = 0;
  double source_exponent = 0;      ///< a source's share of the pairs is proportional to (rank + 1)^-exponent
  double target_exponent = 0;      ///< likewise the chance of a target at every draw
  std::uint64_t communities = 1;   ///< rank r is in community r mod communities
  double affinity = 0;             ///< share of the draws confined to the source's community, in [0, 1)
  bool exclude_same_rank = false;  ///< no pair (r, r): for pairs within one type
};

/// Exactly `pairs` distinct pairs that any process can produce from any position on, in time proportional to what it
/// produces and without a table. Pairs lie in source order: source s has the positions [first(s), first(s + 1)), a
/// closed form of its power law, capped at the number of targets (what the cap cuts off goes to the other sources).
/// A source's targets are drawn one after another by popularity among those not yet drawn: repeats are drawn again,
/// up to a limit; the rest is completed by exponential keys over all targets (Efraimidis and Spirakis, 2006), which
/// continues the same law. Draws are keyed by the source's rank. Immutable; thread-safe.
class DistinctPairs {
 public:
  /// Throws `ConfigError` when the pairs do not fit or an option is out of range; the message starts with `name`.
  DistinctPairs(const DistinctPairsSpec& spec, std::uint64_t seed, std::uint64_t stream, const char* name);

  [[nodiscard]] const DistinctPairsSpec& spec() const { return spec_; }
  /// Position of the source's first pair; first(sources) = pairs.
  [[nodiscard]] std::uint64_t first(std::uint64_t source) const;
  /// The source whose pairs include this position.
  [[nodiscard]] std::uint64_t source_at(std::uint64_t position) const;
  [[nodiscard]] std::uint64_t community_of(std::uint64_t rank) const { return rank % spec_.communities; }

  /// Reusable memory of `targets_of`; one per thread.
  struct Scratch {
    std::vector<std::uint32_t> targets;
    std::vector<std::uint32_t> slots;
    std::vector<std::pair<double, std::uint32_t>> keyed;
  };
  /// Target ranks of the source, in the order drawn; valid until the next call with this scratch.
  [[nodiscard]] std::span<const std::uint32_t> targets_of(std::uint64_t source, Scratch& scratch) const;

 private:
  [[nodiscard]] bool draw_target(std::uint64_t source, std::uint32_t attempt, std::uint32_t& target) const;
  [[nodiscard]] double chance_of(std::uint64_t source, std::uint64_t target) const;
  [[nodiscard]] const PowerLaw& within(std::uint64_t community) const;
  [[nodiscard]] std::uint64_t max_degree() const { return spec_.targets - (spec_.exclude_same_rank ? 1 : 0); }
  void complete(std::uint64_t source, std::uint64_t degree, Scratch& scratch) const;

  DistinctPairsSpec spec_;
  RandomStream random_;
  PowerLaw activity_;
  PowerLaw popularity_;
  PowerLaw larger_community_;  ///< targets of communities below targets mod communities
  PowerLaw smaller_community_;
  std::uint64_t saturated_ = 0;  ///< sources that are paired with every target
};

}  // namespace rove::algorithms
