// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/balanced_edges.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <tuple>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/random.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms {

namespace {

constexpr std::uint64_t kBalancedEdgesGrain = 1U << 12U;
constexpr std::uint32_t kDigitBits = 16;
constexpr std::uint64_t kDigits = std::uint64_t{1} << kDigitBits;
/// After this many rounds a bin holds one key in 2^32: few enough to gather at any number of edges.
constexpr int kRounds = 2;

__extension__ using Wide = unsigned __int128;

/// Place of an edge in a total order that depends on nothing but the edge, seed and epoch.
struct KeyedPosition {
  std::uint64_t key = 0;
  std::uint64_t position = 0;
  friend auto operator<=>(const KeyedPosition&, const KeyedPosition&) = default;
};

/// A chosen edge on its way to its batch.
struct ShuffledEdge {
  std::uint64_t key = 0;
  std::uint64_t batch = 0;
  SampledEdge edge;
};

bool shuffled_before(const ShuffledEdge& a, const ShuffledEdge& b) {
  return std::tie(a.key, a.edge.relation, a.edge.position) < std::tie(b.key, b.edge.relation, b.edge.position);
}

/// This rank's candidates of one relation.
class Relation {
 public:
  Relation(const comm::Communicator& comm, const graph::GraphBlocks& blocks, EdgeTypeId type, RandomStream stream)
      : block_(blocks.edges[type.index()].by_source),
        first_row_(blocks.distribution(blocks.schema.edge_type(type).source, comm.size()).block(comm.rank()).begin),
        first_position_(comm.exclusive_scan(block_.targets.size())),
        each_once_(blocks.schema.edge_type(type).undirected),
        stream_(stream) {}

  /// Calls `visit(key, edge)` for every candidate, on all threads.
  template <class Visit>
  void for_each(const Visit& visit) const {
    parallel::for_each({0, block_.offsets.size() - 1}, kBalancedEdgesGrain, [&](std::uint64_t i) {
      const std::uint64_t source = first_row_ + i;
      for (std::uint64_t slot = block_.offsets[i]; slot < block_.offsets[i + 1]; ++slot) {
        const std::uint32_t destination = block_.targets[slot];
        if (each_once_ && source > destination) continue;
        const std::uint64_t position = first_position_ + slot;
        visit(stream_.draw(position, 0, 0),
              SampledEdge{position, static_cast<std::uint32_t>(source), destination, 0, 0});
      }
    });
  }

  [[nodiscard]] std::uint64_t count() const {
    if (!each_once_) return block_.targets.size();
    parallel::PerThread<std::uint64_t> counts;
    for_each([&](std::uint64_t, const SampledEdge&) { ++counts.local(); });
    std::uint64_t total = 0;
    counts.for_each([&](std::uint64_t part) { total += part; });
    return total;
  }

