// SPDX-License-Identifier: Apache-2.0
#include "gnn/metrics/item_exposure.hpp"

#include <algorithm>

#include "engine/base/exact_sum.hpp"
#include "engine/base/math.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/metrics/count_histogram.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kItemExposureGrain = 4096;
/// Persistence of the user who reads down the list: rank-biased precision's parameter, as in the paper.
constexpr double kPersistence = 0.8;
/// Exposures are summed as multiples of 2^-32: exact, whatever the order.
constexpr double kExposureUnit = 0x1.0p-32;

__extension__ using Wide = __int128;

/// What a rank's lists give one item.
struct Share {
  std::uint64_t item;
  std::uint64_t lists;
  std::uint64_t exposure;  ///< in units
};

/// 0.8^(rank - 1) for rank 1, 2, ...
std::vector<double> exposures(std::uint32_t depth) {
  std::vector<double> exposure(depth, 1.0);
  for (std::uint32_t j = 1; j < depth; ++j) exposure[j] = exposure[j - 1] * kPersistence;
  return exposure;
}

/// What the lists of all ranks give the items of my home block.
struct HomeCounts {
  std::vector<std::uint64_t> lists;
  std::vector<std::uint64_t> exposure;
};

std::vector<Share> shares_of(const graph::NeighborLists& lists, std::span<const double> exposure) {
  std::vector<std::uint64_t> entries;  // item, then position
  for (std::uint64_t user = 0; user < lists.num_rows(); ++user) {
    const auto targets = lists.targets_of(user);
    const std::size_t length = std::min<std::size_t>(exposure.size(), targets.size());
    for (std::size_t j = 0; j < length; ++j) entries.push_back(targets[j] << 32U | j);
  }
  parallel::sort(std::span(entries), std::less<>());
  std::vector<Share> shares;
  for (const std::uint64_t entry : entries) {
    if (shares.empty() || shares.back().item != entry >> 32U) shares.push_back({entry >> 32U, 0, 0});
    ++shares.back().lists;
    shares.back().exposure += static_cast<std::uint64_t>(exposure[entry & 0xffffffffU] / kExposureUnit);
  }
  return shares;
}

HomeCounts count_at_home(const comm::Communicator& comm, const graph::NeighborLists& lists, std::uint64_t num_items,
                         std::span<const double> exposure) {
  const graph::BlockDistribution homes(num_items, comm.size());
  const std::vector<Share> shares = shares_of(lists, exposure);
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
  for (const Share& share : shares) ++counts[homes.home_of(share.item).index()];
  const IndexRange block = homes.block(comm.rank());
  HomeCounts home{std::vector<std::uint64_t>(block.size()), std::vector<std::uint64_t>(block.size())};
  for (const Share& share : comm.exchange<Share>(shares, counts).data) {
    home.lists[share.item - block.begin] += share.lists;
    home.exposure[share.item - block.begin] += share.exposure;
  }
  return home;
}

/// Number of lists (index 0) and of lists with at least 1, 2, ... entries.
std::vector<std::uint64_t> lists_by_length(const comm::Communicator& comm, const graph::NeighborLists& lists,
                                           std::uint32_t depth) {
  std::vector<std::uint64_t> at_least(depth + 1U);
  for (std::uint64_t user = 0; user < lists.num_rows(); ++user) {
    const std::size_t length = std::min<std::size_t>(depth, lists.targets_of(user).size());
    if (length > 0) ++at_least[0];
    for (std::size_t j = 1; j <= length; ++j) ++at_least[j];
  }
  comm.all_reduce(std::span(at_least), comm::ReduceOp::kSum);
  return at_least;
}

/// `count` items of `value` lists each are what a histogram of all n items holds.
using Allocation = std::span<const ValueCount>;

/// What an allocation of lists to items is measured by.
struct Spread {
  Wide squares = 0;
  double gini = 0;
  double entropy = 0;           ///< bits, of the items' shares of all entries
  double differences = 0;       ///< over pairs of named items, as `vocd` wants them
  std::uint64_t named = 0;      ///< items
  std::uint64_t satisfied = 0;  ///< items with at least `enough` lists
};

