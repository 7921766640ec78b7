// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/assignment.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "engine/graph/graph_blocks.hpp"

/// Small graphs for tests. A *whole* graph is `GraphBlocks` as one single rank would hold them: what the serial oracle
/// reads. `cut` gives every rank its blocks of it, the same content for any number of ranks.
namespace rove::tests {

/// One edge as a test writes it down: rows within the types of its endpoints.
struct Edge {
  std::uint32_t source = 0;
  std::uint32_t destination = 0;
  float weight = 1.0F;
  std::int64_t time = 0;
  std::uint32_t relation = 0;
};

struct EdgeList {
  /// Endpoints, relation, `undirected`, `has_weights`, `has_times`, `relations`; `count` is computed.
  graph::EdgeType type;
  std::vector<Edge> edges;
};

/// The whole graph of the listed edges. Keys are those of the ids "<type><row>" in ascending order. Slots are ordered
/// by key, parallel edges by relation, then as listed. An undirected list is completed with the reverse of every edge
/// that is not a self-loop (both endpoints are then of the same type).
[[nodiscard]] graph::GraphBlocks make_graph(const std::vector<graph::VertexType>& types,
                                            const std::vector<EdgeList>& lists);

/// `num_edges` seeded edges between types of these sizes: a quarter of them end at the hub, row 0; one in eight repeats
/// the edge before it; self-loops occur when both ends are of one type; the last tenth of the rows of each type is
/// isolated, the tenth before it has no outgoing edge (dangling).
[[nodiscard]] std::vector<Edge> random_edges(std::uint64_t num_sources, std::uint64_t num_destinations, bool same_type,
                                             std::uint64_t num_edges, std::uint32_t num_relations, std::uint64_t seed);

/// One vertex type "vertex", one edge type "vertex,links,vertex" of random edges.
[[nodiscard]] graph::GraphBlocks random_graph(std::uint64_t num_vertices, std::uint64_t num_edges, std::uint64_t seed,
                                              bool undirected = false, bool weighted = false);
/// Types "user" and "item", edge type "user,rates,item", as interaction logs give.
[[nodiscard]] graph::GraphBlocks random_bipartite(std::uint64_t num_users, std::uint64_t num_items,
                                                  std::uint64_t num_edges, std::uint64_t seed);
/// The same graph with the slots of every row in another order, in which those of a pair may lie apart: what a later
/// night's repeats and relations per edge make of it. Of edge type 0.
void scatter_slots(graph::GraphBlocks& whole);
/// Users, items and entities; "user,rates,item" with weights and times, "item,has,entity" with three relations,
/// "user,follows,user" undirected, and "entity,unused,item" without any edge.
[[nodiscard]] graph::GraphBlocks random_typed(std::uint64_t num_users, std::uint64_t seed);

struct NamedGraph {
  std::string name;
  graph::GraphBlocks whole;
};
/// Graphs that break careless code: empty, one vertex, one self-loop, isolated vertices, fewer vertices than ranks,
/// star in and out, path, parallel edges, a type without vertices, and random ones of each kind above.
[[nodiscard]] std::vector<NamedGraph> awkward_graphs();

/// This rank's home blocks of the whole graph.
[[nodiscard]] graph::GraphBlocks cut(const graph::GraphBlocks& whole, Rank rank, std::int32_t ranks);

/// This rank's block of the assignment that `part_of` gives.
[[nodiscard]] graph::Assignment assign(const comm::Communicator& comm, const graph::Schema& schema,
                                       const std::function<std::int32_t(StableVertexId)>& part_of);

/// Ways to spread vertices over ranks that results must not depend on.
enum class Spread : std::uint8_t {
  kBlock,      ///< contiguous ranges of rows
  kScattered,  ///< by a hash of the stable id
  kLastOnly,   ///< the last rank owns everything, the others nothing
};
inline constexpr Spread kSpreads[] = {Spread::kBlock, Spread::kScattered, Spread::kLastOnly};
[[nodiscard]] const char* name_of(Spread spread);

[[nodiscard]] graph::Assignment assign(const comm::Communicator& comm, const graph::Schema& schema, Spread spread);

/// **Collective.** The whole graph distributed over the ranks.
[[nodiscard]] graph::DistributedGraph distribute(const comm::Communicator& comm, const graph::GraphBlocks& whole,
                                                 Spread spread);

}  // namespace rove::tests
