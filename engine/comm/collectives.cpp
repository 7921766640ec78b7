// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/comm/detail/chunking.hpp"
#include "engine/comm/detail/impl.hpp"

namespace rove::comm {

using detail::check;
using detail::chunk_bytes;
using detail::Impl;
using detail::Kind;
using detail::Operation;

namespace {

MPI_Datatype datatype_of(Kind kind) {
  switch (kind) {
    case Kind::kInt32:
      return MPI_INT32_T;
    case Kind::kUint32:
      return MPI_UINT32_T;
    case Kind::kInt64:
      return MPI_INT64_T;
    case Kind::kUint64:
      return MPI_UINT64_T;
    case Kind::kFloat:
      return MPI_FLOAT;
    case Kind::kDouble:
      return MPI_DOUBLE;
  }
  throw InternalError("all_reduce: unknown element kind");
}

std::size_t bytes_of(Kind kind) {
  return kind == Kind::kInt32 || kind == Kind::kUint32 || kind == Kind::kFloat ? 4 : 8;
}

MPI_Op operation_of(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
      return MPI_SUM;
    case ReduceOp::kMin:
      return MPI_MIN;
    case ReduceOp::kMax:
      return MPI_MAX;
    case ReduceOp::kBitOr:
      return MPI_BOR;
  }
  throw InternalError("all_reduce: unknown operation");
}

void broadcast_chunks(const Impl& impl, std::span<std::byte> bytes, int root) {
  while (!bytes.empty()) {
    const std::size_t length = std::min<std::size_t>(bytes.size(), chunk_bytes());
    check(MPI_Bcast(bytes.data(), static_cast<int>(length), MPI_BYTE, root, impl.comm), impl, "MPI_Bcast");
    bytes = bytes.subspan(length);
  }
}

/// Every rank's part when one call can hold them all.
void gather_at_once(const Impl& impl, std::span<const std::byte> bytes, int root, bool everybody,
                    std::span<const std::uint64_t> byte_offsets, std::span<std::byte> received) {
  const auto ranks = static_cast<std::size_t>(impl.size);
  std::vector<int> counts(ranks);
  std::vector<int> displacements(ranks);
  for (std::size_t r = 0; r < ranks; ++r) {
    counts[r] = static_cast<int>(byte_offsets[r + 1] - byte_offsets[r]);
    displacements[r] = static_cast<int>(byte_offsets[r]);
  }
  const int length = static_cast<int>(bytes.size());
  if (everybody) {
    check(MPI_Allgatherv(bytes.data(), length, MPI_BYTE, received.data(), counts.data(), displacements.data(), MPI_BYTE,
                         impl.comm),
          impl, "MPI_Allgatherv");
  } else {
    check(MPI_Gatherv(bytes.data(), length, MPI_BYTE, received.data(), counts.data(), displacements.data(), MPI_BYTE,
                      root, impl.comm),
          impl, "MPI_Gatherv");
  }
}

/// Every rank's part when an `int` cannot count them: broadcasts for everybody, messages for one root.
void gather_in_chunks(const Impl& impl, std::span<const std::byte> bytes, int root, bool everybody,
                      std::span<const std::uint64_t> byte_offsets, std::span<std::byte> received) {
  const auto part_of = [&](int rank) {
    const auto r = static_cast<std::size_t>(rank);
    return received.subspan(byte_offsets[r], byte_offsets[r + 1] - byte_offsets[r]);
  };
  if (everybody || impl.rank == root) std::copy(bytes.begin(), bytes.end(), part_of(impl.rank).begin());
  if (everybody) {
    for (int r = 0; r < impl.size; ++r) broadcast_chunks(impl, part_of(r), r);
    return;
  }
  detail::Transfers transfers;
  if (impl.rank == root) {
    for (int r = 0; r < impl.size; ++r) {
      if (r != root) transfers.receive(impl, part_of(r), r, detail::kTagGather);
    }
  } else {
    transfers.send(impl, bytes, root, detail::kTagGather);
  }
  transfers.wait(impl, "gather_v");
}

}  // namespace

void Communicator::barrier() const {
  const Operation operation(*impl_, "barrier", "comm.collective");
  check(MPI_Barrier(impl_->comm), *impl_, "MPI_Barrier");
}

void Communicator::broadcast_bytes(std::span<std::byte> bytes, Rank root) const {
  const Operation operation(*impl_, "broadcast", "comm.collective");
  broadcast_chunks(*impl_, bytes, root.value());
}

