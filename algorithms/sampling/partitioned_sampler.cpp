// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/partitioned_sampler.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "algorithms/sampling/detail/link_slots.hpp"
#include "algorithms/sampling/detail/neighbor_draws.hpp"
#include "algorithms/sampling/detail/subgraph_builder.hpp"
#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/graph/redistribute.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms {

namespace {

constexpr std::uint64_t kPartitionedSamplerGrain = 1U << 12U;
/// Vertices that one task draws for.
constexpr std::uint64_t kRequestGrain = 256;

VertexTypeId type_id(std::size_t type) {
  return VertexTypeId{static_cast<std::uint16_t>(type)};
}

/// A vertex whose neighbours another rank draws, in shared subgraphs.
struct SharedRequest {
  std::uint32_t row = 0;
};
/// The same in disjoint ones.
struct DisjointRequest {
  std::uint64_t seed_tag = 0;
  std::int64_t time = 0;
  std::uint32_t row = 0;
  std::uint32_t reserved = 0;
};

/// A neighbour drawn: 12 bytes on the wire.
struct Answer {
  std::uint32_t row = 0;
  std::uint32_t position_low = 0;
  std::uint16_t position_high = 0;
  std::uint16_t owner = 0;

  [[nodiscard]] std::uint64_t position() const { return position_low | (std::uint64_t{position_high} << 32U); }
};

/// Items in order, grouped by the rank they go to; a group keeps the order.
template <class T>
struct Grouped {
  std::vector<T> items;
  std::vector<std::uint64_t> counts;

  [[nodiscard]] std::uint64_t remote_bytes(const comm::Communicator& comm) const {
    return (items.size() - counts[comm.rank().index()]) * sizeof(T);
  }
};

template <class T>
Grouped<T> group_by_rank(std::int32_t ranks, std::span<const T> items, std::span<const std::uint16_t> destinations) {
  Grouped<T> result{std::vector<T>(items.size()), std::vector<std::uint64_t>(static_cast<std::size_t>(ranks))};
  for (const std::uint16_t destination : destinations) ++result.counts[destination];
  std::vector<std::uint64_t> next(result.counts.size());
  for (std::size_t r = 1; r < next.size(); ++r) next[r] = next[r - 1] + result.counts[r - 1];
  for (std::size_t i = 0; i < items.size(); ++i) result.items[next[destinations[i]]++] = items[i];
  return result;
}

/// Owners of the distinct rows of `rows`, and a way to find them.
class OwnerOf {
 public:
  OwnerOf(const comm::Communicator& comm, const PartitionedSamplingGraph& graph, VertexTypeId type,
          std::span<const std::uint32_t> rows)
      : rows_(rows.begin(), rows.end()) {
    parallel::sort(std::span<std::uint32_t>(rows_), std::less<>{});
    rows_.erase(std::unique(rows_.begin(), rows_.end()), rows_.end());
    for (const auto& located : graph.locate(comm, type, rows_)) {
      owners_.push_back(static_cast<std::uint16_t>(located.owner));
    }
  }
  [[nodiscard]] std::uint16_t operator()(std::uint32_t row) const {
    return owners_[static_cast<std::size_t>(std::lower_bound(rows_.begin(), rows_.end(), row) - rows_.begin())];
  }

 private:
  std::vector<std::uint32_t> rows_;
  std::vector<std::uint16_t> owners_;
};

void check_assignment(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                      const graph::Assignment& assignment) {
  if (assignment.num_parts != comm.size()) {
    throw InputError(fmt::format("a partition into {} parts for {} ranks; partition the graph into as many parts",
                                 assignment.num_parts, comm.size()));
  }
  if (comm.size() > std::int32_t{std::numeric_limits<std::uint16_t>::max()} + 1) {
    throw DoesNotFitError(fmt::format("{} ranks, sampling expects at most 65,536", comm.size()));
  }
  for (std::size_t t = 0; t < blocks.keys.size(); ++t) {
    const bool covers =
        t < assignment.parts.size() && assignment.parts[t].size() == blocks.keys[t].size() &&
        std::ranges::all_of(
            assignment.parts[t], [&](std::int32_t part) { return part >= 0 && part < assignment.num_parts; });
    if (!covers) {
      throw InputError(
          fmt::format("the partition does not name one of {} parts for every row of type '{}'; partition "
                      "the graph again",
                      assignment.num_parts, blocks.schema.vertex_types()[t].name));
    }
  }
}

}  // namespace