 private:
  const graph::AdjacencyBlock& block_;
  std::uint64_t first_row_;
  std::uint64_t first_position_;
  bool each_once_;
  RandomStream stream_;
};

/// **Collective.** The `quota`-th smallest of all ranks' keys, ties by position. Precondition: 0 < quota < candidates.
KeyedPosition threshold_of(const comm::Communicator& comm, const Relation& relation, std::uint64_t quota) {
  std::uint64_t prefix = 0;  // the leading bits of the threshold found so far
  std::uint32_t shift = 64;
  const auto in_prefix = [&](std::uint64_t key) { return shift == 64 || key >> shift == prefix; };
  for (int round = 0; round < kRounds; ++round) {
    const std::uint32_t next = shift - kDigitBits;
    parallel::PerThread<std::vector<std::uint64_t>> partial(std::vector<std::uint64_t>(kDigits, 0));
    relation.for_each([&](std::uint64_t key, const SampledEdge&) {
      if (in_prefix(key)) ++partial.local()[(key >> next) & (kDigits - 1)];
    });
    std::vector<std::uint64_t> counts(kDigits, 0);
    partial.for_each([&](const std::vector<std::uint64_t>& part) {
      for (std::size_t d = 0; d < kDigits; ++d) counts[d] += part[d];
    });
    comm.all_reduce(std::span<std::uint64_t>(counts), comm::ReduceOp::kSum);
    std::uint64_t digit = 0;
    while (quota > counts[digit]) quota -= counts[digit++];
    prefix = shift == 64 ? digit : (prefix << kDigitBits) | digit;
    shift = next;
  }

  parallel::PerThread<std::vector<KeyedPosition>> found;
  relation.for_each([&](std::uint64_t key, const SampledEdge& edge) {
    if (in_prefix(key)) found.local().push_back({key, edge.position});
  });
  std::vector<KeyedPosition> mine;
  found.for_each([&](const std::vector<KeyedPosition>& part) { mine.insert(mine.end(), part.begin(), part.end()); });
  std::vector<KeyedPosition> all = comm.all_gather_v<KeyedPosition>(mine).data;
  const auto nth = all.begin() + static_cast<std::ptrdiff_t>(quota - 1);
  std::nth_element(all.begin(), nth, all.end());
  return *nth;
}

std::vector<std::uint64_t> quotas_of(const graph::Schema& schema, const BalancedEdgeOptions& options,
                                     const std::vector<std::uint64_t>& counts) {
  if (options.quotas.empty()) {
    return std::vector<std::uint64_t>(counts.size(), *std::min_element(counts.begin(), counts.end()));
  }
  for (std::size_t r = 0; r < counts.size(); ++r) {
    if (options.quotas[r] > counts[r]) {
      throw ConfigError(fmt::format("{} edges per epoch asked of {}, which has {}; lower its quota", options.quotas[r],
                                    schema.name_of(options.types[r]), counts[r]));
    }
  }
  return options.quotas;
}

void check(const graph::Schema& schema, const BalancedEdgeOptions& options) {
  if (options.types.empty()) throw ConfigError("balanced edge sampling over no edge type; name at least one");
  if (options.batch_size == 0) throw ConfigError("edge batches of 0 edges; expected at least 1");
  if (!options.quotas.empty() && options.quotas.size() != options.types.size()) {
    throw ConfigError(fmt::format("{} quotas for {} edge types; give one for each, or none", options.quotas.size(),
                                  options.types.size()));
  }
  for (std::size_t r = 0; r < options.types.size(); ++r) {
    if (options.types[r].index() >= schema.edge_types().size()) {
      throw ConfigError(fmt::format("edge type {} of {}", options.types[r].value(), schema.edge_types().size()));
    }
    const auto here = options.types.begin() + static_cast<std::ptrdiff_t>(r);
    if (std::find(options.types.begin(), here, options.types[r]) != here) {
      throw ConfigError(fmt::format("edge type {} is given twice", schema.name_of(options.types[r])));
    }
  }
}

/// **Collective.** Sends each edge to the rank `destination(edge)`; any order on arrival.
template <class Destination>
std::vector<ShuffledEdge> send(const comm::Communicator& comm, const std::vector<ShuffledEdge>& edges,
                               const Destination& destination) {
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
  for (const ShuffledEdge& edge : edges) ++counts[destination(edge)];
  std::vector<std::uint64_t> next(counts.size());
  for (std::size_t r = 1; r < counts.size(); ++r) next[r] = next[r - 1] + counts[r - 1];
  std::vector<ShuffledEdge> ordered(edges.size());
  for (const ShuffledEdge& edge : edges) ordered[next[destination(edge)]++] = edge;
  return comm.exchange<ShuffledEdge>(ordered, counts).data;
}

}  // namespace

