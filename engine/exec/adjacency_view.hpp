// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/exec/edge_selection.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::exec {

/// One adjacency that vertices of a type read.
struct Lane {
  const graph::CsrGraph* csr = nullptr;
  EdgeTypeId type;
};

/// An owned vertex's place: its type, and its row in that type's CSRs.
struct VertexRow {
  VertexTypeId type;
  std::uint64_t row = 0;
};

/// The selected edges of a graph, as a list of adjacencies per vertex type, edge types in schema order, by destination
/// before by source. Refers to the graph, which must outlive it. Immutable, thread-safe.
class AdjacencyView {
 public:
  AdjacencyView(const graph::DistributedGraph& graph, const EdgeSelection& selection);

  /// The view along which a changed vertex finds its readers.
  [[nodiscard]] AdjacencyView reversed() const;

  [[nodiscard]] const graph::DistributedGraph& graph() const { return *graph_; }
  [[nodiscard]] const EdgeSelection& selection() const { return selection_; }
  [[nodiscard]] VertexRow row_of(LocalVertexId owned) const {
    std::size_t type = 0;
    while (owned.value() >= type_ends_[type]) ++type;
    return {VertexTypeId{static_cast<std::uint16_t>(type)}, owned.value() - type_begins_[type]};
  }
  [[nodiscard]] std::span<const Lane> lanes_of(VertexTypeId type) const { return lanes_[type.index()]; }
  /// Slots over all lanes: parallel edges count each, a self-loop once per lane it appears in.
  [[nodiscard]] std::uint64_t degree_of(LocalVertexId owned) const;
  /// Sum of the weights in slot order; the degree where there are none.
  [[nodiscard]] double strength_of(LocalVertexId owned) const;

 private:
  const graph::DistributedGraph* graph_;
  EdgeSelection selection_;
  std::vector<std::vector<Lane>> lanes_;  ///< by vertex type
  std::vector<std::uint64_t> type_begins_;
  std::vector<std::uint64_t> type_ends_;
};

/// A neighbour as a program meets it.
struct NeighborRef {
  LocalVertexId vertex;
  EdgeTypeId type;
  float weight = 1.0F;  ///< 1 where the edge type has no weights
};

/// What one vertex reads: the values of its neighbours in slot order, as they were after the last superstep.
template <class Value>
class Neighborhood {
 public:
  Neighborhood(const AdjacencyView& view, LocalVertexId vertex, const Value* values) : values_(values) {
    const VertexRow place = view.row_of(vertex);
    lanes_ = view.lanes_of(place.type);
    row_ = place.row;
  }

  [[nodiscard]] std::uint64_t degree() const {
    std::uint64_t total = 0;
    for (const Lane& lane : lanes_) total += lane.csr->degree(row_);
    return total;
  }

  /// Calls `visit(value, neighbor)` for every slot.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const Lane& lane : lanes_) {
      const graph::CsrGraph& csr = *lane.csr;
      const IndexRange slots = csr.slots(row_);
      for (std::uint64_t slot = slots.begin; slot < slots.end; ++slot) {
        const LocalVertexId target = csr.targets[slot];
        visit(values_[target.index()], NeighborRef{target, lane.type, csr.weights.empty() ? 1.0F : csr.weights[slot]});
      }
    }
  }

  /// Sum of `term(value, weight)`: in slot order within segments of 4096 slots of a lane, segments in order. The
  /// same bits for any ranks and threads; the segments of a hub are summed by several threads.
  template <class Term>
  [[nodiscard]] double sum(const Term& term) const {
    double total = 0.0;
    for (const Lane& lane : lanes_) total += lane_sum(*lane.csr, term);
    return total;
  }

 private:
  static constexpr std::uint64_t kSegment = 4096;
  static constexpr std::uint64_t kHub = 16 * kSegment;

  template <class Term>
  [[nodiscard]] double segment_sum(const graph::CsrGraph& csr, IndexRange slots, const Term& term) const {
    double total = 0.0;
    if (csr.weights.empty()) {
      for (std::uint64_t i = slots.begin; i < slots.end; ++i) total += term(values_[csr.targets[i].index()], 1.0F);
    } else {
      for (std::uint64_t i = slots.begin; i < slots.end; ++i) {
        total += term(values_[csr.targets[i].index()], csr.weights[i]);
      }
    }
    return total;
  }

  template <class Term>
  [[nodiscard]] double lane_sum(const graph::CsrGraph& csr, const Term& term) const {
    const IndexRange slots = csr.slots(row_);
    double total = 0.0;
    if (slots.size() < kHub) {
      for (std::uint64_t begin = slots.begin; begin < slots.end; begin += kSegment) {
        total += segment_sum(csr, {begin, std::min(begin + kSegment, slots.end)}, term);
      }
      return total;
    }
    std::vector<double> partial((slots.size() + kSegment - 1) / kSegment);
    parallel::for_chunks(slots, kSegment, [&](IndexRange segment) {
      partial[(segment.begin - slots.begin) / kSegment] = segment_sum(csr, segment, term);
    });
    for (const double part : partial) total += part;
    return total;
  }

  std::span<const Lane> lanes_;
  std::uint64_t row_ = 0;
  const Value* values_;
};

/// For every ghost, the owned vertices that read it: how a change that arrives from another rank finds whom to wake.
class GhostReaders {
 public:
  explicit GhostReaders(const AdjacencyView& view);

  /// Owned readers of ghost `i` (counted from the first ghost), with repetitions for parallel edges.
  [[nodiscard]] std::span<const LocalVertexId> readers_of(std::uint64_t i) const {
    return std::span(readers_).subspan(offsets_[i], offsets_[i + 1] - offsets_[i]);
  }

 private:
  std::vector<std::uint64_t> offsets_;
  std::vector<LocalVertexId> readers_;
};

}  // namespace rove::exec
