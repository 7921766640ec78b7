// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/exec/alias_table.hpp"
#include "engine/exec/walk_graph.hpp"

namespace rove::algorithms {

/// What walks step over, by stable id: a graph in memory or in a mapped file. Implementations are immutable and
/// thread-safe.
class SlotLists {
 public:
  SlotLists() = default;
  SlotLists(const SlotLists&) = delete;
  SlotLists& operator=(const SlotLists&) = delete;
  virtual ~SlotLists() = default;
  /// Slots of the vertex; 0 where all of them are without weight and weights count.
  [[nodiscard]] virtual std::uint64_t degree(std::uint32_t vertex) const = 0;
  /// Appends the targets of the vertex's slots.
  virtual void append_slots(std::uint32_t vertex, std::vector<std::uint32_t>& slots) const = 0;

  /// Whether walks take slots in proportion to weights that `append_weights` knows.
  [[nodiscard]] virtual bool has_weights() const { return false; }
  /// Appends the weights of the slots that `append_slots` gives; both ends of an edge see the same. Only with
  /// `has_weights`.
  virtual void append_weights(std::uint32_t /*vertex*/, std::vector<float>& /*weights*/) const {}

  /// What a table that is not stored is made in; one per thread.
  struct AliasScratch {
    exec::AliasTableBuilder builder;
    std::vector<float> weights;
    std::vector<exec::AliasSlot> table;
  };
  /// The alias table of the vertex's slots, whose targets are as `append_slots` gives them; empty: all are alike. It
  /// may lie in the scratch, until that is used again. Precondition: the degree is not 0.
  [[nodiscard]] virtual std::span<const exec::AliasSlot> alias(std::uint32_t /*vertex*/,
                                                               std::span<const std::uint32_t> /*targets*/,
                                                               AliasScratch& /*scratch*/) const {
    return {};
  }
};

/// The alias table of a row's slots; empty unless the graph has weights (`exec::SlotSampling::kAlias`).
[[nodiscard]] inline std::span<const exec::AliasSlot> alias_of(const exec::WalkGraph& graph, std::uint32_t row) {
  if (graph.alias_slots() == nullptr) return {};
  return {graph.alias_slots() + graph.offset_of_record(graph.records()[row]), graph.degree(row)};
}

/// A replicated walk graph, which must outlive it.
class WalkGraphSlots final : public SlotLists {
 public:
  explicit WalkGraphSlots(const exec::WalkGraph& graph) : graph_(graph) {}
  [[nodiscard]] std::uint64_t degree(std::uint32_t vertex) const override { return graph_.degree(vertex); }
  void append_slots(std::uint32_t vertex, std::vector<std::uint32_t>& slots) const override {
    const std::span<const std::uint32_t> neighbors = graph_.neighbors(vertex);
    slots.insert(slots.end(), neighbors.begin(), neighbors.end());
  }
  [[nodiscard]] std::span<const exec::AliasSlot> alias(std::uint32_t vertex, std::span<const std::uint32_t> /*targets*/,
                                                       AliasScratch& /*scratch*/) const override {
    return alias_of(graph_, vertex);
  }

 private:
  const exec::WalkGraph& graph_;
};

}  // namespace rove::algorithms
