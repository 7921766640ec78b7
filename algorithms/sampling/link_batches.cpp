// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/link_batches.hpp"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace rove::algorithms {

std::vector<SeedRows> LinkBatch::seeds() const {
  std::vector<SeedRows> result;
  for (std::size_t t = 0; t < rows.size(); ++t) {
    if (rows[t].empty()) continue;
    result.push_back({VertexTypeId{static_cast<std::uint16_t>(t)}, rows[t],
                      times.empty() ? std::span<const std::int64_t>{} : std::span<const std::int64_t>(times[t])});
  }
  return result;
}

LinkBatch make_link_batch(const graph::Schema& schema, std::span<const SampledEdge> edges,
                          std::span<const std::int64_t> times, std::uint64_t epoch, const LinkBatchOptions& options) {
  if (!times.empty() && (!options.disjoint || times.size() != edges.size())) {
    throw InternalError("times of edges need disjoint seeds and one time per edge");
  }
  LinkBatch batch;
  const std::size_t num_types = schema.vertex_types().size();
  batch.rows.resize(num_types);
  if (!times.empty()) batch.times.resize(num_types);
  std::vector<std::unordered_map<std::uint32_t, std::uint32_t>> places(num_types);
  const auto place_of = [&](VertexTypeId type, std::uint32_t row, std::size_t edge) {
    std::vector<std::uint32_t>& rows = batch.rows[type.index()];
    const auto next = static_cast<std::uint32_t>(rows.size());
    if (!options.disjoint) {
      const auto [place, is_new] = places[type.index()].emplace(row, next);
      if (!is_new) return place->second;
    }
    rows.push_back(row);
    if (!times.empty()) batch.times[type.index()].push_back(times[edge]);
    return next;
  };
  std::vector<std::uint32_t> negatives;
  for (std::size_t e = 0; e < edges.size(); ++e) {
    const SampledEdge& edge = edges[e];
    const graph::EdgeType& type = schema.edge_type(options.relations[edge.relation]);
    batch.relations.push_back(edge.relation);
    batch.positions.push_back(edge.position);
    batch.sources.push_back(place_of(type.source, edge.source, e));
    batch.destinations.push_back(place_of(type.destination, edge.destination, e));
    if (options.negatives.empty()) continue;
    const NegativeSampler& sampler = options.negatives[edge.relation];
    negatives.resize(sampler.per_positive());
    sampler.sample(edge.source, edge.position, epoch, negatives);
    for (const std::uint32_t row : negatives) {
      batch.negatives.push_back(row == LinkBatch::kNone ? row : place_of(type.destination, row, e));
    }
  }
  return batch;
}

void name_vertices(const graph::Schema& schema, std::span<const EdgeTypeId> relations, const SampledSubgraph& subgraph,
                   LinkBatch& batch) {
  std::vector<std::vector<std::uint32_t>> vertices(batch.rows.size());  // by type, by place
  std::uint32_t first_seed = 0;
  for (std::size_t t = 0; t < batch.rows.size(); ++t) {
    const std::vector<std::uint32_t>& seeds = subgraph.vertices[t].seeds;  // ascending: vertices lie seed by seed
    auto vertex = seeds.begin();
    for (std::size_t place = 0; place < batch.rows[t].size(); ++place) {
      vertex = std::lower_bound(vertex, seeds.end(), first_seed + static_cast<std::uint32_t>(place));
      vertices[t].push_back(static_cast<std::uint32_t>(vertex - seeds.begin()));
    }
    first_seed += static_cast<std::uint32_t>(batch.rows[t].size());
  }
  const std::size_t negatives = batch.relations.empty() ? 0 : batch.negatives.size() / batch.relations.size();
  for (std::size_t e = 0; e < batch.relations.size(); ++e) {
    const graph::EdgeType& type = schema.edge_type(relations[batch.relations[e]]);
    const std::vector<std::uint32_t>& destinations = vertices[type.destination.index()];
    batch.sources[e] = vertices[type.source.index()][batch.sources[e]];
    batch.destinations[e] = destinations[batch.destinations[e]];
    for (std::size_t i = e * negatives; i < (e + 1) * negatives; ++i) {
      if (batch.negatives[i] != LinkBatch::kNone) batch.negatives[i] = destinations[batch.negatives[i]];
    }
  }
}

std::vector<std::int64_t> edge_times(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                     std::span<const EdgeTypeId> relations, std::span<const SampledEdge> edges) {
  std::vector<std::int64_t> result(edges.size());
  for (std::uint32_t r = 0; r < relations.size(); ++r) {
    const graph::EdgeType& type = blocks.schema.edge_type(relations[r]);
    if (!type.has_times) {
      throw ConfigError(
          fmt::format("edge type {} has no times, so its edges cannot be seeds by time; import it with "
                      "a time column",
                      blocks.schema.name_of(relations[r])));
    }
    const graph::AdjacencyBlock& block = blocks.edges[relations[r].index()].by_source;
    const graph::BlockDistribution homes = blocks.distribution(type.source, comm.size());
    const std::uint64_t first_position = comm.exclusive_scan(block.targets.size());
    std::vector<std::vector<std::uint64_t>> asked(static_cast<std::size_t>(comm.size()));
    for (const SampledEdge& edge : edges) {
      if (edge.relation == r) asked[homes.home_of(edge.source).index()].push_back(edge.position);
    }
    std::vector<std::uint64_t> questions;
    std::vector<std::uint64_t> counts;
    for (const std::vector<std::uint64_t>& part : asked) {
      questions.insert(questions.end(), part.begin(), part.end());
      counts.push_back(part.size());
    }
    const comm::Gathered<std::uint64_t> arrived = comm.exchange<std::uint64_t>(questions, counts);
    std::vector<std::int64_t> replies;
    replies.reserve(arrived.data.size());
    for (const std::uint64_t position : arrived.data) replies.push_back(block.times[position - first_position]);
    std::vector<std::uint64_t> reply_counts;
    for (std::size_t rank = 0; rank + 1 < arrived.offsets.size(); ++rank) {
      reply_counts.push_back(arrived.offsets[rank + 1] - arrived.offsets[rank]);
    }
    const comm::Gathered<std::int64_t> replied = comm.exchange<std::int64_t>(replies, reply_counts);
    std::vector<std::uint64_t> next(replied.offsets.begin(), replied.offsets.end() - 1);
    for (std::size_t e = 0; e < edges.size(); ++e) {
      if (edges[e].relation == r) result[e] = replied.data[next[homes.home_of(edges[e].source).index()]++];
    }
  }
  return result;
}

}  // namespace rove::algorithms
