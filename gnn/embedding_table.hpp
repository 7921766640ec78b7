// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "engine/base/huge_buffer.hpp"
#include "engine/graph/distributed_graph.hpp"

namespace rove::gnn {

/// One float32 row per owned vertex of all types, by local id, padded with zeros to a multiple of 16 columns. The rows
/// of a type are contiguous. Move-only.
class EmbeddingTable {
 public:
  EmbeddingTable(std::uint32_t num_rows, std::uint32_t dim);

  [[nodiscard]] std::uint32_t num_rows() const { return num_rows_; }
  [[nodiscard]] std::uint32_t dim() const { return dim_; }
  /// Floats from one row to the next.
  [[nodiscard]] std::uint32_t width() const { return width_; }
  [[nodiscard]] std::span<float> values() { return values_.span(); }
  [[nodiscard]] std::span<const float> values() const { return values_.span(); }
  [[nodiscard]] std::span<float> row(std::uint32_t local) { return values_.span().subspan(offset(local), dim_); }
  [[nodiscard]] std::span<const float> row(std::uint32_t local) const {
    return values_.span().subspan(offset(local), dim_);
  }

  /// Independent draws from N(0, deviation²) by vertex key and column: a vertex starts at the same place in any graph.
  /// `first_column` (even): where the table's columns begin in a wider one.
  void initialise_normal(const graph::DistributedGraph& graph, std::uint64_t seed, double deviation,
                         std::uint32_t first_column = 0);

 private:
  [[nodiscard]] std::size_t offset(std::uint32_t local) const { return std::size_t{local} * width_; }

  std::uint32_t num_rows_;
  std::uint32_t dim_;
  std::uint32_t width_;
  HugeBuffer<float> values_;
};

}  // namespace rove::gnn
