// SPDX-License-Identifier: Apache-2.0
#include "io/ids/ids_of_rows.hpp"

#include <algorithm>
#include <functional>
#include <span>

#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::io {

IdsOfRows::IdsOfRows(const comm::Communicator& comm, std::uint64_t num_rows, const IdBlock& home_ids,
                     std::vector<std::uint32_t> rows)
    : rows_(std::move(rows)) {
  parallel::sort(std::span(rows_), std::less<>());
  rows_.erase(std::unique(rows_.begin(), rows_.end()), rows_.end());
  const auto ranks = static_cast<std::size_t>(comm.size());
  const graph::BlockDistribution homes(num_rows, comm.size());
  std::vector<std::uint64_t> asked_counts(ranks);
  for (const std::uint32_t row : rows_) ++asked_counts[homes.home_of(row).index()];
  const auto asked = comm.exchange<std::uint32_t>(rows_, asked_counts);

  const std::uint64_t first = homes.block(comm.rank()).begin;
  std::vector<std::uint64_t> answered(ranks);
  std::vector<std::uint64_t> answered_bytes(ranks);
  std::vector<std::uint64_t> lengths;
  lengths.reserve(asked.data.size());
  std::string bytes;
  for (std::size_t r = 0; r < ranks; ++r) {
    const std::size_t before = bytes.size();
    for (std::uint64_t i = asked.offsets[r]; i < asked.offsets[r + 1]; ++i) {
      const std::string_view id = home_ids[asked.data[i] - first];
      lengths.push_back(id.size());
      bytes += id;
    }
    answered[r] = asked.offsets[r + 1] - asked.offsets[r];
    answered_bytes[r] = bytes.size() - before;
  }
  const auto received = comm.exchange<std::uint64_t>(lengths, answered);
  for (const std::uint64_t length : received.data) ids_.offsets.push_back(ids_.offsets.back() + length);
  const auto text = comm.exchange<char>(std::span<const char>(bytes), answered_bytes);
  ids_.bytes.assign(text.data.begin(), text.data.end());
}

std::string_view IdsOfRows::operator[](std::uint64_t row) const {
  return ids_[static_cast<std::uint64_t>(std::ranges::lower_bound(rows_, row) - rows_.begin())];
}

}  // namespace rove::io
