// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <boost/graph/graph_traits.hpp>
#include <boost/graph/properties.hpp>
#include <boost/iterator/counting_iterator.hpp>
#include <boost/iterator/iterator_facade.hpp>
#include <boost/property_map/property_map.hpp>

#include "engine/graph/distributed_graph.hpp"

/// One rank's share of a `DistributedGraph` as a Boost.Graph VertexListGraph, IncidenceGraph, AdjacencyGraph and
/// EdgeListGraph: views without copies, so that every BGL algorithm runs on our CSR. Vertices are local ids; on one
/// rank these are the stable ids and the share is the whole graph; ghosts have no edges here. Out-edges run over all
/// edge types in schema order, slots in order.
namespace rove::graph {

/// Which adjacencies the view walks over. `kBoth` lists an undirected edge type by source only.
enum class BoostDirection : std::uint8_t { kOut, kIn, kBoth };

struct BoostEdge {
  std::uint64_t source = 0;
  std::uint64_t lane = 0;  ///< 2 * edge type, + 1 by destination
  std::uint64_t slot = 0;
  friend bool operator==(const BoostEdge&, const BoostEdge&) = default;
};

class BoostGraph {
 public:
  explicit BoostGraph(const DistributedGraph& graph, BoostDirection direction = BoostDirection::kOut)
      : graph_(&graph), direction_(direction) {}

  [[nodiscard]] std::uint64_t num_vertices() const { return graph_->num_local(); }
  [[nodiscard]] std::uint64_t num_lanes() const { return 2 * graph_->schema().edge_types().size(); }
  [[nodiscard]] const CsrGraph& csr(std::uint64_t lane) const {
    const EdgeTypeId type{static_cast<std::uint16_t>(lane / 2)};
    return lane % 2 == 0 ? graph_->by_source(type) : graph_->by_destination(type);
  }
  /// Slots of the vertex in a lane; empty where the lane does not concern it.
  [[nodiscard]] IndexRange slots(std::uint64_t vertex, std::uint64_t lane) const {
    const EdgeType& type = graph_->schema().edge_types()[lane / 2];
    const bool by_source = lane % 2 == 0;
    const bool wanted =
        by_source ? direction_ != BoostDirection::kIn
                  : direction_ == BoostDirection::kIn || (direction_ == BoostDirection::kBoth && !type.undirected);
    const IndexRange owned = graph_->owned_of_type(by_source ? type.source : type.destination);
    if (!wanted || !owned.contains(vertex)) return {};
    return csr(lane).slots(vertex - owned.begin);
  }
  [[nodiscard]] std::uint64_t target(const BoostEdge& edge) const { return csr(edge.lane).targets[edge.slot].value(); }
  [[nodiscard]] double weight(const BoostEdge& edge) const {
    const std::vector<float>& weights = csr(edge.lane).weights;
    return weights.empty() ? 1.0 : static_cast<double>(weights[edge.slot]);
  }

