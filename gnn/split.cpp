// SPDX-License-Identifier: Apache-2.0
#include "gnn/split.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/random.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/edge_removal.hpp"
#include "gnn/metrics/home_values.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kSplitGrain = 256;

enum Part : std::uint8_t { kTraining, kValidation, kTest };

/// One distinct item of a user.
struct Pair {
  std::uint32_t item = 0;
  std::int64_t time = 0;  ///< of its last edge
  std::uint64_t draw = 0;
  Part part = kTraining;
};

void require_shares(const SplitOptions& options, const graph::EdgeType& type) {
  for (const auto& [name, share] : {std::pair{"split.test", options.test}, {"split.validation", options.validation}}) {
    if (!(share >= 0 && share < 1)) throw ConfigError(fmt::format("{} is {}, expected from 0 to below 1", name, share));
  }
  if (!(options.test + options.validation < 1)) {
    throw ConfigError(fmt::format("split.test {} and split.validation {} leave nothing to train on", options.test,
                                  options.validation));
  }
  if (options.method == SplitMethod::kTime && !type.has_times) {
    throw ConfigError(
        "split.method is time, but the interactions have no times; name their column by graph.edges[].time");
  }
  if (options.test_from && options.validation_from && *options.validation_from >= *options.test_from) {
    throw ConfigError(fmt::format("split.validation_from is {}, expected less than split.test_from {}",
                                  *options.validation_from, *options.test_from));
  }
  if (type.source == type.destination) {
    throw InputError("a split needs interactions from users to items, found edges within one vertex type");
  }
}

/// **Collective.** Keys of the items of all slots of my block.
class ItemKeys {
 public:
  ItemKeys(const comm::Communicator& comm, const graph::GraphBlocks& blocks, EdgeTypeId type)
      : items_(blocks.edges[type.index()].by_source.targets) {
    parallel::sort(std::span(items_), std::less<>());
    items_.erase(std::unique(items_.begin(), items_.end()), items_.end());
    const VertexTypeId item_type = blocks.schema.edge_type(type).destination;
    std::vector<std::uint64_t> home;
    for (const VertexKey key : blocks.keys[item_type.index()]) home.push_back(key.value());
    keys_ = fetch_from_home<std::uint64_t>(comm, blocks.distribution(item_type, comm.size()), items_, home);
  }
  [[nodiscard]] VertexKey operator[](std::uint32_t item) const {
    return VertexKey{keys_[static_cast<std::size_t>(std::ranges::lower_bound(items_, item) - items_.begin())]};
  }

 private:
  std::vector<std::uint32_t> items_;
  std::vector<std::uint64_t> keys_;
};

/// How many of a user's `count` items the two parts get.
struct Quota {
  std::size_t test = 0;
  std::size_t validation = 0;
};

Quota quota_of(std::size_t count, const SplitOptions& options) {
  const auto part = [&](double share, std::size_t left) {
    if (share == 0 || left < 2) return std::size_t{0};
    const std::size_t wanted =
        options.method == SplitMethod::kLeaveOneOut ? 1 : static_cast<std::size_t>(share * static_cast<double>(count));
    return std::clamp<std::size_t>(wanted, 1, left - 1);
  };
  Quota quota;
  quota.test = part(options.test, count);
  quota.validation = part(options.validation, count - quota.test);
  return quota;
}

/// The user's distinct items, ascending, with their draws.
std::vector<Pair> pairs_of(const graph::AdjacencyBlock& rows, std::uint64_t row, VertexKey user, const ItemKeys& keys,
                           const RandomStream& random) {
  std::vector<Pair> pairs;
  for (std::uint64_t slot = rows.offsets[row]; slot < rows.offsets[row + 1]; ++slot) {
    pairs.push_back({rows.targets[slot], rows.times.empty() ? 0 : rows.times[slot], 0, kTraining});
  }
  std::ranges::sort(pairs,
                    [](const Pair& a, const Pair& b) { return std::tie(a.item, b.time) < std::tie(b.item, a.time); });
  const auto repeated = std::ranges::unique(pairs, {}, &Pair::item);
  pairs.erase(repeated.begin(), repeated.end());
  for (Pair& pair : pairs) pair.draw = random.draw(edge_key(user, 0, keys[pair.item], 0), 0, 0);
  return pairs;
}

