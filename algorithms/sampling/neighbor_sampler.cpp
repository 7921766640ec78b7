// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/neighbor_sampler.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "algorithms/sampling/detail/slot_draws.hpp"
#include "algorithms/sampling/detail/vertex_table.hpp"
#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/random.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms {

namespace {

/// Samples in flight between two passes: their cache lines stay in the first-level cache.
constexpr std::uint64_t kChunk = 256;
/// Anchors ahead whose bounds and keys are asked for.
constexpr std::uint64_t kAhead = 12;

/// Identity of a link in the random streams.
std::uint64_t link_tag(const SampledLink& link) {
  return std::uint64_t{link.type.value()} * 2 + (link.direction == exec::Direction::kOut ? 1 : 0);
}

}  // namespace

struct NeighborSampler::Workspace::State {
  std::vector<detail::VertexTable> tables;  ///< by vertex type
  detail::SlotDraws draws;
  std::vector<std::uint64_t> slots;
  std::vector<std::uint32_t> rows;
};

NeighborSampler::Workspace::Workspace() : state_(std::make_unique<State>()) {}
NeighborSampler::Workspace::Workspace(Workspace&&) noexcept = default;
NeighborSampler::Workspace& NeighborSampler::Workspace::operator=(Workspace&&) noexcept = default;
NeighborSampler::Workspace::~Workspace() = default;

std::uint64_t SampledSubgraph::num_edges() const {
  std::uint64_t count = 0;
  for (const SampledEdges& link : edges) count += link.positions.size();
  return count;
}

NeighborSampler::NeighborSampler(const SamplingGraph& graph, FanoutOptions options)
    : graph_(&graph), options_(std::move(options)) {
  for (std::size_t hop = 0; hop < options_.fanouts.size(); ++hop) {
    if (options_.fanouts[hop].size() != graph.adjacencies().size()) {
      throw ConfigError(fmt::format("hop {} has {} fan-outs, expected one for each of the {} links", hop,
                                    options_.fanouts[hop].size(), graph.adjacencies().size()));
    }
    for (const std::int64_t fanout : options_.fanouts[hop]) {
      if (fanout < FanoutOptions::kAll || fanout > std::int64_t{1} << 30U) {
        throw ConfigError(fmt::format("hop {} has fan-out {}, expected -1 (all) to 2^30", hop, fanout));
      }
      if (fanout == FanoutOptions::kAll && options_.replace) {
        throw ConfigError(
            fmt::format("hop {} draws all neighbours (-1) with replacement; switch one of them off", hop));
      }
    }
  }
}

