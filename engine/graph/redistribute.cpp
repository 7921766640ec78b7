// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/redistribute.hpp"

#include "engine/base/assert.hpp"
#include "engine/base/checked_cast.hpp"

namespace rove::graph {

namespace detail {

std::vector<std::uint64_t> offsets_from_lengths(std::span<const std::uint64_t> lengths) {
  std::vector<std::uint64_t> offsets(lengths.size() + 1);
  for (std::size_t i = 0; i < lengths.size(); ++i) offsets[i + 1] = offsets[i] + lengths[i];
  return offsets;
}

std::vector<std::uint64_t> value_counts(std::span<const std::uint64_t> row_counts,
                                        std::span<const std::uint64_t> offsets) {
  std::vector<std::uint64_t> counts(row_counts.size());
  std::uint64_t row = 0;
  for (std::size_t rank = 0; rank < counts.size(); ++rank) {
    counts[rank] = offsets[row + row_counts[rank]] - offsets[row];
    row += row_counts[rank];
  }
  return counts;
}

std::vector<std::uint64_t> scaled(std::span<const std::uint64_t> counts, std::uint64_t width) {
  std::vector<std::uint64_t> result(counts.begin(), counts.end());
  for (std::uint64_t& count : result) count *= width;
  return result;
}

}  // namespace detail

HomeExchange::HomeExchange(const comm::Communicator& comm, std::span<const std::int32_t> parts)
    : home_rows_(parts.size()), owner_counts_(static_cast<std::size_t>(comm.size())) {
  for (const std::int32_t part : parts) {
    ROVE_ASSERT_LIGHT(part >= 0 && part < comm.size());
    ++owner_counts_[static_cast<std::size_t>(part)];
  }
  std::vector<std::uint64_t> next = detail::offsets_from_lengths(owner_counts_);
  for (std::size_t row = 0; row < parts.size(); ++row) {
    home_rows_[next[static_cast<std::size_t>(parts[row])]++] = checked_cast<std::uint32_t>(row, "row of a home block");
  }
  home_counts_ = comm.all_to_all<std::uint64_t>(owner_counts_);
  for (const std::uint64_t count : home_counts_) num_owned_rows_ += count;
}

std::vector<std::uint64_t> HomeExchange::permuted_lengths(std::span<const std::uint64_t> offsets) const {
  std::vector<std::uint64_t> lengths(home_rows_.size());
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    lengths[i] = offsets[home_rows_[i] + 1U] - offsets[home_rows_[i]];
  }
  return lengths;
}

NeighborLists HomeExchange::to_home(const comm::Communicator& comm, const NeighborLists& owned) const {
  auto targets = to_home<std::uint64_t>(comm, owned.offsets, owned.targets);
  auto scores = to_home<float>(comm, owned.offsets, owned.scores);
  return {std::move(targets.offsets), std::move(targets.values), std::move(scores.values)};
}

NeighborLists HomeExchange::to_owners(const comm::Communicator& comm, const NeighborLists& home) const {
  auto targets = to_owners<std::uint64_t>(comm, home.offsets, home.targets);
  auto scores = to_owners<float>(comm, home.offsets, home.scores);
  return {std::move(targets.offsets), std::move(targets.values), std::move(scores.values)};
}

AdjacencyBlock HomeExchange::to_owners(const comm::Communicator& comm, const AdjacencyBlock& home) const {
  auto targets = to_owners<std::uint32_t>(comm, home.offsets, home.targets);
  AdjacencyBlock owned;
  owned.offsets = std::move(targets.offsets);
  owned.targets = std::move(targets.values);
  // A rank whose block has no edge has empty arrays anyway: all ranks must take part in each attribute's exchange.
  const std::uint32_t present =
      comm.all_reduce(std::uint32_t{home.weights.empty() ? 0U : 1U} | std::uint32_t{home.times.empty() ? 0U : 2U} |
                          std::uint32_t{home.relations.empty() ? 0U : 4U},
                      comm::ReduceOp::kBitOr);
  if ((present & 1U) != 0) owned.weights = to_owners<float>(comm, home.offsets, home.weights).values;
  if ((present & 2U) != 0) owned.times = to_owners<std::int64_t>(comm, home.offsets, home.times).values;
  if ((present & 4U) != 0) owned.relations = to_owners<std::uint32_t>(comm, home.offsets, home.relations).values;
  return owned;
}

}  // namespace rove::graph