/// What is held out per slot, and the pairs asked for.
struct Parts {
  std::vector<std::uint8_t> slots;  ///< not 0: taken out of the graph
  HeldOutItems validation;
  HeldOutItems test;
  std::uint64_t repeats = 0;
};

void hold_out_at_random(const graph::AdjacencyBlock& rows, std::span<const VertexKey> users, const ItemKeys& keys,
                        const SplitOptions& options, std::vector<std::uint8_t>& part_of_slot) {
  const RandomStream random(options.seed, Purpose::kSplit);
  const bool by_time = options.method == SplitMethod::kLeaveOneOut;
  parallel::for_each({0, users.size()}, kSplitGrain, [&](std::uint64_t row) {
    std::vector<Pair> pairs = pairs_of(rows, row, users[row], keys, random);
    const Quota quota = quota_of(pairs.size(), options);
    // Those to hold out first: the latest, or the smallest draws.
    std::ranges::sort(pairs, [&](const Pair& a, const Pair& b) {
      if (by_time && a.time != b.time) return a.time > b.time;
      return std::tie(a.draw, a.item) < std::tie(b.draw, b.item);
    });
    for (std::size_t i = 0; i < quota.test + quota.validation; ++i)
      pairs[i].part = i < quota.test ? kTest : kValidation;
    std::ranges::sort(pairs, {}, &Pair::item);
    for (std::uint64_t slot = rows.offsets[row]; slot < rows.offsets[row + 1]; ++slot) {
      part_of_slot[slot] = std::ranges::lower_bound(pairs, rows.targets[slot], {}, &Pair::item)->part;
    }
  });
}

/// **Collective.** The earliest time at or after which there are at most `most` edges.
std::int64_t time_of_last(const comm::Communicator& comm, std::span<const std::int64_t> times, std::uint64_t most) {
  std::vector<std::int64_t> sorted(times.begin(), times.end());
  parallel::sort(std::span(sorted), std::less<>());
  const auto later = [&](std::int64_t time) {
    const auto count = static_cast<std::uint64_t>(sorted.end() - std::ranges::lower_bound(sorted, time));
    return comm.all_reduce(count, comm::ReduceOp::kSum);
  };
  std::int64_t low = std::numeric_limits<std::int64_t>::min();
  std::int64_t high = std::numeric_limits<std::int64_t>::max();  // the answer is in (low, high]
  if (later(low) <= most) return low;
  while (static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) > 1) {
    const std::int64_t middle =
        low + static_cast<std::int64_t>((static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low)) / 2);
    (later(middle) <= most ? high : low) = middle;
  }
  return high;
}

void hold_out_by_time(const comm::Communicator& comm, const graph::AdjacencyBlock& rows, const SplitOptions& options,
                      std::vector<std::uint8_t>& part_of_slot) {
  const auto edges = static_cast<double>(comm.all_reduce<std::uint64_t>(rows.times.size(), comm::ReduceOp::kSum));
  const auto cut = [&](const std::optional<std::int64_t>& given, double share, std::span<const std::int64_t> times) {
    return given ? *given : time_of_last(comm, times, static_cast<std::uint64_t>(share * edges));
  };
  const bool has_test = options.test_from || options.test > 0;
  const bool has_validation = options.validation_from || options.validation > 0;
  const std::int64_t test_from = has_test ? cut(options.test_from, options.test, rows.times) : 0;
  std::int64_t validation_from = 0;
  if (has_validation) {
    std::vector<std::int64_t> before;
    for (const std::int64_t time : rows.times) {
      if (!has_test || time < test_from) before.push_back(time);
    }
    validation_from = cut(options.validation_from, options.validation, before);
  }
  for (std::size_t slot = 0; slot < rows.times.size(); ++slot) {
    if (has_test && rows.times[slot] >= test_from) {
      part_of_slot[slot] = kTest;
    } else if (has_validation && rows.times[slot] >= validation_from) {
      part_of_slot[slot] = kValidation;
    }
  }
}