namespace {

struct Expansion {
  const SamplingGraph::Adjacency& adjacency;
  std::span<const VertexKey> keys;
  RandomStream stream;
  std::int64_t fanout;
  bool replace;
};

/// Pass 1 of a chunk, for anchors from `v` on: which slots they draw. Returns the anchor to go on with.
std::uint64_t draw_slots(const Expansion& expansion, const std::vector<std::uint32_t>& rows, std::uint64_t v,
                         std::uint64_t end, detail::SlotDraws& draws, std::vector<std::uint64_t>& slots,
                         std::vector<std::uint32_t>& anchors, std::uint64_t& drawn) {
  const std::uint64_t* offsets = expansion.adjacency.offsets.data();
  const bool all = expansion.fanout == FanoutOptions::kAll;
  const auto fanout = static_cast<std::uint64_t>(std::max<std::int64_t>(expansion.fanout, 0));
  const std::uint32_t* targets = expansion.adjacency.targets.data();
  const std::uint64_t* packed = expansion.adjacency.slots.data();
  std::uint64_t write = anchors.size();
  drawn = 0;
  for (; v < end && drawn < kChunk; ++v) {
    if (v + kAhead < end) {
      __builtin_prefetch(&offsets[rows[v + kAhead]]);
      __builtin_prefetch(&expansion.keys[rows[v + kAhead]]);
    }
    const std::uint32_t row = rows[v];
    const std::uint64_t first = offsets[row];
    const std::uint64_t degree = offsets[row + 1] - first;
    if (degree == 0) continue;
    const bool take_all = all || (!expansion.replace && degree <= fanout);
    const std::uint64_t count = take_all ? degree : fanout;
    if (drawn + count > slots.size()) slots.resize(2 * (drawn + count));
    if (write + count > anchors.size()) anchors.resize(std::max(write + count, write + 2 * kChunk));
    std::uint64_t* out = slots.data() + drawn;
    if (take_all) {
      for (std::uint64_t j = 0; j < count; ++j) out[j] = first + j;
    } else if (expansion.replace) {
      draws.with_replacement(expansion.stream, expansion.keys[row].value(), degree, count, first, out);
    } else {
      draws.without_replacement(expansion.stream, expansion.keys[row].value(), degree, count, first, out);
    }
    for (std::uint64_t j = 0; j < count; ++j) {
      anchors[write + j] = static_cast<std::uint32_t>(v);
      if (targets != nullptr) {
        __builtin_prefetch(&targets[out[j]]);
      } else {
        __builtin_prefetch(&packed[out[j]]);
      }
    }
    drawn += count;
    write += count;
  }
  anchors.resize(write);
  return v;
}

/// Draws for the anchors [begin, end) of a link and relabels what they draw.
void expand(const Expansion& expansion, std::uint64_t begin, std::uint64_t end,
            std::vector<detail::VertexTable>& tables, detail::SlotDraws& draws, std::vector<std::uint64_t>& slots,
            std::vector<std::uint32_t>& rows, SampledSubgraph& result, SampledEdges& edges) {
  const SamplingGraph::Adjacency& adjacency = expansion.adjacency;
  const std::vector<std::uint32_t>& anchor_rows = result.vertices[adjacency.anchors.index()].rows;
  std::vector<std::uint32_t>& met = result.vertices[adjacency.neighbors.index()].rows;
  detail::VertexTable& table = tables[adjacency.neighbors.index()];
  const bool by_source = !adjacency.targets.empty();
  for (std::uint64_t v = begin; v < end;) {
    std::uint64_t drawn = 0;
    const std::uint64_t written = edges.positions.size();
    v = draw_slots(expansion, anchor_rows, v, end, draws, slots, edges.anchors, drawn);
    if (drawn == 0) continue;
    edges.positions.resize(written + drawn);
    edges.neighbors.resize(written + drawn);
    if (rows.size() < drawn) rows.resize(2 * drawn);
    table.reserve(drawn, met);
    std::uint64_t* positions = edges.positions.data() + written;
    std::uint32_t* neighbors = edges.neighbors.data() + written;
    for (std::uint64_t i = 0; i < drawn; ++i) {
      const std::uint64_t slot = slots[i];
      if (by_source) {
        rows[i] = adjacency.targets[slot];
        positions[i] = slot;
      } else {
        const std::uint64_t packed = adjacency.slots[slot];
        rows[i] = static_cast<std::uint32_t>(packed);
        positions[i] = packed >> 32U;
      }
      table.prefetch(rows[i]);
    }
    if (!adjacency.position_high.empty()) {
      for (std::uint64_t i = 0; i < drawn; ++i) positions[i] = adjacency.position(slots[i]);
    }
    const std::uint64_t before = met.size();
    met.resize(before + drawn + 1);
    table.insert(rows.data(), drawn, neighbors, met.data() + before);
    met.resize(table.size());
  }
}

}  // namespace