EdgeEpoch sample_balanced_edges(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                const BalancedEdgeOptions& options, std::uint64_t epoch) {
  check(blocks.schema, options);
  const std::size_t num_relations = options.types.size();
  const auto stream = [&](std::size_t r, std::uint64_t use) {
    return RandomStream(options.seed, Purpose::kEdgeSample, mix64(mix64(epoch, use), options.types[r].value()));
  };
  std::vector<Relation> relations;
  EdgeEpoch result;
  for (std::size_t r = 0; r < num_relations; ++r) {
    relations.emplace_back(comm, blocks, options.types[r], stream(r, 0));
    result.relation_edges.push_back(relations.back().count());
  }
  comm.all_reduce(std::span<std::uint64_t>(result.relation_edges), comm::ReduceOp::kSum);
  result.quotas = quotas_of(blocks.schema, options, result.relation_edges);
  std::uint64_t total = 0;
  for (const std::uint64_t quota : result.quotas) total += quota;
  result.num_batches = total / options.batch_size + (total % options.batch_size != 0 ? 1 : 0);

  std::vector<ShuffledEdge> chosen;
  for (std::size_t r = 0; r < num_relations; ++r) {
    const std::uint64_t quota = result.quotas[r];
    if (quota == 0) continue;
    const bool every = quota == result.relation_edges[r];
    const KeyedPosition threshold = every ? KeyedPosition{} : threshold_of(comm, relations[r], quota);
    const RandomStream shuffle = stream(r, 1);
    parallel::PerThread<std::vector<ShuffledEdge>> parts;
    relations[r].for_each([&](std::uint64_t key, SampledEdge edge) {
      if (!every && KeyedPosition{key, edge.position} > threshold) return;
      edge.relation = static_cast<std::uint32_t>(r);
      parts.local().push_back({shuffle.draw(edge.position, 0, 0), 0, edge});
    });
    parts.for_each(
        [&](const std::vector<ShuffledEdge>& part) { chosen.insert(chosen.end(), part.begin(), part.end()); });
  }

  // Keys are uniform: cut by their range they spread evenly, and the ranks' sorted parts follow one another.
  const auto ranks = static_cast<std::uint64_t>(comm.size());
  chosen = send(comm, chosen, [&](const ShuffledEdge& e) { return slot_multiply_shift(e.key, ranks); });
  parallel::sort(std::span<ShuffledEdge>(chosen), shuffled_before);
  const bool mixed = options.mix == BatchMix::kMixed;
  std::vector<std::uint64_t> order(mixed ? 1 : num_relations);
  for (const ShuffledEdge& e : chosen) ++order[mixed ? 0 : e.edge.relation];
  for (std::uint64_t& count : order) count = comm.exclusive_scan(count);
  for (ShuffledEdge& e : chosen) {
    if (mixed) {
      e.batch = order[0]++ / options.batch_size;
    } else {
      // Batch b has the edges of order [b Q / B, (b + 1) Q / B).
      const std::uint64_t i = order[e.edge.relation]++;
      const Wide scaled = static_cast<Wide>(i + 1) * result.num_batches - 1;
      e.batch = static_cast<std::uint64_t>(scaled / result.quotas[e.edge.relation]);
    }
  }

  const graph::BlockDistribution batches(result.num_batches, comm.size());
  chosen = send(comm, chosen, [&](const ShuffledEdge& e) { return batches.home_of(e.batch).index(); });
  parallel::sort(std::span<ShuffledEdge>(chosen), [](const ShuffledEdge& a, const ShuffledEdge& b) {
    return a.batch != b.batch ? a.batch < b.batch : shuffled_before(a, b);
  });
  const IndexRange mine = batches.block(comm.rank());
  result.first_batch = mine.begin;
  result.batch_offsets.assign(mine.size() + 1, 0);
  result.edges.reserve(chosen.size());
  for (const ShuffledEdge& e : chosen) {
    ++result.batch_offsets[e.batch - mine.begin + 1];
    result.edges.push_back(e.edge);
  }
  for (std::size_t b = 1; b < result.batch_offsets.size(); ++b) result.batch_offsets[b] += result.batch_offsets[b - 1];
  return result;
}

std::uint64_t balanced_edges_bytes(const graph::Schema& schema, std::int32_t ranks,
                                   const BalancedEdgeOptions& options) {
  std::uint64_t smallest = std::numeric_limits<std::uint64_t>::max();
  for (const EdgeTypeId type : options.types) smallest = std::min(smallest, schema.edge_type(type).count);
  std::uint64_t total = 0;
  for (std::size_t r = 0; r < options.types.size(); ++r) {
    const std::uint64_t count = schema.edge_type(options.types[r]).count;
    total += r < options.quotas.size() ? std::min(options.quotas[r], count) : smallest;
  }
  // While edges move to their batches: as they were, in order of the ranks, and as they arrive.
  return 3 * sizeof(ShuffledEdge) * graph::BlockDistribution(total, ranks).largest_block();
}

}  // namespace rove::algorithms
