// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/detail/subgraph_builder.hpp"

#include <limits>

#include <fmt/format.h>

#include "algorithms/sampling/detail/neighbor_draws.hpp"
#include "engine/base/error.hpp"

namespace rove::algorithms::detail {

namespace {

std::uint64_t pair_of(std::uint64_t seed, std::uint32_t row) {
  return (seed << 32U) | row;
}

}  // namespace

void SubgraphBuilder::begin(const graph::Schema& schema, std::size_t num_links, const FanoutOptions& options,
                            std::span<const SeedRows> seeds, std::span<const VertexKey> seed_keys,
                            SampledSubgraph& result) {
  result_ = &result;
  disjoint_ = options.is_disjoint();
  const std::size_t num_types = schema.vertex_types().size();
  // The last batch may have been of another graph.
  if (tables_.size() > num_types) tables_.clear();
  for (std::size_t t = 0; t < num_types; ++t) {
    const std::uint64_t rows = schema.vertex_types()[t].count;
    if (t == tables_.size()) {
      tables_.emplace_back(rows);
    } else if (tables_[t].num_rows() != rows) {
      tables_[t] = VertexTable(rows);
    }
    tables_[t].clear();
  }
  if (disjoint_) {
    while (pairs_.size() < num_types) pairs_.emplace_back(std::numeric_limits<std::uint64_t>::max());
    for (PairTable& table : pairs_) table.clear();
  }
  result.vertices.resize(num_types);
  result.edges.resize(num_links);
  for (SampledVertices& vertices : result.vertices) {
    vertices.rows.clear();
    vertices.seeds.clear();
    vertices.hop_offsets.assign(1, 0);
  }
  for (SampledEdges& edges : result.edges) {
    edges.neighbors.clear();
    edges.anchors.clear();
    edges.positions.clear();
    edges.weights.clear();
    edges.hop_offsets.assign(1, 0);
  }

  seed_tags_.clear();
  seed_times_.clear();
  if (disjoint_) {
    for (const SeedRows& set : seeds) {
      if (options.temporal == TemporalRule::kNone) continue;
      if (set.times.size() != set.rows.size()) {
        throw InternalError(
            fmt::format("temporal sampling of {} seeds with {} times", set.rows.size(), set.times.size()));
      }
      seed_times_.insert(seed_times_.end(), set.times.begin(), set.times.end());
    }
    for (std::size_t s = 0; s < seed_keys.size(); ++s) {
      seed_tags_.push_back(disjoint_seed_tag(seed_keys[s], seed_times_.empty() ? 0 : seed_times_[s]));
    }
  }
  add_seeds(schema, seeds);
  end_hop();
}

void SubgraphBuilder::add_seeds(const graph::Schema& schema, std::span<const SeedRows> seeds) {
  std::uint64_t seed = 0;
  for (const SeedRows& set : seeds) {
    const graph::VertexType& type = schema.vertex_type(set.type);
    SampledVertices& vertices = result_->vertices[set.type.index()];
    if (disjoint_) {
      met_pairs_.clear();
      for (std::size_t i = 0; i < vertices.rows.size(); ++i) {
        met_pairs_.push_back(pair_of(vertices.seeds[i], vertices.rows[i]));
      }
      pairs_[set.type.index()].reserve(set.rows.size(), met_pairs_);
    } else {
      tables_[set.type.index()].reserve(set.rows.size(), vertices.rows);
    }
    for (const std::uint32_t row : set.rows) {
      if (row >= type.count) {
        throw InternalError(fmt::format("seed row {} of type {}, which has {} rows", row, type.name, type.count));
      }
      if (disjoint_) {
        pairs_[set.type.index()].insert(pair_of(seed, row));
        vertices.seeds.push_back(static_cast<std::uint32_t>(seed));
      } else if (tables_[set.type.index()].insert(row) != vertices.rows.size()) {
        throw InternalError(fmt::format("seed row {} of type {} is given twice; seeds are distinct", row, type.name));
      }
      vertices.rows.push_back(row);
      ++seed;
    }
  }
}

void SubgraphBuilder::append(std::size_t link, VertexTypeId anchors, VertexTypeId neighbors, std::uint64_t local,
                             std::span<const std::uint32_t> rows, std::span<const std::uint64_t> positions) {
  if (rows.empty()) return;
  SampledEdges& edges = result_->edges[link];
  SampledVertices& met = result_->vertices[neighbors.index()];
  const std::uint64_t written = edges.neighbors.size();
  const std::uint64_t before = met.rows.size();
  edges.positions.insert(edges.positions.end(), positions.begin(), positions.end());
  edges.anchors.resize(written + rows.size(), static_cast<std::uint32_t>(local));
  edges.neighbors.resize(written + rows.size());
  if (!disjoint_) {
    VertexTable& table = tables_[neighbors.index()];
    table.reserve(rows.size(), met.rows);
    met.rows.resize(before + rows.size() + 1);
    table.insert(rows.data(), rows.size(), edges.neighbors.data() + written, met.rows.data() + before);
    met.rows.resize(table.size());
    return;
  }
  const std::uint32_t seed = result_->vertices[anchors.index()].seeds[local];
  PairTable& table = pairs_[neighbors.index()];
  if (table.must_grow(rows.size())) {
    met_pairs_.clear();
    for (std::size_t i = 0; i < before; ++i) met_pairs_.push_back(pair_of(met.seeds[i], met.rows[i]));
    table.reserve(rows.size(), met_pairs_);
  }
  pair_rows_.clear();
  for (const std::uint32_t row : rows) pair_rows_.push_back(pair_of(seed, row));
  met_pairs_.resize(rows.size() + 1);
  table.insert(pair_rows_.data(), rows.size(), edges.neighbors.data() + written, met_pairs_.data());
  for (std::size_t i = 0; before + i < table.size(); ++i) {
    met.rows.push_back(static_cast<std::uint32_t>(met_pairs_[i]));
    met.seeds.push_back(seed);
  }
}

}  // namespace rove::algorithms::detail