std::vector<PartitionedSamplingGraph::Located> PartitionedSamplingGraph::locate(
    const comm::Communicator& comm, VertexTypeId type, std::span<const std::uint32_t> rows) const {
  const graph::BlockDistribution homes(schema_.vertex_type(type).count, comm.size());
  std::vector<std::uint16_t> destinations(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    destinations[i] = static_cast<std::uint16_t>(homes.home_of(rows[i]).index());
  }
  const Grouped<std::uint32_t> asked = group_by_rank<std::uint32_t>(comm.size(), rows, destinations);
  const comm::Gathered<std::uint32_t> questions = comm.exchange<std::uint32_t>(asked.items, asked.counts);
  const std::uint64_t begin = homes.block(comm.rank()).begin;
  std::vector<Located> replies(questions.data.size());
  for (std::size_t i = 0; i < replies.size(); ++i) replies[i] = home_[type.index()][questions.data[i] - begin];
  std::vector<std::uint64_t> reply_counts(static_cast<std::size_t>(comm.size()));
  for (std::size_t r = 0; r < reply_counts.size(); ++r)
    reply_counts[r] = questions.offsets[r + 1] - questions.offsets[r];
  const comm::Gathered<Located> replied = comm.exchange<Located>(replies, reply_counts);
  std::vector<std::uint64_t> next(replied.offsets.begin(), replied.offsets.end() - 1);
  std::vector<Located> result(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) result[i] = replied.data[next[destinations[i]]++];
  return result;
}

PartitionedSamplingGraph PartitionedSamplingGraph::build(const comm::Communicator& comm,
                                                         const graph::GraphBlocks& blocks,
                                                         const graph::Assignment& assignment,
                                                         std::span<const SampledLink> links,
                                                         SamplingAttributes attributes) {
  detail::check_links(blocks.schema, links);
  comm.agree([&] { check_assignment(comm, blocks, assignment); });
  PartitionedSamplingGraph result;
  result.schema_ = blocks.schema;
  const std::size_t num_types = blocks.schema.vertex_types().size();
  std::vector<graph::HomeExchange> homes;
  for (std::size_t t = 0; t < num_types; ++t) {
    homes.emplace_back(comm, assignment.parts[t]);
    const std::uint64_t begin = blocks.distribution(type_id(t), comm.size()).block(comm.rank()).begin;
    std::vector<std::uint32_t> rows(blocks.keys[t].size());
    std::vector<Located>& home = result.home_.emplace_back(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i] = static_cast<std::uint32_t>(begin + i);
      home[i] = {blocks.keys[t][i].value(), static_cast<std::uint32_t>(assignment.parts[t][i]), 0};
    }
    // Homes are ordered by row and so are the rows of each, hence what arrives ascends.
    result.owned_rows_.push_back(homes[t].to_owners<std::uint32_t>(comm, rows));
    result.owned_keys_.push_back(homes[t].to_owners<VertexKey>(comm, blocks.keys[t]));
  }
  for (const SampledLink& link : links) {
    const bool in = link.direction == exec::Direction::kIn;
    const graph::EdgeType& type = blocks.schema.edge_type(link.type);
    const graph::EdgeBlocks& edges = blocks.edges[link.type.index()];
    const graph::AdjacencyBlock& block = in ? edges.by_destination : edges.by_source;
    const graph::HomeExchange& home = homes[(in ? type.destination : type.source).index()];
    const bool weighted = type.has_weights && (attributes.weights || attributes.cumulative);
    const std::uint64_t first_position = comm.exclusive_scan(edges.by_source.targets.size());
    std::vector<std::uint64_t> positions = edges.edge_positions;
    if (!in) {
      positions.resize(block.targets.size());
      for (std::size_t slot = 0; slot < positions.size(); ++slot) positions[slot] = first_position + slot;
    }
    comm.agree([&] {
      if (weighted) detail::check_weights(block.weights, blocks.schema.name_of(link.type));
    });
    graph::RaggedRows<std::uint32_t> targets = home.to_owners<std::uint32_t>(comm, block.offsets, block.targets);
    detail::LinkSlots slots;
    slots.positions = home.to_owners<std::uint64_t>(comm, block.offsets, positions).values;
    if (weighted) slots.weights = home.to_owners<float>(comm, block.offsets, block.weights).values;
    if (attributes.times && type.has_times) {
      slots.times = home.to_owners<std::int64_t>(comm, block.offsets, block.times).values;
    }
    slots.targets = std::move(targets.values);
    const OwnerOf owner_of(comm, result, in ? type.source : type.destination, slots.targets);
    comm.agree([&] {
      std::vector<std::uint32_t> degrees(targets.offsets.size() - 1);
      for (std::size_t i = 0; i < degrees.size(); ++i) {
        degrees[i] = checked_cast<std::uint32_t>(targets.offsets[i + 1] - targets.offsets[i], "degree");
      }
      result.adjacencies_.push_back(detail::make_adjacency(blocks.schema, link, degrees, std::move(slots), attributes));
      const SamplingGraph::Adjacency& adjacency = result.adjacencies_.back();
      std::vector<std::uint16_t>& owners = result.slot_owners_.emplace_back(targets.offsets.back());
      parallel::for_each({0, owners.size()}, kPartitionedSamplerGrain,
                         [&](std::uint64_t slot) { owners[slot] = owner_of(adjacency.neighbor(slot)); });
    });
  }
  return result;
}

