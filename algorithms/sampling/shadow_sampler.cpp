// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/shadow_sampler.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "algorithms/sampling/detail/vertex_table.hpp"
#include "engine/base/error.hpp"

namespace rove::algorithms {

namespace {

/// A vertex of the seed's neighbourhood during the push.
struct Pushed {
  std::uint16_t type = 0;
  std::uint32_t row = 0;
  bool is_queued = false;
  double score = 0;
  double residual = 0;
  double strength = 0;       ///< sum of weights over all links, or slots
  std::uint64_t degree = 0;  ///< slots over all links
};

FanoutOptions hop_fanouts(const SamplingGraph& graph, const ShadowOptions& options) {
  FanoutOptions fanout = options.fanout;
  if (options.scope == ShadowScope::kPpr) fanout.fanouts.clear();
  if (fanout.weighted || fanout.temporal != TemporalRule::kNone) {
    throw ConfigError("the scope of a ShaDow subgraph is drawn uniformly and without times");
  }
  fanout.disjoint = false;
  check_fanouts(fanout, graph.adjacencies().size());
  return fanout;
}

}  // namespace

struct ShadowSampler::Workspace::State {
  NeighborSampler::Workspace neighbors;
  SampledSubgraph scope;
  std::vector<detail::VertexTable> tables;         ///< by vertex type: row to its place in `scope_rows`
  std::vector<std::vector<std::uint32_t>> places;  ///< by vertex type: `tables` number to vertex of `pushed`
  std::vector<std::vector<std::uint32_t>> scope_rows;
  std::vector<std::vector<std::uint32_t>> met;  ///< by vertex type: rows in the order inserted
  std::vector<Pushed> pushed;
  std::vector<std::uint32_t> queue;
};

ShadowSampler::Workspace::Workspace() : state_(std::make_unique<State>()) {}
ShadowSampler::Workspace::Workspace(Workspace&&) noexcept = default;
ShadowSampler::Workspace& ShadowSampler::Workspace::operator=(Workspace&&) noexcept = default;
ShadowSampler::Workspace::~Workspace() = default;

ShadowSampler::ShadowSampler(const SamplingGraph& graph, ShadowOptions options)
    : graph_(&graph), options_(std::move(options)), neighbors_(graph, hop_fanouts(graph, options_)) {
  if (options_.scope != ShadowScope::kPpr) return;
  if (!(options_.restart > 0 && options_.restart < 1)) {
    throw ConfigError(fmt::format("restart probability {} of a scope, expected between 0 and 1", options_.restart));
  }
  if (!(options_.tolerance > 0 && options_.tolerance <= 1)) {
    throw ConfigError(fmt::format("tolerance {} of a scope, expected above 0 and at most 1", options_.tolerance));
  }
}

namespace {

/// Forward push from one vertex over all links of the graph.
class Push {
 public:
  Push(const SamplingGraph& graph, double restart, double tolerance, std::vector<detail::VertexTable>& tables,
       std::vector<std::vector<std::uint32_t>>& met, std::vector<std::vector<std::uint32_t>>& places,
       std::vector<Pushed>& pushed, std::vector<std::uint32_t>& queue)
      : graph_(graph),
        restart_(restart),
        tolerance_(tolerance),
        tables_(tables),
        met_(met),
        places_(places),
        pushed_(pushed),
        queue_(queue) {}

  void run(VertexTypeId type, std::uint32_t row) {
    pushed_.clear();
    queue_.clear();
    for (std::size_t t = 0; t < tables_.size(); ++t) {
      tables_[t].clear();
      met_[t].clear();
      places_[t].clear();
    }
    receive(type, row, 1);
    for (std::size_t next = 0; next < queue_.size(); ++next) push(queue_[next]);
  }

 private:
  [[nodiscard]] static double slot_weight(const SamplingGraph::Adjacency& adjacency, std::uint64_t slot) {
    return adjacency.weights.empty() ? 1 : static_cast<double>(adjacency.weights[slot]);
  }

  void receive(VertexTypeId type, std::uint32_t row, double residual) {
    const std::size_t t = type.index();
    tables_[t].reserve(1, met_[t]);
    const std::uint32_t number = tables_[t].insert(row);
    if (number == met_[t].size()) {
      met_[t].push_back(row);
      places_[t].push_back(static_cast<std::uint32_t>(pushed_.size()));
      Pushed vertex{type.value(), row};
      for (const SamplingGraph::Adjacency& adjacency : graph_.adjacencies()) {
        if (adjacency.anchors != type) continue;
        const IndexRange slots{adjacency.offsets[row], adjacency.offsets[row + 1]};
        vertex.degree += slots.size();
        if (adjacency.weights.empty()) {
          vertex.strength += static_cast<double>(slots.size());
          continue;
        }
        for (std::uint64_t slot = slots.begin; slot < slots.end; ++slot) {
          vertex.strength += slot_weight(adjacency, slot);
        }
      }
      pushed_.push_back(vertex);
    }
    const std::uint32_t place = places_[t][number];
    Pushed& vertex = pushed_[place];
    vertex.residual += residual;
    const auto slots = static_cast<double>(std::max<std::uint64_t>(1, vertex.degree));
    if (!vertex.is_queued && vertex.residual > tolerance_ * slots) {
      vertex.is_queued = true;
      queue_.push_back(place);
    }
  }

