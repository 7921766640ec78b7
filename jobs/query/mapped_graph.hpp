// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "algorithms/ppr/index_query.hpp"
#include "engine/exec/walk_graph.hpp"
#include "engine/graph/schema.hpp"
#include "io/hdf5/mapped_file.hpp"

namespace rove::jobs {

/// The edges that walks move along, as configurations and indexes name them.
struct WalkedEdges {
  std::string direction = "both";      ///< both | out | in
  std::vector<std::string> relations;  ///< none: all edge types
  bool weighted = false;               ///< in proportion to the weights of edges; those of a type without weigh 1

  [[nodiscard]] bool is_symmetric() const { return direction == "both"; }
};

/// The adjacency of a mapped `graph.h5` as walks step over it: the slots of `exec::WalkGraph` with the same selection
/// of edges, in the same order and with the same alias tables, which are made as they are asked for: a query needs few.
/// The file must outlive it. Immutable, thread-safe.
class MappedGraph final : public algorithms::SlotLists {
 public:
  /// Throws `InputError` when weights are to count and there are none, or a relation is not in the graph.
  MappedGraph(const io::hdf5::MappedFile& file, const WalkedEdges& edges);

  [[nodiscard]] const graph::Schema& schema() const { return schema_; }
  /// Every edge is walked both ways.
  [[nodiscard]] bool is_symmetric() const { return sides_to_.empty(); }
  [[nodiscard]] std::uint64_t degree(std::uint32_t vertex) const override;
  void append_slots(std::uint32_t vertex, std::vector<std::uint32_t>& slots) const override;
  [[nodiscard]] bool has_weights() const override { return weighted_; }
  void append_weights(std::uint32_t vertex, std::vector<float>& weights) const override;
  [[nodiscard]] std::span<const exec::AliasSlot> alias(std::uint32_t vertex, std::span<const std::uint32_t> targets,
                                                       AliasScratch& scratch) const override;
  /// What the vertex's slots weigh together, added up in their order. Cost: reads their weights, if they count.
  [[nodiscard]] double strength(std::uint32_t vertex) const;

  /// One slot with the edge behind it.
  struct Slot {
    std::uint32_t target = 0;  ///< stable id
    EdgeTypeId type;
    bool forward = true;  ///< walked from source to destination
    double weight = 1.0;  ///< a walk takes it with this over the vertex's strength
  };
  void append_slots(std::uint32_t vertex, std::vector<Slot>& slots) const;
  /// Slots that lead to the vertex, walked against their direction: `target` is where they come from, `forward` and
  /// `weight` are of that walk backwards.
  void append_slots_to(std::uint32_t vertex, std::vector<Slot>& slots) const;
  /// What a walk finds at a vertex of that type: the edges and their other ends.
  [[nodiscard]] std::vector<exec::AdjacencySide> sides_of(VertexTypeId type) const;

 private:
  struct Side : exec::AdjacencySide {
    std::span<const std::uint64_t> offsets;
    std::span<const std::uint32_t> neighbors;
    std::span<const float> weights;  ///< empty: all 1
    std::uint32_t first_target = 0;
    std::uint64_t num_targets = 0;
  };
  using Sides = std::vector<std::vector<Side>>;  ///< by vertex type

  [[nodiscard]] Sides map_sides(const io::hdf5::MappedFile& file, const exec::EdgeSelection& selection) const;
  template <class Take>
  void for_each_slot(const Sides& sides, std::uint32_t vertex, const Take& take) const;
  void append_slots(const Sides& sides, std::uint32_t vertex, std::vector<Slot>& slots) const;
  [[nodiscard]] std::uint32_t target_of(const Side& side, std::uint64_t slot) const;
  /// Throws `InputError` when the weight is negative or not finite.
  [[nodiscard]] float weight_of(const Side& side, std::uint64_t slot) const;

  std::string path_;
  graph::Schema schema_;
  bool weighted_;
  Sides sides_;
  Sides sides_to_;  ///< against the walks' direction; empty where that is the same
};

}  // namespace rove::jobs