MemoryPlan PartitionedSamplingGraph::plan(const graph::Schema& schema, std::int32_t ranks,
                                          std::span<const SampledLink> links, SamplingAttributes attributes) {
  detail::check_links(schema, links);
  const auto share = [&](std::uint64_t count) {
    const auto parts = static_cast<std::uint64_t>(ranks);
    return (count + parts - 1) / parts;
  };
  std::uint64_t rows = 0;
  std::uint64_t slot_bytes = 0;
  std::uint64_t arriving = 0;
  for (const SampledLink& link : links) {
    const graph::EdgeType& type = schema.edge_type(link.type);
    const bool in = link.direction == exec::Direction::kIn;
    rows += 8 * (share(schema.vertex_type(in ? type.destination : type.source).count) + 1);
    const std::uint64_t attribute_bytes =
        (type.has_weights ? (attributes.weights ? 4U : 0U) + (attributes.cumulative ? 8U : 0U) : 0U) +
        (type.has_times && attributes.times ? 8U : 0U);
    slot_bytes += share(type.count) * (8 + 2 + (type.count >= detail::kLowPositions ? 2U : 0U) + attribute_bytes);
    // Sent and received: targets, positions, attributes; then the distinct neighbours.
    arriving = std::max(arriving, share(type.count) * (2 * (12 + attribute_bytes) + 4 + 16));
  }
  MemoryPlan plan("partitioned sampling graph");
  plan.hold("bounds of rows", rows);
  plan.hold("slots", slot_bytes);
  plan.hold("owned rows, keys, and owners of the home block", share(schema.num_vertices()) * (12 + 16));
  plan.hold("one link on its way to the owners", arriving);
  return plan;
}

PartitionedSampler::PartitionedSampler(const PartitionedSamplingGraph& graph, FanoutOptions options)
    : graph_(&graph), options_(std::move(options)) {
  check_fanouts(options_, graph.adjacencies().size());
}

namespace {

/// One batch in flight.
struct InFlight {
  detail::SubgraphBuilder builder;
  std::vector<std::vector<std::uint16_t>> owners;  ///< by type, by local number
};

/// What the requests of one rank set draw, in their order.
struct Drawn {
  std::vector<std::uint32_t> counts;
  std::vector<Answer> answers;
};

/// Draws for the vertices that other ranks asked for.
template <class Request>
class Owner {
 public:
  Owner(const PartitionedSamplingGraph& graph, const FanoutOptions& options, std::size_t link,
        const RandomStream& stream, std::int64_t fanout)
      : adjacency_(graph.adjacencies()[link]),
        owners_(graph.slot_owners(link)),
        rows_(graph.owned_rows(adjacency_.anchors)),
        keys_(graph.owned_keys(adjacency_.anchors)),
        options_(options),
        stream_(stream),
        fanout_(fanout) {}

  [[nodiscard]] Drawn answer(std::span<const Request> requests) const {
    const std::uint64_t tasks = (requests.size() + kRequestGrain - 1) / kRequestGrain;
    std::vector<std::vector<Answer>> parts(tasks);
    Drawn result;
    result.counts.resize(requests.size());
    parallel::for_each({0, tasks}, 1, [&](std::uint64_t task) {
      detail::NeighborDraws draws(options_);
      draws.begin(adjacency_, stream_, fanout_);
      std::vector<std::uint64_t> slots;
      const std::uint64_t end = std::min<std::uint64_t>(requests.size(), (task + 1) * kRequestGrain);
      for (std::uint64_t i = task * kRequestGrain; i < end; ++i) {
        const auto found = std::ranges::lower_bound(rows_, requests[i].row);
        if (found == rows_.end() || *found != requests[i].row) {
          throw InternalError(fmt::format("asked for row {}, which this rank does not own", requests[i].row));
        }
        const auto row = static_cast<std::uint64_t>(found - rows_.begin());
        slots.clear();
        if constexpr (std::is_same_v<Request, DisjointRequest>) {
          draws.draw(row, detail::drawing_entity(keys_[row], requests[i].seed_tag), requests[i].time, slots);
        } else {
          draws.draw(row, keys_[row].value(), 0, slots);
        }
        result.counts[i] = static_cast<std::uint32_t>(slots.size());
        for (const std::uint64_t slot : slots) {
          const std::uint64_t position = adjacency_.position(slot);
          parts[task].push_back({adjacency_.neighbor(slot), static_cast<std::uint32_t>(position),
                                 static_cast<std::uint16_t>(position >> 32U), owners_[slot]});
        }
      }
    });
    std::uint64_t total = 0;
    for (const std::vector<Answer>& part : parts) total += part.size();
    result.answers.reserve(total);
    for (std::vector<Answer>& part : parts) {
      result.answers.insert(result.answers.end(), part.begin(), part.end());
      part = {};
    }
    return result;
  }

