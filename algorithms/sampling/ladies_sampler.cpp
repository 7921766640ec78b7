// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/ladies_sampler.hpp"

#include <utility>

#include <fmt/format.h>

#include "algorithms/sampling/detail/subgraph_builder.hpp"
#include "algorithms/sampling/detail/weighted_draws.hpp"
#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/random.hpp"

namespace rove::algorithms {

namespace {

/// Keeps the draws of layers apart from those of fan-outs under the same purpose.
constexpr std::uint64_t kLayerTag = 0x4C61646965730000U;

/// The next layer of one vertex type.
struct Candidates {
  explicit Candidates(std::uint64_t num_rows) : table(num_rows) {}

  detail::VertexTable table;         ///< rows to candidates
  std::vector<std::uint32_t> rows;   ///< by candidate
  std::vector<double> importance;    ///< by candidate: sum of squares, then probability
  std::vector<std::uint8_t> chosen;  ///< by candidate
};

/// One row's slots with the weights of A.
class NormalisedRow {
 public:
  NormalisedRow(const SamplingGraph::Adjacency& adjacency, std::uint32_t row)
      : adjacency_(adjacency), slots_{adjacency.offsets[row], adjacency.offsets[row + 1]} {
    total_ = static_cast<double>(slots_.size());
    if (adjacency.weights.empty()) return;
    total_ = 0;
    for (std::uint64_t slot = slots_.begin; slot < slots_.end; ++slot) {
      total_ += static_cast<double>(adjacency.weights[slot]);
    }
  }
  [[nodiscard]] IndexRange slots() const { return slots_; }
  /// A(u, v) of the slot; 0 for a slot of weight 0.
  [[nodiscard]] double value(std::uint64_t slot) const {
    if (adjacency_.weights.empty()) return 1 / total_;
    return total_ > 0 ? static_cast<double>(adjacency_.weights[slot]) / total_ : 0;
  }