std::string Communicator::broadcast_text(std::string_view text, Rank root) const {
  const std::uint64_t length = broadcast(std::uint64_t{text.size()}, root);
  std::string result(rank() == root ? text : std::string_view());
  result.resize(length);
  broadcast(std::span<char>(result), root);
  return result;
}

void Communicator::all_reduce_values(void* values, std::size_t count, Kind kind, ReduceOp op) const {
  const Operation operation(*impl_, "all_reduce", "comm.collective");
  const std::size_t element_bytes = bytes_of(kind);
  const std::size_t limit = std::max<std::size_t>(chunk_bytes() / element_bytes, 1);
  auto* position = static_cast<std::byte*>(values);
  while (count > 0) {
    const std::size_t length = std::min(count, limit);
    check(MPI_Allreduce(MPI_IN_PLACE, position, static_cast<int>(length), datatype_of(kind), operation_of(op),
                        impl_->comm),
          *impl_, "MPI_Allreduce");
    position += length * element_bytes;
    count -= length;
  }
}

ExactSum Communicator::all_reduce(const ExactSum& sum) const {
  std::array<std::int64_t, ExactSum::kLimbs> limbs = sum.normalised_limbs();
  all_reduce(std::span<std::int64_t>(limbs), ReduceOp::kSum);
  return ExactSum::from_limbs(limbs);
}

std::uint64_t Communicator::exclusive_scan(std::uint64_t value) const {
  const Operation operation(*impl_, "exclusive_scan", "comm.collective");
  std::uint64_t sum = 0;
  check(MPI_Exscan(&value, &sum, 1, MPI_UINT64_T, MPI_SUM, impl_->comm), *impl_, "MPI_Exscan");
  return impl_->rank == 0 ? 0 : sum;
}

void Communicator::gather_bytes(std::span<const std::byte> bytes, std::size_t element_size, std::int32_t root,
                                std::vector<std::uint64_t>& offsets, const Allocate& allocate) const {
  const bool everybody = root == kEverybody;
  const Operation operation(*impl_, everybody ? "all_gather_v" : "gather_v", "comm.collective");
  const auto ranks = static_cast<std::size_t>(impl_->size);
  const std::uint64_t count = bytes.size() / element_size;
  std::vector<std::uint64_t> counts(ranks);
  check(MPI_Allgather(&count, 1, MPI_UINT64_T, counts.data(), 1, MPI_UINT64_T, impl_->comm), *impl_, "MPI_Allgather");

  offsets.assign(ranks + 1, 0);
  std::vector<std::uint64_t> byte_offsets(ranks + 1, 0);
  for (std::size_t r = 0; r < ranks; ++r) {
    offsets[r + 1] = offsets[r] + counts[r];
    byte_offsets[r + 1] = offsets[r + 1] * element_size;
  }
  const bool receives = everybody || impl_->rank == root;
  const std::span<std::byte> received = receives ? allocate(offsets.back()) : std::span<std::byte>();
  const bool at_once = byte_offsets.back() <= chunk_bytes();
  if (at_once || everybody) {  // what goes to a root in chunks is counted message by message
    const std::uint64_t receivers = everybody ? ranks - 1 : impl_->rank == root ? 0 : 1;
    detail::count_traffic(receivers, receivers * bytes.size());
  }
  const auto gather = at_once ? gather_at_once : gather_in_chunks;
  gather(*impl_, bytes, root, everybody, byte_offsets, received);
  if (!receives) offsets.assign(ranks + 1, 0);
}

std::vector<std::string> Communicator::all_gather_text(std::string_view text) const {
  const Gathered<char> gathered = all_gather_v(std::span<const char>(text));
  std::vector<std::string> result;
  result.reserve(static_cast<std::size_t>(size()));
  for (Rank r{0}; r.value() < size(); ++r) result.emplace_back(gathered.from(r).begin(), gathered.from(r).end());
  return result;
}

void Communicator::all_to_all_bytes(std::span<const std::byte> bytes, std::size_t element_size,
                                    std::span<std::byte> received) const {
  const std::size_t expected = static_cast<std::size_t>(impl_->size) * element_size;
  if (bytes.size() != expected) {
    throw InternalError(
        fmt::format("all_to_all: got {} values, expected one per rank, {}", bytes.size() / element_size, impl_->size));
  }
  const Operation operation(*impl_, "all_to_all", "comm.collective");
  const int length = static_cast<int>(element_size);
  check(MPI_Alltoall(bytes.data(), length, MPI_BYTE, received.data(), length, MPI_BYTE, impl_->comm), *impl_,
        "MPI_Alltoall");
}

}  // namespace rove::comm
