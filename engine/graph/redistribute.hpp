// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/graph_blocks.hpp"
#include "engine/graph/neighbor_lists.hpp"

namespace rove::graph {

/// Rows of different lengths: row i has the values [offsets[i], offsets[i + 1]).
template <class T>
struct RaggedRows {
  std::vector<std::uint64_t> offsets{0};
  std::vector<T> values;
};

/// Reusable pattern that moves the rows of one vertex type between their owners (where they are computed) and their
/// home blocks (where they are read and written); `DistributedGraph::home` holds one per type. Nothing passes through
/// one rank, row order is kept, counts are 64-bit. Immutable.
///
/// Five rows on two ranks with parts 1 0 0 1 1: rank 0's home block is rows 0..2, rank 1's is rows 3..4; rank 0 owns
/// rows 1, 2 and rank 1 owns rows 0, 3, 4. On rank 0 `to_owners` sends rows 1, 2 to itself and row 0 to rank 1.
class HomeExchange {
 public:
  /// **Collective.** `parts`: the owner of every row of my home block. Precondition: 0 <= part < P.
  HomeExchange(const comm::Communicator& comm, std::span<const std::int32_t> parts);

  [[nodiscard]] std::uint64_t num_owned_rows() const { return num_owned_rows_; }

  /// **Collective.** Owned rows of the type (in local order, `width` values each) to the rows of my home block.
  template <comm::Message T>
  [[nodiscard]] std::vector<T> to_home(const comm::Communicator& comm, std::span<const T> owned,
                                       std::uint64_t width = 1) const;
  /// **Collective.** The inverse.
  template <comm::Message T>
  [[nodiscard]] std::vector<T> to_owners(const comm::Communicator& comm, std::span<const T> home,
                                         std::uint64_t width = 1) const;

  /// **Collective.** The same for rows of different lengths; `offsets` has one entry per row and one more.
  template <comm::Message T>
  [[nodiscard]] RaggedRows<T> to_home(const comm::Communicator& comm, std::span<const std::uint64_t> offsets,
                                      std::span<const T> values) const;
  template <comm::Message T>
  [[nodiscard]] RaggedRows<T> to_owners(const comm::Communicator& comm, std::span<const std::uint64_t> offsets,
                                        std::span<const T> values) const;

  /// **Collective.** Ranked lists of the owned rows to the home block, and the inverse.
  [[nodiscard]] NeighborLists to_home(const comm::Communicator& comm, const NeighborLists& owned) const;
  [[nodiscard]] NeighborLists to_owners(const comm::Communicator& comm, const NeighborLists& home) const;

  /// **Collective.** Adjacency lists with the attributes they carry. An attribute is present on all ranks or on none.
  [[nodiscard]] AdjacencyBlock to_owners(const comm::Communicator& comm, const AdjacencyBlock& home) const;

 private:
  [[nodiscard]] std::vector<std::uint64_t> permuted_lengths(std::span<const std::uint64_t> offsets) const;

  std::vector<std::uint32_t> home_rows_;     ///< rows of my home block, counted from its begin, grouped by owner
  std::vector<std::uint64_t> owner_counts_;  ///< how many of them each rank owns
  std::vector<std::uint64_t> home_counts_;   ///< how many of my owned rows lie in each rank's home block
  std::uint64_t num_owned_rows_ = 0;
};

namespace detail {

/// Turns lengths into offsets, in place of a copy: {2, 0, 3} becomes {0, 2, 2, 5}.
[[nodiscard]] std::vector<std::uint64_t> offsets_from_lengths(std::span<const std::uint64_t> lengths);
/// Values per destination when destination r gets the next `row_counts[r]` rows.
[[nodiscard]] std::vector<std::uint64_t> value_counts(std::span<const std::uint64_t> row_counts,
                                                      std::span<const std::uint64_t> offsets);
[[nodiscard]] std::vector<std::uint64_t> scaled(std::span<const std::uint64_t> counts, std::uint64_t width);

template <class T>
void copy_values(T* to, const T* from, std::uint64_t count) {
  if (count > 0) std::memcpy(to, from, count * sizeof(T));
}

}  // namespace detail

template <comm::Message T>
std::vector<T> HomeExchange::to_home(const comm::Communicator& comm, std::span<const T> owned,
                                     std::uint64_t width) const {
  const auto received = comm.exchange<T>(owned, detail::scaled(home_counts_, width));
  std::vector<T> home(home_rows_.size() * width);
  for (std::size_t i = 0; i < home_rows_.size(); ++i) {
    detail::copy_values(home.data() + home_rows_[i] * width, received.data.data() + i * width, width);
  }
  return home;
}

template <comm::Message T>
std::vector<T> HomeExchange::to_owners(const comm::Communicator& comm, std::span<const T> home,
                                       std::uint64_t width) const {
  std::vector<T> grouped(home_rows_.size() * width);
  for (std::size_t i = 0; i < home_rows_.size(); ++i) {
    detail::copy_values(grouped.data() + i * width, home.data() + home_rows_[i] * width, width);
  }
  return comm.exchange<T>(std::span<const T>(grouped), detail::scaled(owner_counts_, width)).data;
}

template <comm::Message T>
RaggedRows<T> HomeExchange::to_home(const comm::Communicator& comm, std::span<const std::uint64_t> offsets,
                                    std::span<const T> values) const {
  std::vector<std::uint64_t> lengths(num_owned_rows_);
  for (std::size_t i = 0; i < lengths.size(); ++i) lengths[i] = offsets[i + 1] - offsets[i];
  RaggedRows<T> home;
  home.offsets = detail::offsets_from_lengths(to_home<std::uint64_t>(comm, lengths));
  const auto received = comm.exchange<T>(values, detail::value_counts(home_counts_, offsets));
  home.values.resize(home.offsets.back());
  std::uint64_t read = 0;
  for (const std::uint32_t row : home_rows_) {
    const std::uint64_t length = home.offsets[row + 1] - home.offsets[row];
    detail::copy_values(home.values.data() + home.offsets[row], received.data.data() + read, length);
    read += length;
  }
  return home;
}

template <comm::Message T>
RaggedRows<T> HomeExchange::to_owners(const comm::Communicator& comm, std::span<const std::uint64_t> offsets,
                                      std::span<const T> values) const {
  const std::vector<std::uint64_t> lengths = permuted_lengths(offsets);
  const std::vector<std::uint64_t> grouped_offsets = detail::offsets_from_lengths(lengths);
  std::vector<T> grouped(grouped_offsets.back());
  for (std::size_t i = 0; i < home_rows_.size(); ++i) {
    detail::copy_values(grouped.data() + grouped_offsets[i], values.data() + offsets[home_rows_[i]], lengths[i]);
  }
  RaggedRows<T> owned;
  owned.offsets = detail::offsets_from_lengths(comm.exchange<std::uint64_t>(lengths, owner_counts_).data);
  owned.values =
      comm.exchange<T>(std::span<const T>(grouped), detail::value_counts(owner_counts_, grouped_offsets)).data;
  return owned;
}

}  // namespace rove::graph