  void push(std::uint32_t place) {
    const Pushed vertex = pushed_[place];
    pushed_[place].residual = 0;
    pushed_[place].is_queued = false;
    // A walk that cannot go on ends where it is.
    const bool is_dangling = !(vertex.strength > 0);
    pushed_[place].score += is_dangling ? vertex.residual : restart_ * vertex.residual;
    if (is_dangling) return;
    const double share = (1 - restart_) * vertex.residual / vertex.strength;
    for (const SamplingGraph::Adjacency& adjacency : graph_.adjacencies()) {
      if (adjacency.anchors.value() != vertex.type) continue;
      for (std::uint64_t slot = adjacency.offsets[vertex.row]; slot < adjacency.offsets[vertex.row + 1]; ++slot) {
        receive(adjacency.neighbors, adjacency.neighbor(slot), share * slot_weight(adjacency, slot));
      }
    }
  }

  const SamplingGraph& graph_;
  double restart_;
  double tolerance_;
  std::vector<detail::VertexTable>& tables_;
  std::vector<std::vector<std::uint32_t>>& met_;
  std::vector<std::vector<std::uint32_t>>& places_;
  std::vector<Pushed>& pushed_;
  std::vector<std::uint32_t>& queue_;
};

}  // namespace

void ShadowSampler::sample(std::span<const SeedRows> seeds, std::uint64_t epoch, Workspace& workspace,
                           SampledSubgraph& result) const {
  Workspace::State& state = *workspace.state_;
  const graph::Schema& schema = graph_->schema();
  const std::size_t num_types = schema.vertex_types().size();
  const std::span<const SamplingGraph::Adjacency> adjacencies = graph_->adjacencies();
  state.tables.clear();
  for (const graph::VertexType& type : schema.vertex_types()) state.tables.emplace_back(type.count);
  state.met.resize(num_types);
  state.places.resize(num_types);
  state.scope_rows.resize(num_types);
  result.vertices.resize(num_types);
  result.edges.resize(adjacencies.size());
  for (SampledVertices& vertices : result.vertices) vertices = {{}, {0}, {}};
  for (SampledEdges& edges : result.edges) edges = {{}, {}, {}, {0}, {}};

  Push push(*graph_, options_.restart, options_.tolerance, state.tables, state.met, state.places, state.pushed,
            state.queue);
  std::uint32_t seed = 0;
  for (const SeedRows& set : seeds) {
    for (const std::uint32_t row : set.rows) {
      const graph::VertexType& type = schema.vertex_type(set.type);
      if (row >= type.count) {
        throw InternalError(fmt::format("seed row {} of type {}, which has {} rows", row, type.name, type.count));
      }
      for (std::vector<std::uint32_t>& rows : state.scope_rows) rows.clear();
      if (options_.scope == ShadowScope::kHops) {
        const SeedRows one{set.type, {&row, 1}};
        neighbors_.sample({&one, 1}, epoch, state.neighbors, state.scope);
        for (std::size_t t = 0; t < num_types; ++t) state.scope_rows[t] = state.scope.vertices[t].rows;
      } else {
        push.run(set.type, row);
        std::vector<Pushed>& found = state.pushed;
        // The seed comes first whatever its score.
        std::sort(found.begin() + 1, found.end(), [](const Pushed& a, const Pushed& b) {
          return a.score != b.score ? a.score > b.score : std::tie(a.type, a.row) < std::tie(b.type, b.row);
        });
        for (std::size_t i = 0; i < found.size() && i <= options_.scope_size; ++i) {
          if (i == 0 || found[i].score > 0) state.scope_rows[found[i].type].push_back(found[i].row);
        }
      }

      std::vector<std::uint32_t> first(num_types);
      for (std::size_t t = 0; t < num_types; ++t) {
        SampledVertices& vertices = result.vertices[t];
        first[t] = static_cast<std::uint32_t>(vertices.rows.size());
        vertices.rows.insert(vertices.rows.end(), state.scope_rows[t].begin(), state.scope_rows[t].end());
        vertices.seeds.resize(vertices.rows.size(), seed);
        state.tables[t].clear();
        state.tables[t].reserve(state.scope_rows[t].size(), {});
        for (const std::uint32_t scope_row : state.scope_rows[t]) state.tables[t].insert(scope_row);
      }
      for (std::size_t l = 0; l < adjacencies.size(); ++l) {
        const SamplingGraph::Adjacency& adjacency = adjacencies[l];
        const std::size_t anchors = adjacency.anchors.index();
        const std::size_t neighbors = adjacency.neighbors.index();
        SampledEdges& edges = result.edges[l];
        for (std::uint32_t local = 0; local < state.scope_rows[anchors].size(); ++local) {
          const std::uint32_t anchor = state.scope_rows[anchors][local];
          for (std::uint64_t slot = adjacency.offsets[anchor]; slot < adjacency.offsets[anchor + 1]; ++slot) {
            const std::uint32_t neighbor = state.tables[neighbors].find(adjacency.neighbor(slot));
            if (neighbor == detail::VertexTable::kAbsent) continue;
            edges.anchors.push_back(first[anchors] + local);
            edges.neighbors.push_back(first[neighbors] + neighbor);
            edges.positions.push_back(adjacency.position(slot));
          }
        }
      }
      ++seed;
    }
  }
  for (SampledVertices& vertices : result.vertices) vertices.hop_offsets.push_back(vertices.rows.size());
  for (SampledEdges& edges : result.edges) edges.hop_offsets.push_back(edges.positions.size());
}

}  // namespace rove::algorithms