/// p log2(1 / p) for `count` items of `lists` lists each among `slots`.
double entropy_of(std::uint64_t count, std::uint64_t lists, std::uint64_t slots) {
  if (lists == 0) return 0.0;
  const double p = static_cast<double>(lists) / static_cast<double>(slots);
  return -static_cast<double>(count) * p * math::log2(p);
}

/// `allocation` ascending, of n items and `slots` entries, not 0.
Spread spread_of(Allocation allocation, std::uint64_t n, std::uint64_t slots, std::uint64_t enough) {
  Spread spread;
  Wide gini = 0;
  std::uint64_t below = 0;  // items with fewer lists
  std::uint64_t named_below = 0;
  std::uint64_t lists_below = 0;
  for (const auto& [lists, count] : allocation) {
    spread.squares += static_cast<Wide>(lists) * lists * count;
    gini += static_cast<Wide>(lists) * count *
            (2 * static_cast<Wide>(below) + static_cast<Wide>(count) - static_cast<Wide>(n));
    below += count;
    if (lists >= enough) spread.satisfied += count;
    if (lists == 0) continue;
    spread.named += count;
    spread.entropy += entropy_of(count, lists, slots);
    spread.differences += static_cast<double>(count) * (static_cast<double>(named_below) -
                                                        static_cast<double>(lists_below) / static_cast<double>(lists));
    named_below += count;
    lists_below += lists * count;
  }
  spread.gini = static_cast<double>(gini) / (static_cast<double>(n) * static_cast<double>(slots));
  return spread;
}

/// All lists name the same first items: item j has `by_length[j]` lists. No allocation of such lists is less even.
std::vector<ValueCount> least_even(std::span<const std::uint64_t> by_length, std::uint64_t n) {
  std::vector<ValueCount> allocation;
  if (by_length.size() <= n) allocation.push_back({0, n + 1 - by_length.size()});
  for (std::size_t j = by_length.size() - 1; j > 0; --j) {
    if (allocation.empty() || allocation.back().value != by_length[j]) allocation.push_back({by_length[j], 0});
    ++allocation.back().count;
  }
  return allocation;
}

/// `slots % n` items have one list more than the others.
std::vector<ValueCount> most_even(std::uint64_t n, std::uint64_t slots) {
  std::vector<ValueCount> allocation{{slots / n, n - slots % n}};
  if (slots % n > 0) allocation.push_back({slots / n + 1, slots % n});
  return allocation;
}

/// The measures that the numbers of lists alone decide. `slots`: their sum, not 0; `histogram`: of all n items.
void measure_counts(Allocation histogram, std::uint64_t n, std::uint64_t slots,
                    std::span<const std::uint64_t> by_length, ItemExposure& result) {
  const auto items = static_cast<double>(n);
  const auto total = static_cast<double>(slots);
  const std::vector<ValueCount> least = least_even(by_length, n);
  const std::vector<ValueCount> most = most_even(n, slots);
  const Spread found = spread_of(histogram, n, slots, slots / n);
  const Spread worst = spread_of(least, n, slots, slots / n);
  const Spread best = spread_of(most, n, slots, slots / n);
  const bool is_decided = least == most;
  const auto rescaled = [&](double value, double at_worst, double at_best) {
    if (is_decided || at_worst == at_best) return 1.0;
    return std::clamp((value - at_worst) / (at_best - at_worst), 0.0, 1.0);
  };
  const auto jain = [&](const Spread& spread) { return total * total / (items * static_cast<double>(spread.squares)); };
  const auto number = [](std::uint64_t count) { return static_cast<double>(count); };

  result.coverage = number(found.named) / items;
  result.gini = found.gini;
  result.fair_jain = rescaled(jain(found), jain(worst), jain(best));
  result.fair_coverage = rescaled(number(found.named), number(worst.named), number(best.named));
  result.fair_entropy = rescaled(found.entropy, worst.entropy, best.entropy);
  result.unfair_gini = 1.0 - rescaled(found.gini, worst.gini, best.gini);
  result.fair_share = rescaled(number(found.satisfied), number(worst.satisfied), number(best.satisfied));
  const double pairs = number(found.named) * (number(found.named) - 1.0) / 2.0;
  result.vocd = pairs == 0 ? 0.0 : found.differences / pairs;
}