/// A pair belongs to the earliest part that one of its edges is in.
Parts collect(const graph::AdjacencyBlock& rows, std::vector<std::uint8_t> part_of_slot) {
  Parts parts;
  for (std::size_t row = 0; row + 1 < rows.offsets.size(); ++row) {
    std::vector<std::pair<std::uint32_t, std::uint8_t>> slots;
    for (std::uint64_t slot = rows.offsets[row]; slot < rows.offsets[row + 1]; ++slot)
      slots.emplace_back(rows.targets[slot], part_of_slot[slot]);
    std::ranges::sort(slots);
    std::uint8_t part_of_pair = kTraining;
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const auto [item, part] = slots[i];
      const bool is_first = i == 0 || slots[i - 1].first != item;
      if (is_first && part == kTest) parts.test.values.push_back(item);
      if (is_first && part == kValidation) parts.validation.values.push_back(item);
      if (is_first) part_of_pair = part;
      if (part != part_of_pair) ++parts.repeats;
    }
    parts.test.offsets.push_back(parts.test.values.size());
    parts.validation.offsets.push_back(parts.validation.values.size());
  }
  parts.slots = std::move(part_of_slot);
  return parts;
}

}  // namespace

InteractionSplit split_interactions(const comm::Communicator& comm, graph::GraphBlocks& blocks, EdgeTypeId type,
                                    const SplitOptions& options) {
  const graph::EdgeType edge_type = blocks.schema.edge_type(type);
  comm.agree([&] { require_shares(options, edge_type); });
  const graph::AdjacencyBlock& rows = blocks.edges[type.index()].by_source;
  std::vector<std::uint8_t> part_of_slot(rows.targets.size(), kTraining);
  if (options.method == SplitMethod::kTime) {
    hold_out_by_time(comm, rows, options, part_of_slot);
  } else if (options.method != SplitMethod::kNone) {
    const ItemKeys keys(comm, blocks, type);
    hold_out_at_random(rows, blocks.keys[edge_type.source.index()], keys, options, part_of_slot);
  }
  Parts parts = collect(rows, std::move(part_of_slot));
  remove_edges(comm, blocks, type, parts.slots);

  InteractionSplit split;
  std::uint64_t counts[] = {parts.validation.values.size(), parts.test.values.size(), parts.repeats};
  comm.all_reduce(std::span<std::uint64_t>(counts), comm::ReduceOp::kSum);
  split.validation = std::move(parts.validation);
  split.test = std::move(parts.test);
  split.training_edges = blocks.schema.edge_type(type).count;
  split.validation_pairs = counts[0];
  split.test_pairs = counts[1];
  split.repeats = counts[2];
  comm.agree([&] {
    if (options.method == SplitMethod::kNone) return;
    const bool by_time = options.method == SplitMethod::kTime;
    const bool wants_test = options.test > 0 || (by_time && options.test_from);
    const bool wants_validation = options.validation > 0 || (by_time && options.validation_from);
    for (const auto& [name, wanted, count] :
         {std::tuple{"test", wants_test, split.test_pairs}, {"validation", wants_validation, split.validation_pairs}}) {
      if (!wanted || count > 0) continue;
      throw ConfigError(
          fmt::format("the split leaves no {0} interactions of {1}; raise split.{0} or choose another "
                      "split.method",
                      name, edge_type.count));
    }
    if (split.training_edges == 0) throw ConfigError("the split leaves no interactions to train on; lower its shares");
  });
  return split;
}

}  // namespace rove::gnn