 private:
  const SamplingGraph::Adjacency& adjacency_;
  IndexRange slots_;
  double total_ = 0;
};

}  // namespace

struct LadiesSampler::Workspace::State {
  detail::SubgraphBuilder builder;
  std::vector<Candidates> candidates;             ///< by vertex type
  std::vector<std::vector<std::uint32_t>> layer;  ///< by vertex type: local numbers
  std::vector<std::vector<std::uint8_t>> in_layer;
  detail::SmallestKeys smallest;
  std::vector<std::uint32_t> rows;
  std::vector<std::uint64_t> positions;
  std::vector<double> values;
};

LadiesSampler::Workspace::Workspace() : state_(std::make_unique<State>()) {}
LadiesSampler::Workspace::Workspace(Workspace&&) noexcept = default;
LadiesSampler::Workspace& LadiesSampler::Workspace::operator=(Workspace&&) noexcept = default;
LadiesSampler::Workspace::~Workspace() = default;

LadiesSampler::LadiesSampler(const SamplingGraph& graph, LadiesOptions options)
    : graph_(&graph), options_(std::move(options)) {
  for (std::size_t layer = 0; layer < options_.layer_sizes.size(); ++layer) {
    if (options_.layer_sizes[layer] == 0) {
      throw ConfigError(fmt::format("layer {} samples 0 vertices; expected at least 1", layer));
    }
  }
  for (const SamplingGraph::Adjacency& adjacency : graph.adjacencies()) {
    const graph::EdgeType& type = graph.schema().edge_type(adjacency.link.type);
    const bool lacks_weights = options_.weighted && type.has_weights && type.count > 0 && adjacency.weights.empty();
    const bool lacks_keys =
        graph.schema().vertex_type(adjacency.neighbors).count > 0 && graph.keys(adjacency.neighbors).empty();
    if (lacks_weights || lacks_keys) {
      throw InternalError("the sampling graph was built without the attributes that these options read");
    }
  }
}

void LadiesSampler::sample(std::span<const SeedRows> seeds, std::uint64_t epoch, Workspace& workspace,
                           SampledSubgraph& result) const {
  Workspace::State& state = *workspace.state_;
  const graph::Schema& schema = graph_->schema();
  const std::size_t num_types = schema.vertex_types().size();
  const std::span<const SamplingGraph::Adjacency> adjacencies = graph_->adjacencies();
  state.builder.begin(schema, adjacencies.size(), FanoutOptions{}, seeds, {}, result);
  if (state.candidates.size() > num_types) state.candidates.clear();
  for (std::size_t t = 0; t < num_types; ++t) {
    const std::uint64_t rows = schema.vertex_types()[t].count;
    if (t == state.candidates.size()) {
      state.candidates.emplace_back(rows);
    } else if (state.candidates[t].table.num_rows() != rows) {
      state.candidates[t] = Candidates(rows);
    }
  }
  std::vector<std::vector<std::uint32_t>>& layer = state.layer;
  layer.resize(num_types);
  state.in_layer.resize(num_types);
  std::vector<std::uint32_t> num_seeds(num_types);
  for (std::size_t t = 0; t < num_types; ++t) {
    num_seeds[t] = static_cast<std::uint32_t>(result.vertices[t].rows.size());
    layer[t].clear();
    for (std::uint32_t local = 0; local < num_seeds[t]; ++local) layer[t].push_back(local);
  }

  for (std::size_t hop = 0; hop < options_.layer_sizes.size(); ++hop) {
    for (Candidates& candidates : state.candidates) {
      candidates.table.clear();
      candidates.rows.clear();
      candidates.importance.clear();
    }
    for (const SamplingGraph::Adjacency& adjacency : adjacencies) {
      Candidates& candidates = state.candidates[adjacency.neighbors.index()];
      for (const std::uint32_t local : layer[adjacency.anchors.index()]) {
        const NormalisedRow row(adjacency, state.builder.row_of(adjacency.anchors, local));
        candidates.table.reserve(row.slots().size(), candidates.rows);
        for (std::uint64_t slot = row.slots().begin; slot < row.slots().end; ++slot) {
          const double value = row.value(slot);
          if (!(value > 0)) continue;
          const std::uint32_t neighbor = adjacency.neighbor(slot);
          const std::uint32_t candidate = candidates.table.insert(neighbor);
          if (candidate == candidates.rows.size()) {
            candidates.rows.push_back(neighbor);
            candidates.importance.push_back(0);
          }
          candidates.importance[candidate] += value * value;
        }
      }
    }
    for (std::size_t t = 0; t < num_types; ++t) {
      Candidates& candidates = state.candidates[t];
      double total = 0;
      for (const double importance : candidates.importance) total += importance;
      const RandomStream stream(options_.seed, Purpose::kNeighbor, mix64(mix64(mix64(epoch, hop), kLayerTag), t));
      const std::span<const VertexKey> keys = graph_->keys(VertexTypeId{static_cast<std::uint16_t>(t)});
      state.smallest.clear(options_.layer_sizes[hop]);
      for (std::size_t c = 0; c < candidates.rows.size(); ++c) {
        candidates.importance[c] /= total;
        const double draw = detail::exponential_from(stream.draw(keys[candidates.rows[c]].value(), 0, 0));
        // Ties by row, which does not depend on the order in which candidates were met.
        state.smallest.offer(draw / candidates.importance[c], candidates.rows[c]);
      }
      candidates.chosen.assign(candidates.rows.size(), 0);
      for (const auto& [key, row] : state.smallest.sorted()) {
        candidates.chosen[candidates.table.find(static_cast<std::uint32_t>(row))] = 1;
      }
      for (std::uint32_t local = 0; local < num_seeds[t]; ++local) {
        const std::uint32_t candidate = candidates.table.find(result.vertices[t].rows[local]);
        if (candidate != detail::VertexTable::kAbsent) candidates.chosen[candidate] = 1;
      }
    }

    for (std::size_t l = 0; l < adjacencies.size(); ++l) {
      const SamplingGraph::Adjacency& adjacency = adjacencies[l];
      const Candidates& candidates = state.candidates[adjacency.neighbors.index()];
      SampledEdges& edges = result.edges[l];
      for (const std::uint32_t local : layer[adjacency.anchors.index()]) {
        const NormalisedRow row(adjacency, state.builder.row_of(adjacency.anchors, local));
        state.rows.clear();
        state.positions.clear();
        state.values.clear();
        double total = 0;
        for (std::uint64_t slot = row.slots().begin; slot < row.slots().end; ++slot) {
          const double value = row.value(slot);
          if (!(value > 0)) continue;
          const std::uint32_t candidate = candidates.table.find(adjacency.neighbor(slot));
          if (candidates.chosen[candidate] == 0) continue;
          state.rows.push_back(adjacency.neighbor(slot));
          state.positions.push_back(adjacency.position(slot));
          const double weight = value / candidates.importance[candidate];
          total += weight;
          state.values.push_back(weight);
        }
        for (const double weight : state.values) edges.weights.push_back(static_cast<float>(weight / total));
        state.builder.append(l, adjacency.anchors, adjacency.neighbors, local, state.rows, state.positions);
      }
    }
    // The next layer: the seeds, then the drawn vertices in the order they were met.
    for (std::size_t t = 0; t < num_types; ++t) {
      state.in_layer[t].assign(result.vertices[t].rows.size(), 0);
      layer[t].clear();
      for (std::uint32_t local = 0; local < num_seeds[t]; ++local) {
        layer[t].push_back(local);
        state.in_layer[t][local] = 1;
      }
    }
    for (std::size_t l = 0; l < adjacencies.size(); ++l) {
      const std::size_t t = adjacencies[l].neighbors.index();
      const SampledEdges& edges = result.edges[l];
      for (std::size_t e = edges.hop_offsets.back(); e < edges.neighbors.size(); ++e) {
        if (std::exchange(state.in_layer[t][edges.neighbors[e]], std::uint8_t{1}) == 0) {
          layer[t].push_back(edges.neighbors[e]);
        }
      }
      state.builder.end_link(l);
    }
    state.builder.end_hop();
  }
}

}  // namespace rove::algorithms