 private:
  const DistributedGraph* graph_;
  BoostDirection direction_;
};

/// Walks the out-edges of the vertices [vertex, end vertex): of one for `out_edges`, of all for `edges`.
class BoostEdgeIterator
    : public boost::iterator_facade<BoostEdgeIterator, BoostEdge, boost::forward_traversal_tag, BoostEdge> {
 public:
  BoostEdgeIterator() = default;
  BoostEdgeIterator(const BoostGraph& graph, std::uint64_t vertex, std::uint64_t end_vertex)
      : graph_(&graph), edge_{vertex, 0, 0}, end_vertex_(end_vertex) {
    if (vertex < end_vertex_ && graph.num_lanes() > 0) {
      edge_.slot = graph.slots(vertex, 0).begin;
      skip_empty();
    } else {
      edge_ = {end_vertex_, 0, 0};
    }
  }

 private:
  friend class boost::iterator_core_access;

  [[nodiscard]] BoostEdge dereference() const { return edge_; }
  [[nodiscard]] bool equal(const BoostEdgeIterator& other) const { return edge_ == other.edge_; }
  void increment() {
    ++edge_.slot;
    skip_empty();
  }
  void skip_empty() {
    while (edge_.slot >= graph_->slots(edge_.source, edge_.lane).end) {
      if (++edge_.lane == graph_->num_lanes()) {
        edge_.lane = 0;
        if (++edge_.source == end_vertex_) {
          edge_.slot = 0;
          return;
        }
      }
      edge_.slot = graph_->slots(edge_.source, edge_.lane).begin;
    }
  }

  const BoostGraph* graph_ = nullptr;
  BoostEdge edge_;
  std::uint64_t end_vertex_ = 0;
};

class BoostAdjacencyIterator : public boost::iterator_facade<BoostAdjacencyIterator, std::uint64_t,
                                                             boost::forward_traversal_tag, std::uint64_t> {
 public:
  BoostAdjacencyIterator() = default;
  BoostAdjacencyIterator(const BoostGraph& graph, BoostEdgeIterator edge) : graph_(&graph), edge_(edge) {}

 private:
  friend class boost::iterator_core_access;

  [[nodiscard]] std::uint64_t dereference() const { return graph_->target(*edge_); }
  [[nodiscard]] bool equal(const BoostAdjacencyIterator& other) const { return edge_ == other.edge_; }
  void increment() { ++edge_; }

  const BoostGraph* graph_ = nullptr;
  BoostEdgeIterator edge_;
};

inline std::uint64_t num_vertices(const BoostGraph& graph) {
  return graph.num_vertices();
}
inline std::pair<boost::counting_iterator<std::uint64_t>, boost::counting_iterator<std::uint64_t>> vertices(
    const BoostGraph& graph) {
  return {boost::counting_iterator<std::uint64_t>(0), boost::counting_iterator<std::uint64_t>(graph.num_vertices())};
}
inline std::pair<BoostEdgeIterator, BoostEdgeIterator> out_edges(std::uint64_t vertex, const BoostGraph& graph) {
  return {{graph, vertex, vertex + 1}, {graph, vertex + 1, vertex + 1}};
}
inline std::uint64_t out_degree(std::uint64_t vertex, const BoostGraph& graph) {
  std::uint64_t degree = 0;
  for (std::uint64_t lane = 0; lane < graph.num_lanes(); ++lane) degree += graph.slots(vertex, lane).size();
  return degree;
}
inline std::pair<BoostEdgeIterator, BoostEdgeIterator> edges(const BoostGraph& graph) {
  return {{graph, 0, graph.num_vertices()}, {graph, graph.num_vertices(), graph.num_vertices()}};
}
inline std::uint64_t num_edges(const BoostGraph& graph) {
  std::uint64_t total = 0;
  for (std::uint64_t vertex = 0; vertex < graph.num_vertices(); ++vertex) total += out_degree(vertex, graph);
  return total;
}
inline std::pair<BoostAdjacencyIterator, BoostAdjacencyIterator> adjacent_vertices(std::uint64_t vertex,
                                                                                   const BoostGraph& graph) {
  const auto [begin, end] = out_edges(vertex, graph);
  return {{graph, begin}, {graph, end}};
}
inline std::uint64_t source(const BoostEdge& edge, const BoostGraph&) {
  return edge.source;
}
inline std::uint64_t target(const BoostEdge& edge, const BoostGraph& graph) {
  return graph.target(edge);
}

inline boost::typed_identity_property_map<std::uint64_t> get(boost::vertex_index_t, const BoostGraph&) {
  return {};
}
inline std::uint64_t get(boost::vertex_index_t, const BoostGraph&, std::uint64_t vertex) {
  return vertex;
}

/// Readable property map of edge lengths: the stored weights, 1 where an edge type has none.
struct BoostWeightMap {
  using key_type = BoostEdge;
  using value_type = double;
  using reference = double;
  using category = boost::readable_property_map_tag;
  const BoostGraph* graph = nullptr;
};
inline double get(const BoostWeightMap& map, const BoostEdge& edge) {
  return map.graph->weight(edge);
}
inline BoostWeightMap get(boost::edge_weight_t, const BoostGraph& graph) {
  return {&graph};
}

}  // namespace rove::graph

namespace boost {

template <>
struct graph_traits<rove::graph::BoostGraph> {
  using vertex_descriptor = std::uint64_t;
  using edge_descriptor = rove::graph::BoostEdge;
  using directed_category = directed_tag;
  using edge_parallel_category = allow_parallel_edge_tag;
  struct traversal_category : virtual vertex_list_graph_tag,
                              virtual incidence_graph_tag,
                              virtual adjacency_graph_tag,
                              virtual edge_list_graph_tag {};
  using vertex_iterator = counting_iterator<std::uint64_t>;
  using out_edge_iterator = rove::graph::BoostEdgeIterator;
  using edge_iterator = rove::graph::BoostEdgeIterator;
  using adjacency_iterator = rove::graph::BoostAdjacencyIterator;
  using in_edge_iterator = void;
  using vertices_size_type = std::uint64_t;
  using edges_size_type = std::uint64_t;
  using degree_size_type = std::uint64_t;
  static vertex_descriptor null_vertex() { return static_cast<vertex_descriptor>(-1); }
};

template <>
struct graph_traits<const rove::graph::BoostGraph> : graph_traits<rove::graph::BoostGraph> {};

template <>
struct property_map<rove::graph::BoostGraph, vertex_index_t> {
  using type = typed_identity_property_map<std::uint64_t>;
  using const_type = type;
};
template <>
struct property_map<rove::graph::BoostGraph, edge_weight_t> {
  using type = rove::graph::BoostWeightMap;
  using const_type = type;
};

}  // namespace boost
