// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/halo_exchange.hpp"

#include <algorithm>

#include "engine/base/assert.hpp"

namespace rove::graph {

HaloExchange::HaloExchange(const comm::Communicator& comm, std::uint32_t num_owned,
                           std::vector<std::uint64_t> send_offsets, std::vector<LocalVertexId> send_rows,
                           std::vector<std::uint64_t> ghost_offsets)
    : comm_(comm.duplicate()),
      num_owned_(num_owned),
      send_offsets_(std::move(send_offsets)),
      send_rows_(std::move(send_rows)),
      ghost_offsets_(std::move(ghost_offsets)) {
  const auto num_ranks = static_cast<std::size_t>(comm.size());
  ROVE_ASSERT_LIGHT(send_offsets_.size() == num_ranks + 1 && ghost_offsets_.size() == num_ranks + 1);
  ROVE_ASSERT_LIGHT(send_offsets_.back() == send_rows_.size());
  ROVE_ASSERT(
      std::all_of(send_rows_.begin(), send_rows_.end(), [&](LocalVertexId row) { return row.value() < num_owned_; }));
}

}  // namespace rove::graph