ItemExposure measure_at(const comm::Communicator& comm, const Interactions& interactions,
                        std::span<const std::uint64_t> popularity, const graph::NeighborLists& lists,
                        std::uint32_t cutoff) {
  ItemExposure result;
  result.cutoff = cutoff;
  const std::uint64_t n = interactions.num_items();
  const auto depth = static_cast<std::uint32_t>(std::min<std::uint64_t>(cutoff, n));  // lists name an item once
  const std::vector<std::uint64_t> by_length = lists_by_length(comm, lists, depth);
  const std::uint64_t num_lists = by_length[0];
  std::uint64_t slots = 0;
  for (std::size_t j = 1; j < by_length.size(); ++j) slots += by_length[j];
  const std::vector<double> exposure = exposures(depth);
  const HomeCounts home = count_at_home(comm, lists, n, exposure);
  const std::vector<ValueCount> histogram = count_histogram(comm, home.lists);
  if (slots == 0) return result;
  measure_counts(histogram, n, slots, by_length, result);

  const auto users = static_cast<double>(num_lists);
  const auto items = static_cast<double>(n);
  double ideal = 0;
  double sum = 0;
  double squares = 0;
  for (std::uint32_t j = 0; j < depth; ++j) {
    ideal += exposure[j] / items;
    sum += static_cast<double>(by_length[j + 1]) * exposure[j];
    squares += static_cast<double>(by_length[j + 1]) * exposure[j] * exposure[j];
  }
  result.ii_d = (squares - 2.0 * ideal * sum) / (users * items) + ideal * ideal;

  const auto all_users = static_cast<double>(interactions.num_users());
  const auto per_item = [&](const auto& value) {
    return comm.all_reduce(parallel::exact_sum({0, home.lists.size()}, kItemExposureGrain, value)).value();
  };
  result.ai_d = per_item([&](std::uint64_t i) {
                  const double mean = static_cast<double>(home.exposure[i]) * kExposureUnit / users;
                  return (mean - ideal) * (mean - ideal);
                }) /
                items;
  result.novelty = per_item([&](std::uint64_t i) {
                     if (home.lists[i] == 0) return 0.0;
                     const auto known = static_cast<double>(std::max<std::uint64_t>(popularity[i], 1));
                     return static_cast<double>(home.lists[i]) * math::log2(all_users / known);
                   }) /
                   static_cast<double>(slots);
  result.popularity = per_item([&](std::uint64_t i) {
                        return static_cast<double>(home.lists[i]) * static_cast<double>(popularity[i]);
                      }) /
                      static_cast<double>(slots);
  return result;
}

}  // namespace

std::vector<std::uint64_t> popularity_at_home(const comm::Communicator& comm, const Interactions& interactions) {
  const graph::CsrGraph& users_of = interactions.graph().by_destination(interactions.edge_type());
  std::vector<std::uint64_t> degrees(users_of.num_rows());
  for (std::uint64_t item = 0; item < degrees.size(); ++item) degrees[item] = users_of.slots(item).size();
  return interactions.graph().home(interactions.item_type()).to_home<std::uint64_t>(comm, degrees);
}

std::vector<ItemExposure> measure_exposure(const comm::Communicator& comm, const Interactions& interactions,
                                           std::span<const std::uint64_t> popularity, const graph::NeighborLists& lists,
                                           std::span<const std::uint32_t> cutoffs) {
  std::vector<ItemExposure> result;
  for (const std::uint32_t cutoff : cutoffs)
    result.push_back(measure_at(comm, interactions, popularity, lists, cutoff));
  return result;
}

}  // namespace rove::gnn
