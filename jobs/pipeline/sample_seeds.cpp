// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/sample_seeds.hpp"

#include <algorithm>
#include <limits>

#include "engine/base/hash.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::jobs {
namespace {

/// Keeps the order of sampled seeds apart from that of training batches.
constexpr std::uint64_t kOrderTag = 0x53616D706C650000U;

}  // namespace

EpochSeeds::EpochSeeds(const Session& session, const SampleOptions& options,
                       std::span<const algorithms::NegativeSampler> negatives, std::uint64_t epoch)
    : session_(session), options_(options), negatives_(negatives), epoch_(epoch) {
  const comm::Communicator& comm = session.comm();
  if (options.has_edge_seeds()) {
    edges_ = algorithms::sample_balanced_edges(comm, session.blocks(), options.balanced, epoch);
    num_batches_ = edges_.num_batches;
    mine_ = {edges_.first_batch, edges_.first_batch + edges_.batch_offsets.size() - 1};
    if (options.fanout.temporal != algorithms::TemporalRule::kNone) {
      times_ = algorithms::edge_times(comm, session.blocks(), options.balanced.types, edges_.edges);
      // What is seen is earlier than the edge to predict, which would otherwise see itself.
      for (std::int64_t& time : times_) time = std::max(time, std::numeric_limits<std::int64_t>::min() + 1) - 1;
    }
    if (options.max_batches > 0) {
      num_batches_ = std::min(num_batches_, options.max_batches);
      mine_.end = std::max(mine_.begin, std::min(mine_.end, num_batches_));
    }
    return;
  }
  const std::uint64_t rows = session.schema().vertex_type(options.seeds).count;
  num_batches_ = (rows + options.batch_size - 1) / options.batch_size;
  if (options.max_batches > 0) num_batches_ = std::min(num_batches_, options.max_batches);
  mine_ = graph::BlockDistribution(num_batches_, comm.size()).block(comm.rank());
  if (options.shuffle && rows > 0) {
    order_.emplace(session.seed(), Purpose::kBatchOrder, mix64(kOrderTag, epoch), rows);
  }
}

std::vector<algorithms::LinkBatch> EpochSeeds::batches(IndexRange range) const {
  std::vector<algorithms::LinkBatch> result(range.size());
  parallel::for_each({0, range.size()}, 1, [&](std::uint64_t i) {
    result[i] = options_.has_edge_seeds() ? edge_batch(range.begin + i) : vertex_batch(range.begin + i);
  });
  return result;
}

algorithms::LinkBatch EpochSeeds::edge_batch(std::uint64_t i) const {
  const std::uint64_t begin = edges_.batch_offsets[i];
  const std::uint64_t count = edges_.batch_offsets[i + 1] - begin;
  return make_link_batch(session_.schema(), std::span(edges_.edges).subspan(begin, count),
                         times_.empty() ? std::span<const std::int64_t>{} : std::span(times_).subspan(begin, count),
                         epoch_, {options_.balanced.types, negatives_, options_.is_disjoint()});
}

algorithms::LinkBatch EpochSeeds::vertex_batch(std::uint64_t i) const {
  algorithms::LinkBatch batch;
  batch.rows.resize(session_.schema().vertex_types().size());
  const std::uint64_t rows = session_.schema().vertex_type(options_.seeds).count;
  const std::uint64_t begin = (mine_.begin + i) * options_.batch_size;
  for (std::uint64_t at = begin; at < std::min(rows, begin + options_.batch_size); ++at) {
    batch.rows[options_.seeds.index()].push_back(static_cast<std::uint32_t>(order_ ? order_->apply(at) : at));
  }
  if (options_.fanout.temporal != algorithms::TemporalRule::kNone) {
    batch.times.resize(batch.rows.size());
    batch.times[options_.seeds.index()].assign(batch.rows[options_.seeds.index()].size(), *options_.seed_time);
  }
  return batch;
}

}  // namespace rove::jobs