 private:
  const SamplingGraph::Adjacency& adjacency_;
  std::span<const std::uint16_t> owners_;
  std::span<const std::uint32_t> rows_;
  std::span<const VertexKey> keys_;
  const FanoutOptions& options_;
  const RandomStream& stream_;
  std::int64_t fanout_;
};

/// **Collective.** One hop through one link, for all batches in flight.
template <class Request>
void expand(const comm::Communicator& comm, const PartitionedSamplingGraph& graph, const FanoutOptions& options,
            std::size_t link, std::uint64_t hop, std::uint64_t epoch, std::vector<InFlight>& batches,
            std::vector<SampledSubgraph>& results, SamplingTraffic& traffic) {
  const SamplingGraph::Adjacency& adjacency = graph.adjacencies()[link];
  const VertexTypeId anchors = adjacency.anchors;
  const VertexTypeId neighbors = adjacency.neighbors;
  const auto ranks = static_cast<std::size_t>(comm.size());
  const RandomStream stream = detail::neighbor_stream(options, adjacency.link, epoch, hop);

  std::vector<Request> requests;
  std::vector<std::uint16_t> destinations;
  // Where each batch's first request to each rank stands among all requests to that rank.
  std::vector<std::vector<std::uint64_t>> first(batches.size());
  std::vector<std::uint64_t> asked(ranks);
  for (std::size_t b = 0; b < batches.size(); ++b) {
    const detail::SubgraphBuilder& builder = batches[b].builder;
    first[b] = asked;
    const IndexRange range = builder.anchors(anchors, hop);
    for (std::uint64_t v = range.begin; v < range.end; ++v) {
      Request request;
      request.row = builder.row_of(anchors, v);
      if constexpr (std::is_same_v<Request, DisjointRequest>) {
        request.seed_tag = builder.seed_tag_of(anchors, v);
        request.time = builder.time_of(anchors, v);
      }
      requests.push_back(request);
      destinations.push_back(batches[b].owners[anchors.index()][v]);
      ++asked[destinations.back()];
    }
  }
  const Grouped<Request> outgoing = group_by_rank<Request>(comm.size(), requests, destinations);
  const comm::Gathered<Request> incoming = comm.exchange<Request>(outgoing.items, outgoing.counts);
  Drawn drawn;
  comm.agree(
      [&] { drawn = Owner<Request>(graph, options, link, stream, options.fanouts[hop][link]).answer(incoming.data); });
  std::vector<std::uint64_t> request_counts(ranks);
  std::vector<std::uint64_t> answer_counts(ranks);
  for (std::size_t r = 0; r < ranks; ++r) {
    request_counts[r] = incoming.offsets[r + 1] - incoming.offsets[r];
    for (std::uint64_t i = incoming.offsets[r]; i < incoming.offsets[r + 1]; ++i) answer_counts[r] += drawn.counts[i];
  }
  const comm::Gathered<std::uint32_t> counts = comm.exchange<std::uint32_t>(drawn.counts, request_counts);
  const comm::Gathered<Answer> answers = comm.exchange<Answer>(drawn.answers, answer_counts);
  const std::size_t me = comm.rank().index();
  traffic.requests += outgoing.remote_bytes(comm);
  traffic.answers +=
      4 * (drawn.counts.size() - request_counts[me]) + sizeof(Answer) * (drawn.answers.size() - answer_counts[me]);
  traffic.exchanges += 3;
  drawn = {};

  // Where the answers to each request begin, requests ordered by rank as their answers are.
  std::vector<std::uint64_t> begins(counts.data.size() + 1);
  for (std::size_t i = 0; i < counts.data.size(); ++i) begins[i + 1] = begins[i] + counts.data[i];
  comm.agree([&] {
    parallel::for_each({0, batches.size()}, 1, [&](std::uint64_t b) {
      InFlight& batch = batches[b];
      std::vector<std::uint64_t>& next = first[b];
      std::vector<std::uint32_t> rows;
      std::vector<std::uint64_t> positions;
      std::vector<std::uint16_t>& met_owners = batch.owners[neighbors.index()];
      const SampledEdges& edges = results[b].edges[link];
      const IndexRange range = batch.builder.anchors(anchors, hop);
      for (std::uint64_t v = range.begin; v < range.end; ++v) {
        const std::uint16_t owner = batch.owners[anchors.index()][v];
        const std::uint64_t request = counts.offsets[owner] + next[owner]++;
        const std::span<const Answer> mine(answers.data.data() + begins[request], counts.data[request]);
        rows.clear();
        positions.clear();
        for (const Answer& answer : mine) {
          rows.push_back(answer.row);
          positions.push_back(answer.position());
        }
        const std::size_t written = edges.neighbors.size();
        batch.builder.append(link, anchors, neighbors, v, rows, positions);
        met_owners.resize(results[b].vertices[neighbors.index()].rows.size());
        for (std::size_t i = 0; i < mine.size(); ++i) met_owners[edges.neighbors[written + i]] = mine[i].owner;
      }
    });
  });
}

}  // namespace

