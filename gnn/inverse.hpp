// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/block_distribution.hpp"

namespace rove::gnn {

/// A symmetric positive definite float32 matrix in rows over the ranks, which becomes the negative of its inverse in
/// place by symmetric Gauss-Jordan sweeps over tiles. Rows are padded to whole tiles with those of the identity, and
/// every rank has a range of whole tiles of rows, as wide as the matrix. Which of the two mirror images of a tile is
/// computed alternates like the fields of a chessboard, so that ranks have equal work, and depends on the tile alone:
/// the bits do not depend on ranks or threads. size³ / 2 multiply-adds.
class SymmetricMatrix {
 public:
  SymmetricMatrix(const comm::Communicator& comm, std::uint64_t size, std::uint32_t tile);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Floats from one row to the next.
  [[nodiscard]] std::uint64_t stride() const { return tiles_ * tile_; }
  /// The rows of a rank, without the padding.
  [[nodiscard]] IndexRange rows_of(Rank rank) const;
  [[nodiscard]] IndexRange rows() const { return rows_of(comm_->rank()); }
  [[nodiscard]] std::span<float> row(std::uint64_t row) {
    return std::span(values_).subspan((row - first_row()) * stride(), stride());
  }

  /// **Collective.** `swept` hears of every pivot tile that is done and how many there are. Throws `ConfigError` on all
  /// ranks when a pivot is not positive definite.
  void invert(const std::function<void(std::uint64_t done, std::uint64_t of)>& swept);

  /// Hands over the rows, padding cut off: `rows().size()` rows of `size()` floats.
  [[nodiscard]] std::vector<float> take_rows();

  [[nodiscard]] static std::uint64_t bytes(std::uint64_t size, std::uint32_t tile, std::int32_t ranks);

 private:
  [[nodiscard]] std::uint64_t first_row() const { return my_tiles_.begin * tile_; }
  [[nodiscard]] float* tile_at(std::uint64_t i, std::uint64_t j) {
    return values_.data() + (i - my_tiles_.begin) * tile_ * stride() + j * tile_;
  }
  [[nodiscard]] static bool is_computed(std::uint64_t i, std::uint64_t j) {
    return i == j || (i > j) == ((i + j) % 2 == 0);
  }
  [[nodiscard]] bool is_mine(std::uint64_t i) const { return i >= my_tiles_.begin && i < my_tiles_.end; }
  void gather_panel(std::uint64_t pivot);
  void sweep(std::uint64_t pivot);
  void mirror();

  const comm::Communicator* comm_;
  std::uint64_t size_;
  std::uint64_t tile_;
  std::uint64_t tiles_;
  graph::BlockDistribution owners_;  ///< of rows of tiles
  IndexRange my_tiles_;
  std::vector<float> values_;
  std::vector<float> panel_;  ///< the pivot's column of tiles
};

}  // namespace rove::gnn
