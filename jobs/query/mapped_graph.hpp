// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "algorithms/ppr/index_query.hpp"
#include "engine/graph/schema.hpp"
#include "io/hdf5/mapped_file.hpp"

namespace rove::jobs {

/// The adjacency of a mapped `graph.h5` as walks step over it, every edge both ways: the slots of `exec::WalkGraph`
/// with `Direction::kBoth`, in the same order and with the same alias tables, which are made as they are asked for: a
/// query needs few. The file must outlive it. Immutable, thread-safe.
class MappedGraph final : public algorithms::SlotLists {
 public:
  /// `weighted`: walks move in proportion to the weights of edges; those of a type without weights weigh 1. Throws
  /// `InputError` when weights are to count and there are none.
  MappedGraph(const io::hdf5::MappedFile& file, bool weighted);

  [[nodiscard]] const graph::Schema& schema() const { return schema_; }
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

 private:
  struct Side {
    EdgeTypeId type;
    bool forward = true;
    std::span<const std::uint64_t> offsets;
    std::span<const std::uint32_t> targets;
    std::span<const float> weights;  ///< empty: all 1
    std::uint32_t first_target = 0;
    std::uint64_t num_targets = 0;
  };
  template <class Take>
  void for_each_slot(std::uint32_t vertex, const Take& take) const;
  /// Throws `InputError` when the weight is negative or not finite.
  [[nodiscard]] float weight_of(const Side& side, std::uint64_t slot) const;

  std::string path_;
  graph::Schema schema_;
  bool weighted_;
  std::vector<std::vector<Side>> sides_;  ///< by vertex type
};

}  // namespace rove::jobs
