// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"

namespace rove::graph {

/// Reusable pattern between owned vertices and their ghosts on other ranks. Built once per graph. `update` copies owner
/// to ghosts; `accumulate` sends ghost values back to owners, who receive every contribution with its sender in rank
/// order. Arrays are indexed by local id, `width` elements per vertex (row-major), owned rows first, ghosts after.
class HaloExchange {
 public:
  /// `send_offsets` (P + 1) and `send_rows` (local ids of owned vertices, grouped by receiving rank); ghosts lie
  /// in local order grouped by owner: `ghost_offsets` (P + 1), counted from the first ghost.
  HaloExchange(const comm::Communicator& comm, std::uint32_t num_owned, std::vector<std::uint64_t> send_offsets,
               std::vector<LocalVertexId> send_rows, std::vector<std::uint64_t> ghost_offsets);

  [[nodiscard]] std::uint32_t num_owned() const { return num_owned_; }
  [[nodiscard]] std::uint64_t num_ghosts() const { return ghost_offsets_.back(); }
  [[nodiscard]] std::span<const std::uint64_t> send_offsets() const { return send_offsets_; }
  [[nodiscard]] std::span<const LocalVertexId> send_rows() const { return send_rows_; }
  [[nodiscard]] std::span<const std::uint64_t> ghost_offsets() const { return ghost_offsets_; }

  /// An update under way: owned rows may be read, ghost rows must not be touched before `wait()`.
  template <comm::Message T>
  class [[nodiscard]] Update {
   public:
    void wait() { pending_.wait(); }

   private:
    friend class HaloExchange;
    Update(std::vector<T> buffer, comm::Pending<T> pending)
        : buffer_(std::move(buffer)), pending_(std::move(pending)) {}
    std::vector<T> buffer_;
    comm::Pending<T> pending_;
  };

  /// **Collective.** Starts copying owned rows to the ghosts of other ranks; interior work can go on meanwhile.
  template <comm::Message T>
  [[nodiscard]] Update<T> start_update(std::span<T> values, std::uint64_t width = 1) const;
  /// **Collective.** `start_update` and `wait`.
  template <comm::Message T>
  void update(std::span<T> values, std::uint64_t width = 1) const {
    start_update(values, width).wait();
  }
  /// **Collective.** Sends ghost rows to their owners and calls `combine(owned local id, contribution row)` for each,
  /// in order of sending rank, then of send_rows: an order that depends on the partition, so `combine` must not
  /// (integers, min, max).
  template <comm::Message T, class Combine>
  void accumulate(std::span<const T> values, std::uint64_t width, const Combine& combine) const;

  [[nodiscard]] const comm::Communicator& comm() const { return comm_; }

 private:
  comm::Communicator comm_;  ///< a duplicate: halo traffic of its own
  std::uint32_t num_owned_;
  std::vector<std::uint64_t> send_offsets_;
  std::vector<LocalVertexId> send_rows_;
  std::vector<std::uint64_t> ghost_offsets_;
};

template <comm::Message T>
HaloExchange::Update<T> HaloExchange::start_update(std::span<T> values, std::uint64_t width) const {
  std::vector<T> buffer(send_rows_.size() * width);
  for (std::size_t i = 0; i < send_rows_.size(); ++i) {
    std::memcpy(buffer.data() + i * width, values.data() + send_rows_[i].index() * width, width * sizeof(T));
  }
  std::vector<std::uint64_t> send = send_offsets_;
  std::vector<std::uint64_t> receive = ghost_offsets_;
  for (std::uint64_t& offset : send) offset *= width;
  for (std::uint64_t& offset : receive) offset *= width;
  auto pending = comm_.start_exchange<T>(std::span<const T>(buffer), send,
                                         values.subspan(std::uint64_t{num_owned_} * width), receive);
  return Update<T>(std::move(buffer), std::move(pending));
}

template <comm::Message T, class Combine>
void HaloExchange::accumulate(std::span<const T> values, std::uint64_t width, const Combine& combine) const {
  std::vector<T> received(send_rows_.size() * width);
  std::vector<std::uint64_t> send = ghost_offsets_;
  std::vector<std::uint64_t> receive = send_offsets_;
  for (std::uint64_t& offset : send) offset *= width;
  for (std::uint64_t& offset : receive) offset *= width;
  comm_.start_exchange<T>(values.subspan(std::uint64_t{num_owned_} * width), send, std::span<T>(received), receive)
      .wait();
  for (std::size_t i = 0; i < send_rows_.size(); ++i) {
    combine(send_rows_[i], std::span<const T>(received).subspan(i * width, width));
  }
}

}  // namespace rove::graph
