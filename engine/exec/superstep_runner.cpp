// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/superstep_runner.hpp"

#include <array>

#include "engine/base/assert.hpp"
#include "engine/base/stop.hpp"

namespace rove::exec::detail {

Vote settle(const comm::Communicator& comm, const Vote& mine, const std::exception_ptr& error) {
  std::array<std::uint64_t, 5> numbers{mine.changed, mine.changed_sends, mine.sends,
                                       std::uint64_t{stop::requested() ? 1U : 0U}, std::uint64_t{error ? 1U : 0U}};
  comm.all_reduce(std::span<std::uint64_t>(numbers), comm::ReduceOp::kSum);
  if (numbers[4] != 0) {
    comm.agree([&] {
      if (error) std::rethrow_exception(error);
    });
  }
  return {numbers[0], numbers[1], numbers[2], numbers[3]};
}

std::vector<std::uint64_t> flagged_sends(const graph::HaloExchange& halo, std::span<const std::uint8_t> flags) {
  std::vector<std::uint64_t> positions;
  const auto rows = halo.send_rows();
  for (std::uint64_t i = 0; i < rows.size(); ++i) {
    if (flags[rows[i].index()] != 0) positions.push_back(i);
  }
  return positions;
}

void send_sparse(const graph::HaloExchange& halo, std::span<const std::uint64_t> positions,
                 std::span<const std::byte> values, std::uint64_t row_bytes,
                 const std::function<void(std::uint64_t, const std::byte*)>& deliver) {
  const auto offsets = halo.send_offsets();
  const std::size_t num_ranks = offsets.size() - 1;
  std::vector<std::uint64_t> counts(num_ranks);
  std::vector<std::uint64_t> places(positions.size());  // counted from the receiver's first ghost owned here
  std::vector<std::byte> rows(positions.size() * row_bytes);
  std::size_t rank = 0;
  for (std::size_t i = 0; i < positions.size(); ++i) {
    while (positions[i] >= offsets[rank + 1]) ++rank;
    ++counts[rank];
    places[i] = positions[i] - offsets[rank];
    std::memcpy(rows.data() + i * row_bytes, values.data() + halo.send_rows()[positions[i]].index() * row_bytes,
                row_bytes);
  }
  const auto received_places = halo.comm().exchange<std::uint64_t>(places, counts);
  for (std::uint64_t& count : counts) count *= row_bytes;
  const auto received_rows = halo.comm().exchange<std::byte>(rows, counts);
  for (std::size_t sender = 0; sender < num_ranks; ++sender) {
    for (std::uint64_t i = received_places.offsets[sender]; i < received_places.offsets[sender + 1]; ++i) {
      deliver(halo.ghost_offsets()[sender] + received_places.data[i], received_rows.data.data() + i * row_bytes);
    }
  }
}

SendSplit split_by_sending(const graph::HaloExchange& halo) {
  std::vector<std::uint8_t> is_sent(halo.num_owned());
  for (const LocalVertexId row : halo.send_rows()) is_sent[row.index()] = 1;
  SendSplit split;
  for (std::uint32_t v = 0; v < halo.num_owned(); ++v) {
    (is_sent[v] != 0 ? split.sent : split.interior).emplace_back(v);
  }
  return split;
}

}  // namespace rove::exec::detail
