// SPDX-License-Identifier: Apache-2.0
#include "algorithms/generators/distinct_pairs.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/math.hpp"

namespace rove::algorithms {
namespace {

constexpr std::uint32_t kEmptySlot = ~std::uint32_t{0};
/// Draws per wanted target before the rest is completed over all targets. Measured on a million users by 200 thousand
/// items with exponents 0.5 and 0.9: no source needs more than 2.
constexpr std::uint64_t kDrawsPerTarget = 8;
constexpr std::uint64_t kSpareDraws = 64;
/// Below this share of the total, rounding could let a cumulative sum fall where it must rise.
constexpr double kSmallestShare = 1e-13;
/// Steps of the random counter: which question a block answers.
constexpr std::uint32_t kDrawStep = 0;
constexpr std::uint32_t kKeyStep = 1;

DistinctPairsSpec checked(const DistinctPairsSpec& spec, const char* name) {
  const auto require = [&](bool holds, const std::string& message) {
    if (!holds) throw ConfigError(fmt::format("{}: {}", name, message));
  };
  constexpr std::uint64_t kMaxRows = std::uint64_t{1} << 32U;
  require(spec.sources >= 1 && spec.sources < kMaxRows,
          fmt::format("found {} sources, expected 1 to 2^32 - 1", spec.sources));
  require(spec.targets >= 1 && spec.targets < kMaxRows,
          fmt::format("found {} targets, expected 1 to 2^32 - 1", spec.targets));
  require(!spec.exclude_same_rank || spec.sources == spec.targets,
          "pairs within one type need as many targets as sources");
  const std::uint64_t most = spec.sources * (spec.targets - (spec.exclude_same_rank ? 1 : 0));
  require(spec.pairs <= most, fmt::format("found {} pairs, but {} sources and {} targets have only {} distinct ones",
                                          spec.pairs, spec.sources, spec.targets, most));
  const auto is_exponent = [](double exponent) { return exponent >= 0 && exponent <= 4; };
  require(is_exponent(spec.source_exponent) && is_exponent(spec.target_exponent),
          fmt::format("found exponents {} and {}, expected 0 to 4", spec.source_exponent, spec.target_exponent));
  require(spec.communities >= 1 && spec.communities <= std::min(spec.sources, spec.targets),
          fmt::format("found {} communities, expected 1 to the number of sources and of targets", spec.communities));
  require(spec.affinity >= 0 && spec.affinity < 1,
          fmt::format("found affinity {}, expected 0 <= affinity < 1", spec.affinity));
  return spec;
}

}  // namespace

DistinctPairs::DistinctPairs(const DistinctPairsSpec& spec, std::uint64_t seed, std::uint64_t stream, const char* name)
    : spec_(checked(spec, name)),
      random_(seed, Purpose::kGenerate, stream),
      activity_(spec_.sources, spec_.source_exponent),
      popularity_(spec_.targets, spec_.target_exponent),
      larger_community_((spec_.targets + spec_.communities - 1) / spec_.communities, spec_.target_exponent),
      smaller_community_(spec_.targets / spec_.communities, spec_.target_exponent) {
  if (activity_.weight(spec_.sources) < kSmallestShare * activity_.total()) {
    throw ConfigError(
        fmt::format("{}: exponent {} leaves the last of {} sources a share below {}, too small to round; "
                    "use a smaller exponent or fewer sources",
                    name, spec_.source_exponent, spec_.sources, kSmallestShare));
  }
  // The smallest number of saturated sources that leaves every other source at least one pair below the most, so that
  // rounding cannot carry it above: the share of the heaviest remaining source falls as more are saturated.
  const auto fits = [&](std::uint64_t saturated) {
    if (saturated == spec_.sources) return true;
    const auto rest = static_cast<double>(spec_.pairs - saturated * max_degree());
    const double share = activity_.weight(saturated + 1) / (activity_.total() - activity_.sum(saturated));
    return rest * share <= static_cast<double>(max_degree()) - 1.0;
  };
  std::uint64_t low = 0;
  std::uint64_t high = max_degree() == 0 ? 0 : spec_.pairs / max_degree();
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (fits(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  saturated_ = low;
}

std::uint64_t DistinctPairs::first(std::uint64_t source) const {
  if (source <= saturated_) return source * max_degree();
  if (source >= spec_.sources) return spec_.pairs;
  const std::uint64_t rest = spec_.pairs - saturated_ * max_degree();
  if (spec_.source_exponent == 0) {
    // Exact, so that a whole number of pairs per source stays one.
    __extension__ using Wide = unsigned __int128;
    return saturated_ * max_degree() +
           static_cast<std::uint64_t>(Wide{rest} * (source - saturated_) / (spec_.sources - saturated_));
  }
  const double before = activity_.sum(saturated_);
  const double share = (activity_.sum(source) - before) / (activity_.total() - before);
  const auto position = static_cast<std::uint64_t>(static_cast<double>(rest) * share);
  return saturated_ * max_degree() + std::min(position, rest);
}

std::uint64_t DistinctPairs::source_at(std::uint64_t position) const {
  std::uint64_t low = 0;
  std::uint64_t high = spec_.sources;
  while (low + 1 < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (first(middle) <= position) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

std::span<const std::uint32_t> DistinctPairs::targets_of(std::uint64_t source, Scratch& scratch) const {
  const std::uint64_t degree = first(source + 1) - first(source);
  scratch.targets.clear();
  if (degree == 0) return {};
  const std::size_t mask = std::bit_ceil(2 * degree + 2) - 1;
  scratch.slots.assign(mask + 1, kEmptySlot);
  const auto insert = [&](std::uint32_t target) {
    std::size_t slot = static_cast<std::size_t>(mix64(target, 0)) & mask;
    while (scratch.slots[slot] != kEmptySlot) {
      if (scratch.slots[slot] == target) return false;
      slot = (slot + 1) & mask;
    }
    scratch.slots[slot] = target;
    return true;
  };
  if (spec_.exclude_same_rank) (void)insert(static_cast<std::uint32_t>(source));
  // Most targets wanted: repeats would prevail.
  const std::uint64_t limit = degree > spec_.targets / 2 ? 0 : kDrawsPerTarget * degree + kSpareDraws;
  const std::uint64_t attempts = std::min<std::uint64_t>(limit, std::numeric_limits<std::uint32_t>::max());
  for (std::uint32_t attempt = 0; attempt < attempts && scratch.targets.size() < degree; ++attempt) {
    std::uint32_t target = 0;
    if (draw_target(source, attempt, target) && insert(target)) scratch.targets.push_back(target);
  }
  if (scratch.targets.size() < degree) complete(source, degree, scratch);
  return scratch.targets;
}

bool DistinctPairs::draw_target(std::uint64_t source, std::uint32_t attempt, std::uint32_t& target) const {
  const RandomBlock bits = random_.block(source, attempt, kDrawStep);
  const std::uint64_t draw = bits[0] | (std::uint64_t{bits[1]} << 32U);
  if (spec_.affinity > 0 && to_unit(bits[2] | (std::uint64_t{bits[3]} << 32U)) < spec_.affinity) {
    const std::uint64_t community = community_of(source);
    const auto rank = within(community).select(draw);
    if (!rank) return false;
    target = static_cast<std::uint32_t>((*rank - 1) * spec_.communities + community);
    return true;
  }
  const auto rank = popularity_.select(draw);
  if (!rank) return false;
  target = static_cast<std::uint32_t>(*rank - 1);
  return true;
}

const PowerLaw& DistinctPairs::within(std::uint64_t community) const {
  return community < spec_.targets % spec_.communities ? larger_community_ : smaller_community_;
}

double DistinctPairs::chance_of(std::uint64_t source, std::uint64_t target) const {
  double chance = (1.0 - spec_.affinity) * popularity_.weight(target + 1) / popularity_.total();
  if (spec_.affinity > 0 && community_of(target) == community_of(source)) {
    const PowerLaw& law = within(community_of(source));
    chance += spec_.affinity * law.weight(target / spec_.communities + 1) / law.total();
  }
  return chance;
}

void DistinctPairs::complete(std::uint64_t source, std::uint64_t degree, Scratch& scratch) const {
  std::vector<bool> taken(spec_.targets);
  for (const std::uint32_t target : scratch.targets) taken[target] = true;
  if (spec_.exclude_same_rank) taken[source] = true;
  scratch.keyed.clear();
  for (std::uint64_t target = 0; target < spec_.targets; ++target) {
    if (taken[target]) continue;
    const double uniform = 1.0 - to_unit(random_.draw(source, static_cast<std::uint32_t>(target), kKeyStep));
    scratch.keyed.emplace_back(-math::log(uniform) / chance_of(source, target), static_cast<std::uint32_t>(target));
  }
  const auto wanted = static_cast<std::ptrdiff_t>(degree - scratch.targets.size());
  std::partial_sort(scratch.keyed.begin(), scratch.keyed.begin() + wanted, scratch.keyed.end());
  for (std::ptrdiff_t i = 0; i < wanted; ++i)
    scratch.targets.push_back(scratch.keyed[static_cast<std::size_t>(i)].second);
}

}  // namespace rove::algorithms