void NeighborSampler::sample(std::span<const SeedRows> seeds, std::uint64_t epoch, Workspace& workspace,
                             SampledSubgraph& result) const {
  Workspace::State& state = *workspace.state_;
  const graph::Schema& schema = graph_->schema();
  const std::size_t num_types = schema.vertex_types().size();
  const std::span<const SamplingGraph::Adjacency> adjacencies = graph_->adjacencies();
  // A workspace may come from another graph.
  if (state.tables.size() > num_types) state.tables.clear();
  for (std::size_t t = 0; t < num_types; ++t) {
    const std::uint64_t rows = schema.vertex_type(VertexTypeId{static_cast<std::uint16_t>(t)}).count;
    if (t == state.tables.size()) {
      state.tables.emplace_back(rows);
    } else if (state.tables[t].num_rows() != rows) {
      state.tables[t] = detail::VertexTable(rows);
    }
  }
  result.vertices.resize(num_types);
  result.edges.resize(adjacencies.size());
  for (std::size_t t = 0; t < num_types; ++t) {
    state.tables[t].clear();
    result.vertices[t].rows.clear();
    result.vertices[t].hop_offsets.assign(1, 0);
  }
  for (SampledEdges& edges : result.edges) {
    edges.neighbors.clear();
    edges.anchors.clear();
    edges.positions.clear();
    edges.hop_offsets.assign(1, 0);
  }

  for (const SeedRows& set : seeds) {
    std::vector<std::uint32_t>& rows = result.vertices[set.type.index()].rows;
    detail::VertexTable& table = state.tables[set.type.index()];
    table.reserve(set.rows.size(), rows);
    for (const std::uint32_t row : set.rows) {
      const graph::VertexType& type = schema.vertex_type(set.type);
      if (row >= type.count) {
        throw InternalError(fmt::format("seed row {} of type {}, which has {} rows", row, type.name, type.count));
      }
      if (table.insert(row) != rows.size()) {
        throw InternalError(fmt::format("seed row {} of type {} is given twice; seeds are distinct", row, type.name));
      }
      rows.push_back(row);
    }
  }
  for (SampledVertices& vertices : result.vertices) vertices.hop_offsets.push_back(vertices.rows.size());

  for (std::size_t hop = 0; hop < options_.fanouts.size(); ++hop) {
    for (std::size_t l = 0; l < adjacencies.size(); ++l) {
      const SamplingGraph::Adjacency& adjacency = adjacencies[l];
      const std::int64_t fanout = options_.fanouts[hop][l];
      SampledEdges& edges = result.edges[l];
      if (fanout != 0) {
        const std::vector<std::uint64_t>& hops = result.vertices[adjacency.anchors.index()].hop_offsets;
        const std::uint64_t stream = mix64(mix64(epoch, hop), link_tag(adjacency.link));
        const Expansion expansion{adjacency, graph_->keys(adjacency.anchors),
                                  RandomStream(options_.seed, Purpose::kNeighbor, stream), fanout, options_.replace};
        if (fanout > 0) state.draws.reserve(static_cast<std::uint64_t>(fanout));
        expand(expansion, hops[hop], hops[hop + 1], state.tables, state.draws, state.slots, state.rows, result, edges);
      }
      edges.hop_offsets.push_back(edges.positions.size());
    }
    for (SampledVertices& vertices : result.vertices) vertices.hop_offsets.push_back(vertices.rows.size());
  }
}

void NeighborSampler::sample_batches(const SeedRows& seeds, std::uint64_t batch_size, std::uint64_t epoch,
                                     const std::function<void(std::uint64_t, const SampledSubgraph&)>& consume) const {
  if (batch_size == 0) throw ConfigError("sampling in batches of 0 vertices; expected at least 1");
  struct Local {
    Workspace workspace;
    SampledSubgraph subgraph;
  };
  std::vector<Local> locals(parallel::concurrency());
  const std::uint64_t batches = (seeds.rows.size() + batch_size - 1) / batch_size;
  parallel::for_each({0, batches}, 1, [&](std::uint64_t batch) {
    Local& local = locals[parallel::thread_index()];
    const std::uint64_t begin = batch * batch_size;
    const SeedRows part{seeds.type, seeds.rows.subspan(begin, std::min(batch_size, seeds.rows.size() - begin))};
    sample({&part, 1}, epoch, local.workspace, local.subgraph);
    consume(batch, local.subgraph);
  });
}

}  // namespace rove::algorithms
