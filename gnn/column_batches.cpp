// SPDX-License-Identifier: Apache-2.0
#include "gnn/column_batches.hpp"

#include <algorithm>

#include "engine/parallel/parallel.hpp"
#include "gnn/batch_training.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kColumnBatchesGrain = 512;

/// An active row on its way to every rank.
struct SharedRow {
  std::uint32_t place = 0;
  std::uint32_t uses = 0;
};

/// One batch from every rank's part of it.
ColumnBatch united(const comm::Communicator& comm, const std::vector<std::span<const SharedRow>>& parts) {
  ColumnBatch batch;
  batch.owner_offsets = {0};
  std::vector<std::uint64_t> keys;  // local id, then the place among all parts
  std::vector<std::uint32_t> uses;
  for (const std::span<const SharedRow> part : parts) {
    for (const SharedRow& row : part) {
      keys.push_back(std::uint64_t{row.place} << 32U | keys.size());
      uses.push_back(row.uses);
    }
    batch.owner_offsets.push_back(keys.size());
  }
  batch.num_own = parts[comm.rank().index()].size();
  std::ranges::sort(keys);
  batch.active.resize(keys.size());
  batch.uses.resize(keys.size());
  batch.owner_places.resize(keys.size());
  for (std::uint32_t place = 0; place < keys.size(); ++place) {
    const auto from = static_cast<std::uint32_t>(keys[place]);
    batch.active[place] = static_cast<std::uint32_t>(keys[place] >> 32U);
    batch.uses[place] = uses[from];
    batch.owner_places[from] = place;
  }
  return batch;
}

}  // namespace

std::vector<ColumnBatch> gather_columns(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                        const ColumnLayout& layout, std::span<const Batch* const> batches) {
  std::vector<std::uint64_t> counts;
  std::vector<SharedRow> mine;
  for (const Batch* batch : batches) {
    counts.push_back(batch->active.size());
    for (std::size_t i = 0; i < batch->active.size(); ++i) {
      const StableVertexId stable = graph.index_map().stable_of(LocalVertexId{batch->active[i]});
      mine.push_back({layout.place_of(stable), batch->uses[i]});
    }
  }
  const auto all_counts = comm.all_gather_v<std::uint64_t>(counts);
  const auto rows = comm.all_gather_v<SharedRow>(mine);
  std::vector<std::vector<std::span<const SharedRow>>> parts(batches.size());
  for (Rank r{0}; r.value() < comm.size(); ++r) {
    std::span<const SharedRow> rest = rows.from(r);
    for (std::size_t b = 0; b < batches.size(); ++b) {
      const std::uint64_t count = all_counts.from(r)[b];
      parts[b].push_back(rest.first(count));
      rest = rest.subspan(count);
    }
  }
  std::vector<ColumnBatch> result(batches.size());
  parallel::for_each({0, result.size()}, 1, [&](std::uint64_t b) { result[b] = united(comm, parts[b]); });
  return result;
}

std::vector<std::uint64_t> ColumnExchange::column_offsets(const ColumnBatch& batch) const {
  std::vector<std::uint64_t> offsets = batch.owner_offsets;
  for (std::uint64_t& offset : offsets) offset *= layout_.width();
  return offsets;
}

std::vector<std::uint64_t> ColumnExchange::row_offsets(const ColumnBatch& batch) const {
  std::vector<std::uint64_t> offsets;
  for (Rank r{0}; r.value() < comm_.size(); ++r) offsets.push_back(batch.num_own * layout_.columns(r).begin);
  offsets.push_back(batch.num_own * layout_.whole_width());
  return offsets;
}

void ColumnExchange::to_rows(const ColumnBatch& batch, const float* columns, float* rows) {
  const std::uint64_t width = layout_.width();
  const std::uint64_t whole = layout_.whole_width();
  if (comm_.size() == 1) {
    parallel::for_each({0, batch.owner_places.size()}, kColumnBatchesGrain, [&](std::uint64_t i) {
      std::copy_n(columns + batch.owner_places[i] * width, width, rows + i * width);
    });
    return;
  }
  grow(outgoing_, batch.active.size() * width);
  grow(incoming_, batch.num_own * whole);
  parallel::for_each({0, batch.owner_places.size()}, kColumnBatchesGrain, [&](std::uint64_t i) {
    std::copy_n(columns + batch.owner_places[i] * width, width, outgoing_.data() + i * width);
  });
  comm_.start_exchange<float>(outgoing_.span(), column_offsets(batch), incoming_.span(), row_offsets(batch)).wait();
  for (Rank r{0}; r.value() < comm_.size(); ++r) {
    const IndexRange theirs = layout_.columns(r);
    const float* const part = incoming_.data() + batch.num_own * theirs.begin;
    parallel::for_each({0, batch.num_own}, kColumnBatchesGrain, [&](std::uint64_t i) {
      std::copy_n(part + i * theirs.size(), theirs.size(), rows + i * whole + theirs.begin);
    });
  }
}

void ColumnExchange::to_columns(const ColumnBatch& batch, const float* rows, float* columns) {
  const std::uint64_t width = layout_.width();
  const std::uint64_t whole = layout_.whole_width();
  if (comm_.size() == 1) {
    parallel::for_each({0, batch.owner_places.size()}, kColumnBatchesGrain, [&](std::uint64_t i) {
      std::copy_n(rows + i * width, width, columns + batch.owner_places[i] * width);
    });
    return;
  }
  grow(outgoing_, batch.num_own * whole);
  grow(incoming_, batch.active.size() * width);
  for (Rank r{0}; r.value() < comm_.size(); ++r) {
    const IndexRange theirs = layout_.columns(r);
    float* const part = outgoing_.data() + batch.num_own * theirs.begin;
    parallel::for_each({0, batch.num_own}, kColumnBatchesGrain, [&](std::uint64_t i) {
      std::copy_n(rows + i * whole + theirs.begin, theirs.size(), part + i * theirs.size());
    });
  }
  comm_.start_exchange<float>(outgoing_.span(), row_offsets(batch), incoming_.span(), column_offsets(batch)).wait();
  parallel::for_each({0, batch.owner_places.size()}, kColumnBatchesGrain, [&](std::uint64_t i) {
    std::copy_n(incoming_.data() + i * width, width, columns + batch.owner_places[i] * width);
  });
}

}  // namespace rove::gnn
