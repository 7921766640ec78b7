// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <exception>

#include <fmt/format.h>

#include "engine/base/assert.hpp"
#include "engine/base/error.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/comm/detail/impl.hpp"

namespace rove::comm {

using detail::check;
using detail::Impl;
using detail::Operation;

struct Communicator::Requests {
  const Impl* impl = nullptr;
  detail::Transfers transfers;
};

namespace {

/// Part `rank` of bytes that lie in rank order.
template <class Byte>
std::span<Byte> part_of(std::span<Byte> bytes, std::span<const std::uint64_t> offsets, int rank,
                        std::size_t element_size) {
  const auto r = static_cast<std::size_t>(rank);
  return bytes.subspan(offsets[r] * element_size, (offsets[r + 1] - offsets[r]) * element_size);
}

/// Posts all receives, then all sends, each rank beginning with its neighbour so that no rank is everybody's first
/// target.
void start_transfers(const Impl& impl, detail::Transfers& transfers, std::span<const std::byte> send,
                     std::span<const std::uint64_t> send_offsets, std::span<std::byte> receive,
                     std::span<const std::uint64_t> receive_offsets, std::size_t element_size) {
  const auto own = part_of(send, send_offsets, impl.rank, element_size);
  const auto own_target = part_of(receive, receive_offsets, impl.rank, element_size);
  if (own.size() != own_target.size()) {
    throw InternalError(fmt::format("exchange: rank {} sends itself {} bytes and expects {}", impl.rank, own.size(),
                                    own_target.size()));
  }
  for (int step = 1; step < impl.size; ++step) {
    const int source = (impl.rank - step + impl.size) % impl.size;
    transfers.receive(impl, part_of(receive, receive_offsets, source, element_size), source, detail::kTagExchange);
  }
  for (int step = 1; step < impl.size; ++step) {
    const int destination = (impl.rank + step) % impl.size;
    transfers.send(impl, part_of(send, send_offsets, destination, element_size), destination, detail::kTagExchange);
  }
  if (!own.empty()) std::memcpy(own_target.data(), own.data(), own.size());
}

void check_offsets(const Impl& impl, const char* side, std::span<const std::uint64_t> offsets, std::size_t num_bytes,
                   std::size_t element_size) {
  if (offsets.size() != static_cast<std::size_t>(impl.size) + 1 || offsets.back() * element_size > num_bytes) {
    throw InternalError(
        fmt::format("start_exchange: {} offsets of {} ranks + 1 for {} elements do not fit a buffer of {}", side,
                    impl.size, offsets.empty() ? 0 : offsets.back(), num_bytes / element_size));
  }
}

}  // namespace

void Communicator::exchange_bytes(std::span<const std::byte> bytes, std::span<const std::uint64_t> counts,
                                  std::size_t element_size, std::vector<std::uint64_t>& offsets,
                                  const Allocate& allocate) const {
  const auto ranks = static_cast<std::size_t>(impl_->size);
  std::vector<std::uint64_t> send_offsets(ranks + 1, 0);
  if (counts.size() == ranks) {
    for (std::size_t r = 0; r < ranks; ++r) send_offsets[r + 1] = send_offsets[r] + counts[r];
  }
  if (counts.size() != ranks || send_offsets.back() * element_size != bytes.size()) {
    throw InternalError(fmt::format("exchange: {} counts with sum {} for {} ranks and {} values", counts.size(),
                                    send_offsets.back(), impl_->size, bytes.size() / element_size));
  }
  const Operation operation(*impl_, "exchange", "comm.exchange");
  std::vector<std::uint64_t> incoming(ranks);
  check(MPI_Alltoall(counts.data(), 1, MPI_UINT64_T, incoming.data(), 1, MPI_UINT64_T, impl_->comm), *impl_,
        "MPI_Alltoall");
  offsets.assign(ranks + 1, 0);
  for (std::size_t r = 0; r < ranks; ++r) offsets[r + 1] = offsets[r] + incoming[r];
  const std::span<std::byte> received = allocate(offsets.back());
  detail::Transfers transfers;
  start_transfers(*impl_, transfers, bytes, send_offsets, received, offsets, element_size);
  transfers.wait(*impl_, "exchange");
}

std::unique_ptr<Communicator::Requests, void (*)(Communicator::Requests*)> Communicator::start_exchange_bytes(
    std::span<const std::byte> send, std::span<const std::uint64_t> send_offsets, std::span<std::byte> receive,
    std::span<const std::uint64_t> receive_offsets, std::size_t element_size) const {
  check_offsets(*impl_, "send", send_offsets, send.size(), element_size);
  check_offsets(*impl_, "receive", receive_offsets, receive.size(), element_size);
  const Operation operation(*impl_, "start_exchange", "comm.exchange");
  std::unique_ptr<Requests, void (*)(Requests*)> requests(new Requests, [](Requests* object) { delete object; });
  requests->impl = impl_.get();
  start_transfers(*impl_, requests->transfers, send, send_offsets, receive, receive_offsets, element_size);
  return requests;
}

void Communicator::wait_all(Requests& requests) {
  const Operation operation(*requests.impl, "wait for an exchange", "comm.wait");
  requests.transfers.wait(*requests.impl, "exchange");
}

void Communicator::abandon(Requests& requests) noexcept {
  // While an error unwinds, the peers have started this exchange or will; its end keeps the buffers valid until then.
  if (std::uncaught_exceptions() == 0) ROVE_ASSERT(false && "a Pending exchange was destroyed before wait()");
  try {
    requests.transfers.wait(*requests.impl, "abandoned exchange");
  } catch (...) {
    // A broken transfer has been reported by its peers or ends with the job; a destructor cannot report it.
    std::terminate();
  }
}

}  // namespace rove::comm
