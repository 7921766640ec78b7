// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "gnn/detail/kernels.hpp"
#include "gnn/interactions.hpp"
#include "gnn/shared_negatives.hpp"
#include "gnn/triple_sampler.hpp"

namespace rove::gnn {

/// The rows that a batch's triples name.
struct ActiveRows {
  std::vector<std::uint32_t> active;  ///< local ids, ascending
  std::vector<std::uint32_t> uses;    ///< in how many places of triples each occurs
};

/// One batch as one rank sees it: its active rows are owned ones. A triple is worked on by its user's owner; a row's
/// gradient is summed by the row's owner, in the order of (row, batch position, role). The batch's *row buffer* holds
/// the active rows, then the rows received from other ranks, then one row of zeros; its *deltas* are those of the own
/// triples, then the received ones.
///
/// Two ranks, batch {(u0, p, n), (u1, p, n)} with u0 and p on rank 0, u1 and n on rank 1. Rank 0: active {u0, p},
/// receives n and u1; buffer u0 p n u1 zero; it works on the first triple, sends u0 and p to rank 1, sends its delta
/// for n, and receives the second triple's delta for p.
struct Batch : ActiveRows {
  std::uint64_t first_position = 0;
  std::uint64_t num_triples = 0;  ///< of all ranks

  std::vector<std::uint64_t> own_positions;  ///< positions of the triples of this rank's users
  std::vector<detail::TripleRows> triples;   ///< the same triples, as rows of the buffer
  std::vector<std::uint32_t> positives;      ///< their positives, as rows of the item type

  std::vector<std::uint64_t> send_offsets;     ///< P + 1
  std::vector<std::uint32_t> send_rows;        ///< places in `active`
  std::vector<std::uint64_t> receive_offsets;  ///< P + 1

  std::vector<std::uint64_t> delta_send_offsets;  ///< P + 1
  std::vector<std::uint32_t> delta_sends;         ///< own triples
  std::vector<std::uint64_t> delta_receive_offsets;

  /// Items that all triples share as negatives: rows of the item type, ascending, the same on all ranks; and the places
  /// in `active` of those that this rank owns, ascending. They are no uses and have no terms.
  std::vector<std::uint32_t> shared_items;
  std::vector<std::uint32_t> shared_places;

  std::vector<std::uint64_t> term_offsets;  ///< per active row, and one more
  std::vector<detail::GradientTerm> terms;

  [[nodiscard]] std::uint64_t num_received_rows() const { return receive_offsets.back(); }
  /// Rows of the row buffer.
  [[nodiscard]] std::uint64_t num_rows() const { return active.size() + num_received_rows() + 1; }
  [[nodiscard]] std::uint64_t num_deltas() const { return triples.size() + delta_receive_offsets.back(); }
};

/// An epoch's triples with everything the ranks have to tell each other about them, told once; batches are made from it
/// without communication. Memory: 24 bytes per own triple and 16 per item of one that another rank owns, on both sides.
class EpochBatches {
 public:
  /// **Collective.** `triples`: those of this rank's users, by position; `num_triples`: of all ranks. With `shared`,
  /// which must outlive this, batches have the shared negatives that it draws for them in this epoch.
  EpochBatches(const comm::Communicator& comm, const Interactions& interactions, std::vector<Triple> triples,
               std::uint64_t num_triples, std::uint64_t batch_size, const SharedNegatives* shared = nullptr,
               std::uint64_t epoch = 0);

  [[nodiscard]] std::uint64_t num_batches() const { return (num_triples_ - 1) / batch_size_ + 1; }
  /// Thread-safe.
  [[nodiscard]] Batch make(std::uint64_t number) const;
  /// Row of the user of the triple at a position; the largest number on ranks that do not own it.
  [[nodiscard]] std::uint64_t user_row_at(std::uint64_t position, const Interactions& interactions) const;

 private:
  enum Role : std::uint32_t { kUser = 0, kPositive = 1, kNegative = 2 };
  /// An item that stands in a triple of another rank.
  struct RemoteUse {
    std::uint64_t place = 0;  ///< 4 · position + role
    std::uint32_t item = 0;   ///< local id at its owner
    std::uint32_t user = 0;   ///< local id at the triple's rank
  };
  struct Item {
    std::uint32_t rank = 0;
    std::uint32_t local = 0;  ///< at its owner
  };
  [[nodiscard]] std::span<const RemoteUse> in_batch(const comm::Gathered<RemoteUse>& uses, std::size_t rank,
                                                    std::uint64_t begin, std::uint64_t end) const;

  std::uint32_t rank_;
  std::uint32_t num_ranks_;
  std::uint64_t num_triples_;
  std::uint64_t batch_size_;
  const SharedNegatives* shared_;
  std::uint64_t epoch_;
  std::vector<Triple> triples_;
  std::vector<Item> positives_;
  std::vector<Item> negatives_;
  comm::Gathered<RemoteUse> sent_;      ///< by the rank that owns the item, then by place
  comm::Gathered<RemoteUse> received_;  ///< by the rank that works on the triple, then by place
};

}  // namespace rove::gnn