void PartitionedSampler::sample(const comm::Communicator& comm, std::span<const std::vector<SeedRows>> batches,
                                std::uint64_t epoch, std::vector<SampledSubgraph>& results,
                                SamplingTraffic& traffic) const {
  const graph::Schema& schema = graph_->schema();
  const std::size_t num_types = schema.vertex_types().size();
  const std::size_t num_links = graph_->adjacencies().size();
  const bool disjoint = options_.is_disjoint();
  results.resize(batches.size());

  // Where the seeds live.
  std::vector<std::vector<std::uint32_t>> seed_rows(num_types);
  comm.agree([&] {
    for (const std::vector<SeedRows>& sets : batches) {
      for (const SeedRows& set : sets) {
        const graph::VertexType& type = schema.vertex_type(set.type);
        for (const std::uint32_t row : set.rows) {
          if (row >= type.count) {
            throw InternalError(fmt::format("seed row {} of type {}, which has {} rows", row, type.name, type.count));
          }
        }
        seed_rows[set.type.index()].insert(seed_rows[set.type.index()].end(), set.rows.begin(), set.rows.end());
      }
    }
  });
  std::vector<std::vector<PartitionedSamplingGraph::Located>> located(num_types);
  for (std::size_t t = 0; t < num_types; ++t) {
    located[t] = graph_->locate(comm, type_id(t), seed_rows[t]);
    traffic.exchanges += 2;
    const IndexRange home = graph::BlockDistribution(schema.vertex_types()[t].count, comm.size()).block(comm.rank());
    for (const std::uint32_t row : seed_rows[t]) traffic.requests += home.contains(row) ? 0U : 4U;
  }
  std::vector<InFlight> in_flight(batches.size());
  comm.agree([&] {
    std::vector<std::size_t> next(num_types);
    for (std::size_t b = 0; b < batches.size(); ++b) {
      std::vector<VertexKey> keys;
      in_flight[b].owners.resize(num_types);
      for (const SeedRows& set : batches[b]) {
        const std::size_t t = set.type.index();
        for (std::size_t i = 0; i < set.rows.size(); ++i) {
          const PartitionedSamplingGraph::Located& seed = located[t][next[t]++];
          in_flight[b].owners[t].push_back(static_cast<std::uint16_t>(seed.owner));
          if (disjoint) keys.emplace_back(seed.key);
        }
      }
      in_flight[b].builder.begin(schema, num_links, options_, batches[b], keys, results[b]);
    }
  });

  for (std::size_t hop = 0; hop < options_.fanouts.size(); ++hop) {
    for (std::size_t l = 0; l < num_links; ++l) {
      if (options_.fanouts[hop][l] != 0 && disjoint) {
        expand<DisjointRequest>(comm, *graph_, options_, l, hop, epoch, in_flight, results, traffic);
      } else if (options_.fanouts[hop][l] != 0) {
        expand<SharedRequest>(comm, *graph_, options_, l, hop, epoch, in_flight, results, traffic);
      }
      for (InFlight& batch : in_flight) batch.builder.end_link(l);
    }
    for (InFlight& batch : in_flight) batch.builder.end_hop();
  }
}

}  // namespace rove::algorithms
