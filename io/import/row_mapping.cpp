// SPDX-License-Identifier: Apache-2.0
#include "io/import/row_mapping.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "engine/parallel/parallel.hpp"
#include "io/ids/id_index.hpp"
#include "io/import/vertex_numbering.hpp"

namespace rove::io {
namespace {

/// **Collective.** The overrides whose vertices remain, the same on all ranks. Few.
void drop_overrides(const comm::Communicator& comm, ImportedGraph& graph, VertexTypeId type) {
  std::vector<std::uint32_t> present(graph.overrides.size());
  for (std::size_t i = 0; i < present.size(); ++i) {
    const KeyOverride& entry = graph.overrides[i];
    present[i] = entry.type != type || std::ranges::binary_search(graph.blocks.keys[type.index()], entry.key) ? 1 : 0;
  }
  comm.all_reduce(std::span(present), comm::ReduceOp::kMax);
  std::vector<KeyOverride> kept;
  for (std::size_t i = 0; i < present.size(); ++i) {
    if (present[i] != 0) kept.push_back(std::move(graph.overrides[i]));
  }
  graph.overrides = std::move(kept);
}

}  // namespace

std::vector<std::uint64_t> look_up_rows(const comm::Communicator& comm, const graph::BlockDistribution& homes,
                                        std::span<const std::uint64_t> values, std::span<const std::uint32_t> wanted) {
  constexpr std::uint64_t kGrain = std::uint64_t{1} << 14U;
  std::vector<std::uint64_t> found(wanted.size());
  if (comm.size() == 1) {
    parallel::for_each({0, wanted.size()}, kGrain, [&](std::uint64_t i) { found[i] = values[wanted[i]]; });
    return found;
  }
  std::vector<std::uint32_t> distinct(wanted.begin(), wanted.end());
  parallel::sort(std::span(distinct), [](std::uint32_t a, std::uint32_t b) { return a < b; });
  distinct.erase(std::ranges::unique(distinct).begin(), distinct.end());
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
  for (const std::uint32_t row : distinct) ++counts[homes.home_of(row).index()];
  const auto asked = comm.exchange<std::uint32_t>(std::span<const std::uint32_t>(distinct), counts);
  const std::uint64_t first = homes.block(comm.rank()).begin;
  std::vector<std::uint64_t> answers(asked.data.size());
  for (std::size_t i = 0; i < answers.size(); ++i) answers[i] = values[asked.data[i] - first];
  std::vector<std::uint64_t> answer_counts(counts.size());
  for (std::size_t r = 0; r < answer_counts.size(); ++r) answer_counts[r] = asked.offsets[r + 1] - asked.offsets[r];
  const auto answered = comm.exchange<std::uint64_t>(std::span<const std::uint64_t>(answers), answer_counts);
  parallel::for_each({0, wanted.size()}, kGrain, [&](std::uint64_t i) {
    const auto at = std::ranges::lower_bound(distinct, wanted[i]) - distinct.begin();
    found[i] = answered.data[static_cast<std::size_t>(at)];
  });
  return found;
}

ShrunkType shrink_type(const comm::Communicator& comm, ImportedGraph& graph, VertexTypeId type,
                       std::span<const std::uint8_t> keep) {
  std::vector<VertexKey>& keys = graph.blocks.keys[type.index()];
  std::vector<std::uint64_t> kept;
  for (std::uint64_t row = 0; row < keep.size(); ++row) {
    if (keep[row] != 0) kept.push_back(row);
  }
  ShrunkType result;
  result.count = comm.all_reduce(std::uint64_t{kept.size()}, comm::ReduceOp::kSum);
  const std::uint64_t first = comm.exclusive_scan(kept.size());
  result.new_rows.assign(keep.size(), kUnknownRow);
  const graph::BlockDistribution homes(result.count, comm.size());
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
  std::vector<VertexKey> kept_keys;
  for (std::uint64_t i = 0; i < kept.size(); ++i) {
    result.new_rows[kept[i]] = first + i;
    ++counts[homes.home_of(first + i).index()];
    kept_keys.push_back(keys[kept[i]]);
  }
  keys = comm.exchange<VertexKey>(std::span<const VertexKey>(kept_keys), counts).data;
  graph.ids[type.index()] = exchange_texts(comm, graph.ids[type.index()], kept, counts);
  for (FeatureBlock& features : graph.features[type.index()]) {
    std::vector<float> values;
    for (const std::uint64_t row : kept) {
      const auto begin = features.values.begin() + static_cast<std::ptrdiff_t>(row * features.width);
      values.insert(values.end(), begin, begin + static_cast<std::ptrdiff_t>(features.width));
    }
    std::vector<std::uint64_t> value_counts(counts);
    for (std::uint64_t& count : value_counts) count *= features.width;
    features.values = comm.exchange<float>(std::span<const float>(values), value_counts).data;
  }
  drop_overrides(comm, graph, type);
  return result;
}

std::string id_of_row(const comm::Communicator& comm, const IdBlock& ids, const graph::BlockDistribution& homes,
                      std::uint64_t row) {
  const IndexRange mine = homes.block(comm.rank());
  return comm.broadcast_text(mine.contains(row) ? std::string(ids[row - mine.begin]) : std::string(),
                             homes.home_of(row));
}

EdgeColumns columns_of(const graph::EdgeType& type) {
  return {type.has_weights, type.has_times, !type.relations.empty(), false};
}

}  // namespace rove::io
