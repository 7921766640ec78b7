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
/// with `Direction::kBoth`, in the same order. The file must outlive it. Immutable, thread-safe.
class MappedGraph final : public algorithms::SlotLists {
 public:
  explicit MappedGraph(const io::hdf5::MappedFile& file);

  [[nodiscard]] const graph::Schema& schema() const { return schema_; }
  [[nodiscard]] std::uint64_t degree(std::uint32_t vertex) const override;
  void append_slots(std::uint32_t vertex, std::vector<std::uint32_t>& slots) const override;

  /// One slot with the edge behind it.
  struct Slot {
    std::uint32_t target = 0;  ///< stable id
    EdgeTypeId type;
    bool forward = true;  ///< walked from source to destination
  };
  void append_slots(std::uint32_t vertex, std::vector<Slot>& slots) const;

 private:
  struct Side {
    EdgeTypeId type;
    bool forward = true;
    std::span<const std::uint64_t> offsets;
    std::span<const std::uint32_t> targets;
    std::uint32_t first_target = 0;
    std::uint64_t num_targets = 0;
  };
  template <class Take>
  void for_each_slot(std::uint32_t vertex, const Take& take) const;

  std::string path_;
  graph::Schema schema_;
  std::vector<std::vector<Side>> sides_;  ///< by vertex type
};

}  // namespace rove::jobs
