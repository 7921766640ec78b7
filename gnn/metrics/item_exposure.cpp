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
std::vector<double> exposures(std::uint32_t cutoff) {
  std::vector<double> exposure(cutoff, 1.0);
  for (std::uint32_t j = 1; j < cutoff; ++j) exposure[j] = exposure[j - 1] * kPersistence;
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
                                           std::uint32_t cutoff) {
  std::vector<std::uint64_t> at_least(cutoff + 1U);
  for (std::uint64_t user = 0; user < lists.num_rows(); ++user) {
    const std::size_t length = std::min<std::size_t>(cutoff, lists.targets_of(user).size());
    if (length > 0) ++at_least[0];
    for (std::size_t j = 1; j <= length; ++j) ++at_least[j];
  }
  comm.all_reduce(std::span(at_least), comm::ReduceOp::kSum);
  return at_least;
}

/// The measure on a scale where `worst` is 0 and `best` is 1.
double rescaled(double value, double worst, double best) {
  return best == worst ? 1.0 : (value - worst) / (best - worst);
}

/// p log2(1 / p) for `count` items of `lists` lists each among `slots`.
double entropy_of(std::uint64_t count, std::uint64_t lists, std::uint64_t slots) {
  if (lists == 0) return 0.0;
  const double p = static_cast<double>(lists) / static_cast<double>(slots);
  return -static_cast<double>(count) * p * math::log2(p);
}

/// The measures that the numbers of lists alone decide. `slots`: their sum, not 0; `histogram`: of all n items.
void measure_counts(std::span<const ValueCount> histogram, std::uint64_t n, std::uint64_t slots, ItemExposure& result) {
  const auto items = static_cast<double>(n);
  const auto k = static_cast<double>(result.cutoff);
  const auto total = static_cast<double>(slots);
  // The most even allocation of whole lists: `remainder` items have one more than the others.
  const std::uint64_t even = slots / n;
  const std::uint64_t remainder = slots % n;

  Wide squares = 0;
  Wide gini = 0;
  std::uint64_t below = 0;  // items with fewer lists
  std::uint64_t named = 0;
  std::uint64_t satisfied = 0;
  double entropy = 0;
  double differences = 0;
  std::uint64_t named_below = 0;
  std::uint64_t lists_below = 0;
  for (const auto& [lists, count] : histogram) {
    squares += static_cast<Wide>(lists) * lists * count;
    gini += static_cast<Wide>(lists) * count *
            (2 * static_cast<Wide>(below) + static_cast<Wide>(count) - static_cast<Wide>(n));
    below += count;
    if (lists >= even) satisfied += count;
    if (lists == 0) continue;
    named += count;
    entropy += entropy_of(count, lists, slots);
    differences += static_cast<double>(count) *
                   (static_cast<double>(named_below) - static_cast<double>(lists_below) / static_cast<double>(lists));
    named_below += count;
    lists_below += lists * count;
  }

  result.coverage = static_cast<double>(named) / items;
  result.gini = static_cast<double>(gini) / (items * total);
  const double jain = total * total / (items * static_cast<double>(squares));
  const double even_squares =
      items * static_cast<double>(even) * static_cast<double>(even) + static_cast<double>(remainder * (2 * even + 1));
  result.fair_jain = rescaled(jain, k / items, total * total / (items * even_squares));
  result.fair_coverage = rescaled(static_cast<double>(named), k, static_cast<double>(std::min(slots, n)));
  const double best_entropy = entropy_of(n - remainder, even, slots) + entropy_of(remainder, even + 1, slots);
  result.fair_entropy = rescaled(entropy, math::log2(k), best_entropy);
  const double least_gini = static_cast<double>(n - remainder) * static_cast<double>(remainder) / (items * total);
  result.unfair_gini = 1.0 - rescaled(result.gini, 1.0 - k / items, least_gini);
  result.fair_share = rescaled(static_cast<double>(satisfied) / items, k / items, 1.0);
  const double pairs = static_cast<double>(named) * (static_cast<double>(named) - 1.0) / 2.0;
  result.vocd = pairs == 0 ? 0.0 : differences / pairs;
}

ItemExposure measure_at(const comm::Communicator& comm, const Interactions& interactions,
                        std::span<const std::uint64_t> popularity, const graph::NeighborLists& lists,
                        std::uint32_t cutoff) {
  ItemExposure result;
  result.cutoff = cutoff;
  const std::uint64_t n = interactions.num_items();
  const std::vector<std::uint64_t> by_length = lists_by_length(comm, lists, cutoff);
  const std::uint64_t num_lists = by_length[0];
  std::uint64_t slots = 0;
  for (std::size_t j = 1; j < by_length.size(); ++j) slots += by_length[j];
  const std::vector<double> exposure = exposures(cutoff);
  const HomeCounts home = count_at_home(comm, lists, n, exposure);
  const std::vector<ValueCount> histogram = count_histogram(comm, home.lists);
  if (slots == 0) return result;
  measure_counts(histogram, n, slots, result);

  const auto users = static_cast<double>(num_lists);
  const auto items = static_cast<double>(n);
  double ideal = 0;
  double sum = 0;
  double squares = 0;
  for (std::uint32_t j = 0; j < cutoff; ++j) {
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
