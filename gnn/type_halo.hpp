// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/graph/distributed_graph.hpp"
#include "engine/graph/redistribute.hpp"

namespace rove::gnn {

/// The part of a graph's halo that belongs to one vertex type, for models that change one side at a time. Refers to the
/// graph's halo. Memory: 4 bytes per ghost and per row sent.
class TypeHalo {
 public:
  TypeHalo(const graph::DistributedGraph& graph, VertexTypeId type);

  /// **Collective.** Copies the owners' rows of the type to its ghosts. `values`: `num_local` rows of `width` floats.
  void update(std::span<float> values, std::uint32_t width) const;

  /// Local ids of the type's ghosts.
  [[nodiscard]] std::span<const std::uint32_t> ghosts() const { return ghosts_; }
  /// **Collective.** Rows of different lengths of the type's ghosts, in the order of `ghosts()`, from those of its
  /// owned vertices (row i belongs to the i-th).
  template <comm::Message T>
  [[nodiscard]] graph::RaggedRows<T> ghost_rows(const graph::RaggedRows<T>& owned) const;

 private:
  const graph::HaloExchange* halo_;
  std::uint64_t first_row_;                     ///< local id of the type's first owned vertex
  std::vector<std::uint64_t> send_offsets_{0};  ///< P + 1
  std::vector<std::uint32_t> send_rows_;
  std::vector<std::uint64_t> receive_offsets_{0};  ///< P + 1
  std::vector<std::uint32_t> ghosts_;
};

template <comm::Message T>
graph::RaggedRows<T> TypeHalo::ghost_rows(const graph::RaggedRows<T>& owned) const {
  const auto ranks = send_offsets_.size() - 1;
  std::vector<std::uint64_t> lengths;
  std::vector<T> values;
  std::vector<std::uint64_t> row_counts(ranks);
  std::vector<std::uint64_t> value_counts(ranks);
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    row_counts[rank] = send_offsets_[rank + 1] - send_offsets_[rank];
    for (std::uint64_t i = send_offsets_[rank]; i < send_offsets_[rank + 1]; ++i) {
      const std::uint64_t row = send_rows_[i] - first_row_;
      lengths.push_back(owned.offsets[row + 1] - owned.offsets[row]);
      value_counts[rank] += lengths.back();
      values.insert(values.end(), owned.values.begin() + static_cast<std::ptrdiff_t>(owned.offsets[row]),
                    owned.values.begin() + static_cast<std::ptrdiff_t>(owned.offsets[row + 1]));
    }
  }
  graph::RaggedRows<T> ghosts;
  for (const std::uint64_t length : halo_->comm().exchange<std::uint64_t>(lengths, row_counts).data) {
    ghosts.offsets.push_back(ghosts.offsets.back() + length);
  }
  ghosts.values = halo_->comm().template exchange<T>(std::span<const T>(values), value_counts).data;
  return ghosts;
}

}  // namespace rove::gnn
