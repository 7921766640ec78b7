// SPDX-License-Identifier: Apache-2.0
#include "gnn/item_constraint.hpp"

#include <bit>
#include <cmath>
#include <utility>
#include <vector>

#include "engine/base/top_k.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/co_interactions.hpp"
#include "gnn/everywhere.hpp"
#include "gnn/type_halo.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kItemConstraintGrain = 512;

/// g of every item: the interactions of its users, counted once per interaction with the item.
std::vector<std::uint64_t> row_sums(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                    EdgeTypeId type) {
  const graph::CsrGraph& by_user = graph.by_source(type);
  const graph::CsrGraph& by_item = graph.by_destination(type);
  const std::uint64_t first_user = graph.owned_of_type(graph.schema().edge_type(type).source).begin;
  std::vector<std::uint64_t> degrees(graph.num_local());
  for (std::uint64_t user = 0; user < by_user.num_rows(); ++user) degrees[first_user + user] = by_user.degree(user);
  graph.halo().update<std::uint64_t>(degrees);
  std::vector<std::uint64_t> sums(by_item.num_rows());
  parallel::for_each({0, sums.size()}, kItemConstraintGrain, [&](std::uint64_t item) {
    for (const LocalVertexId user : by_item.neighbors(item)) sums[item] += degrees[user.index()];
  });
  return everywhere<std::uint64_t>(comm, graph, graph.schema().edge_type(type).destination, sums);
}

}  // namespace

float ItemConstraint::Neighbor::omega() const {
  return std::bit_cast<float>(weight);
}

ItemConstraint::ItemConstraint(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                               std::uint32_t neighbors) {
  const VertexTypeId items = graph.schema().edge_type(type).destination;
  const std::uint64_t first_item = graph.schema().stable_range(items).begin;
  const IndexRange owned = graph.owned_of_type(items);
  const auto row_of = [&](std::uint64_t local) {
    return graph.index_map().stable_of(LocalVertexId{static_cast<std::uint32_t>(local)}).value() - first_item;
  };
  const std::vector<std::uint64_t> sums = row_sums(comm, graph, type);
  std::vector<std::vector<Scored>> strongest(owned.size());
  const CoInteractions co_interactions(comm, graph, type);
  co_interactions.for_each_row(
      {0, owned.size()}, [&](std::uint64_t item, std::span<const CoInteractions::Entry> entries) {
        const auto own = static_cast<double>(sums[row_of(owned.begin + item)]);
        const double factor = std::sqrt(own + 1.0) / own;
        TopK selection(neighbors);
        for (const CoInteractions::Entry& entry : entries) {
          const double other = std::sqrt(static_cast<double>(sums[entry.item]) + 1.0);
          selection.push({static_cast<float>(static_cast<double>(entry.count) * factor / other), entry.item});
        }
        strongest[item] = selection.take();
      });

  graph::RaggedRows<Neighbor> lists;
  for (const std::vector<Scored>& row : strongest) {
    for (const Scored& neighbor : row) {
      lists.values.push_back({static_cast<std::uint32_t>(neighbor.id), std::bit_cast<std::uint32_t>(neighbor.score)});
    }
    lists.offsets.push_back(lists.values.size());
  }
  const TypeHalo halo(graph, items);
  const graph::RaggedRows<Neighbor> ghosts = halo.ghost_rows(lists);
  lists_.offsets = {0, 0};
  for (const graph::RaggedRows<Neighbor>* part : {&std::as_const(lists), &ghosts}) {
    const std::uint64_t before = lists_.values.size();
    for (std::size_t i = 1; i < part->offsets.size(); ++i) lists_.offsets.push_back(before + part->offsets[i]);
    lists_.values.insert(lists_.values.end(), part->values.begin(), part->values.end());
  }
  place_of_.resize(graph.schema().vertex_type(items).count);
  std::uint32_t place = 1;
  for (std::uint64_t local = owned.begin; local < owned.end; ++local) place_of_[row_of(local)] = place++;
  for (const std::uint32_t ghost : halo.ghosts()) place_of_[row_of(ghost)] = place++;
}

}  // namespace rove::gnn
