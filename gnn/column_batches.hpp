// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/huge_buffer.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "gnn/batches.hpp"
#include "gnn/column_layout.hpp"

namespace rove::gnn {

/// A batch as propagation by columns sees it: the active rows of all ranks, as local ids of the copy of
/// the graph, and who reads them whole.
struct ColumnBatch : ActiveRows {
  std::uint64_t num_own = 0;                 ///< active rows of this rank's batch
  std::vector<std::uint64_t> owner_offsets;  ///< P + 1
  std::vector<std::uint32_t> owner_places;   ///< by owner, in the order of its batch: places in `active`
};

/// **Collective.** What the ranks' batches of some steps are together. 8 bytes of every active row go to every rank.
[[nodiscard]] std::vector<ColumnBatch> gather_columns(const comm::Communicator& comm,
                                                      const graph::DistributedGraph& graph, const ColumnLayout& layout,
                                                      std::span<const Batch* const> batches);

/// Moves the active rows of a batch between the ranks that hold their columns and their owners, who hold them whole; on
/// one rank, between two orders.
/// Both ways a rank sends and receives (1 - 1/P) of its share of the rows: 4 · dim bytes of 1/P of them.
class ColumnExchange {
 public:
  ColumnExchange(const comm::Communicator& comm, const ColumnLayout& layout) : comm_(comm), layout_(layout) {}

  /// **Collective.** `columns`: this rank's columns of all active rows; `rows`: its own active rows, whole.
  void to_rows(const ColumnBatch& batch, const float* columns, float* rows);
  /// **Collective.** The inverse.
  void to_columns(const ColumnBatch& batch, const float* rows, float* columns);

 private:
  [[nodiscard]] std::vector<std::uint64_t> column_offsets(const ColumnBatch& batch) const;
  [[nodiscard]] std::vector<std::uint64_t> row_offsets(const ColumnBatch& batch) const;

  const comm::Communicator& comm_;
  const ColumnLayout& layout_;
  HugeBuffer<float> outgoing_;
  HugeBuffer<float> incoming_;
};

}  // namespace rove::gnn
