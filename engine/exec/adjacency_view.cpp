// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/adjacency_view.hpp"

namespace rove::exec {

AdjacencyView::AdjacencyView(const graph::DistributedGraph& graph, const EdgeSelection& selection)
    : graph_(&graph), selection_(selection), lanes_(graph.schema().vertex_types().size()) {
  for (std::size_t t = 0; t < lanes_.size(); ++t) {
    const IndexRange owned = graph.owned_of_type(VertexTypeId{static_cast<std::uint16_t>(t)});
    type_begins_.push_back(owned.begin);
    type_ends_.push_back(owned.end);
  }
  for (const AdjacencySide& side : selected_sides(graph.schema(), selection)) {
    const graph::CsrGraph& csr = side.by_source ? graph.by_source(side.type) : graph.by_destination(side.type);
    lanes_[side.rows.index()].push_back({&csr, side.type});
  }
}

AdjacencyView AdjacencyView::reversed() const {
  EdgeSelection selection = selection_;
  if (selection.direction != Direction::kBoth) {
    selection.direction = selection.direction == Direction::kIn ? Direction::kOut : Direction::kIn;
  }
  return AdjacencyView(*graph_, selection);
}

std::uint64_t AdjacencyView::degree_of(LocalVertexId owned) const {
  const VertexRow place = row_of(owned);
  std::uint64_t degree = 0;
  for (const Lane& lane : lanes_of(place.type)) degree += lane.csr->degree(place.row);
  return degree;
}

double AdjacencyView::strength_of(LocalVertexId owned) const {
  const VertexRow place = row_of(owned);
  double strength = 0.0;
  for (const Lane& lane : lanes_of(place.type)) {
    if (lane.csr->weights.empty()) {
      strength += static_cast<double>(lane.csr->degree(place.row));
      continue;
    }
    const IndexRange slots = lane.csr->slots(place.row);
    for (std::uint64_t slot = slots.begin; slot < slots.end; ++slot) {
      strength += static_cast<double>(lane.csr->weights[slot]);
    }
  }
  return strength;
}

GhostReaders::GhostReaders(const AdjacencyView& view) {
  const std::uint32_t num_owned = view.graph().num_owned();
  offsets_.assign(view.graph().num_local() - num_owned + 1U, 0);
  const auto for_each_ghost_slot = [&](const auto& visit) {
    for (std::uint32_t v = 0; v < num_owned; ++v) {
      const VertexRow place = view.row_of(LocalVertexId{v});
      for (const Lane& lane : view.lanes_of(place.type)) {
        for (const LocalVertexId target : lane.csr->neighbors(place.row)) {
          if (target.value() >= num_owned) visit(target.value() - num_owned, LocalVertexId{v});
        }
      }
    }
  };
  for_each_ghost_slot([&](std::uint32_t ghost, LocalVertexId) { ++offsets_[ghost]; });
  const std::uint64_t total = parallel::exclusive_prefix_sum(offsets_);
  readers_.resize(total);
  std::vector<std::uint64_t> next(offsets_.begin(), offsets_.end() - 1);
  for_each_ghost_slot([&](std::uint32_t ghost, LocalVertexId reader) { readers_[next[ghost]++] = reader; });
}

}  // namespace rove::exec
