// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/neighbor_sampler.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "algorithms/sampling/detail/neighbor_draws.hpp"
#include "algorithms/sampling/detail/slot_draws.hpp"
#include "algorithms/sampling/detail/subgraph_builder.hpp"
#include "algorithms/sampling/detail/vertex_table.hpp"
#include "engine/base/error.hpp"
#include "engine/base/random.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms {

namespace {

/// Samples in flight between two passes: their cache lines stay in the first-level cache.
constexpr std::uint64_t kChunk = 256;
/// Anchors ahead whose bounds and keys are asked for.
constexpr std::uint64_t kAhead = 12;

}  // namespace

struct NeighborSampler::Workspace::State {
  detail::SubgraphBuilder builder;
  detail::SlotDraws draws;
  std::vector<std::uint64_t> slots;
  std::vector<std::uint32_t> rows;
  std::vector<std::uint64_t> drawn;
  std::vector<std::uint64_t> positions;
};

NeighborSampler::Workspace::Workspace() : state_(std::make_unique<State>()) {}
NeighborSampler::Workspace::Workspace(Workspace&&) noexcept = default;
NeighborSampler::Workspace& NeighborSampler::Workspace::operator=(Workspace&&) noexcept = default;
NeighborSampler::Workspace::~Workspace() = default;

std::uint64_t SampledSubgraph::num_edges() const {
  std::uint64_t count = 0;
  for (const SampledEdges& link : edges) count += link.neighbors.size();
  return count;
}

void check_fanouts(const FanoutOptions& options, std::size_t num_links) {
  for (std::size_t hop = 0; hop < options.fanouts.size(); ++hop) {
    if (options.fanouts[hop].size() != num_links) {
      throw ConfigError(fmt::format("hop {} has {} fan-outs, expected one for each of the {} links", hop,
                                    options.fanouts[hop].size(), num_links));
    }
    for (const std::int64_t fanout : options.fanouts[hop]) {
      if (fanout < FanoutOptions::kAll || fanout > std::int64_t{1} << 30U) {
        throw ConfigError(fmt::format("hop {} has fan-out {}, expected -1 (all) to 2^30", hop, fanout));
      }
      if (fanout == FanoutOptions::kAll && options.replace) {
        throw ConfigError(
            fmt::format("hop {} draws all neighbours (-1) with replacement; switch one of them off", hop));
      }
    }
  }
  if (options.weighted && options.temporal != TemporalRule::kNone) {
    throw ConfigError("neighbours cannot be drawn by weight and by time at once; switch one of them off");
  }
}

NeighborSampler::NeighborSampler(const SamplingGraph& graph, FanoutOptions options)
    : graph_(&graph), options_(std::move(options)) {
  check_fanouts(options_, graph.adjacencies().size());
  const SamplingAttributes needed = options_.attributes();
  for (const SamplingGraph::Adjacency& adjacency : graph.adjacencies()) {
    const graph::EdgeType& type = graph.schema().edge_type(adjacency.link.type);
    const bool lacks_weights = type.has_weights && ((needed.weights && adjacency.weights.empty()) ||
                                                    (needed.cumulative && adjacency.cumulative.empty()));
    if (type.count > 0 && (lacks_weights || (needed.times && type.has_times && adjacency.times.empty()))) {
      throw InternalError("the sampling graph was built without the attributes that these options read");
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

/// Draws for the anchors [begin, end) of a link and relabels what they draw: uniformly, without times, for subgraphs
/// that share vertices.
void expand(const Expansion& expansion, std::uint64_t begin, std::uint64_t end, detail::VertexTable& table,
            detail::SlotDraws& draws, std::vector<std::uint64_t>& slots, std::vector<std::uint32_t>& rows,
            SampledSubgraph& result, SampledEdges& edges) {
  const SamplingGraph::Adjacency& adjacency = expansion.adjacency;
  const std::vector<std::uint32_t>& anchor_rows = result.vertices[adjacency.anchors.index()].rows;
  std::vector<std::uint32_t>& met = result.vertices[adjacency.neighbors.index()].rows;
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

std::vector<VertexKey> NeighborSampler::seed_keys(std::span<const SeedRows> seeds) const {
  std::vector<VertexKey> result;
  for (const SeedRows& set : seeds) {
    const std::span<const VertexKey> keys = graph_->keys(set.type);
    for (const std::uint32_t row : set.rows) result.push_back(row < keys.size() ? keys[row] : VertexKey{});
  }
  return result;
}

void NeighborSampler::sample(std::span<const SeedRows> seeds, std::uint64_t epoch, Workspace& workspace,
                             SampledSubgraph& result) const {
  Workspace::State& state = *workspace.state_;
  const std::span<const SamplingGraph::Adjacency> adjacencies = graph_->adjacencies();
  detail::SubgraphBuilder& builder = state.builder;
  const std::vector<VertexKey> disjoint_keys = options_.is_disjoint() ? seed_keys(seeds) : std::vector<VertexKey>{};
  builder.begin(graph_->schema(), adjacencies.size(), options_, seeds, disjoint_keys, result);
  const bool plain = !options_.is_disjoint() && !options_.weighted;
  detail::NeighborDraws draws(options_);
  for (std::size_t hop = 0; hop < options_.fanouts.size(); ++hop) {
    for (std::size_t l = 0; l < adjacencies.size(); ++l) {
      const SamplingGraph::Adjacency& adjacency = adjacencies[l];
      const std::int64_t fanout = options_.fanouts[hop][l];
      const IndexRange anchors = builder.anchors(adjacency.anchors, hop);
      const RandomStream stream = detail::neighbor_stream(options_, adjacency.link, epoch, hop);
      const std::span<const VertexKey> keys = graph_->keys(adjacency.anchors);
      if (fanout != 0 && plain) {
        expand({adjacency, keys, stream, fanout, options_.replace}, anchors.begin, anchors.end,
               builder.table(adjacency.neighbors), state.draws, state.slots, state.rows, result, result.edges[l]);
      } else if (fanout != 0) {
        draws.begin(adjacency, stream, fanout);
        for (std::uint64_t v = anchors.begin; v < anchors.end; ++v) {
          const std::uint32_t row = builder.row_of(adjacency.anchors, v);
          state.drawn.clear();
          draws.draw(row, detail::drawing_entity(keys[row], builder.seed_tag_of(adjacency.anchors, v)),
                     builder.time_of(adjacency.anchors, v), state.drawn);
          state.rows.clear();
          state.positions.clear();
          for (const std::uint64_t slot : state.drawn) {
            state.rows.push_back(adjacency.neighbor(slot));
            state.positions.push_back(adjacency.position(slot));
          }
          builder.append(l, adjacency.anchors, adjacency.neighbors, v, state.rows, state.positions);
        }
      }
      builder.end_link(l);
    }
    builder.end_hop();
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
    const std::uint64_t count = std::min(batch_size, seeds.rows.size() - begin);
    const SeedRows part{seeds.type, seeds.rows.subspan(begin, count),
                        seeds.times.empty() ? seeds.times : seeds.times.subspan(begin, count)};
    sample({&part, 1}, epoch, local.workspace, local.subgraph);
    consume(batch, local.subgraph);
  });
}

}  // namespace rove::algorithms
