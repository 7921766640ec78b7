// SPDX-License-Identifier: Apache-2.0
#include "algorithms/walks/walk_corpus.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "algorithms/walks/detail/batches.hpp"
#include "engine/base/error.hpp"
#include "engine/exec/walk_transport.hpp"

namespace rove::algorithms {

namespace {

constexpr std::size_t kMaxMixedLinks = 16;

}  // namespace

namespace detail {

std::vector<VertexTypeId> source_types(const graph::Schema& schema, const WalkCorpusOptions& options) {
  if (!options.sources.empty()) return options.sources;
  std::vector<VertexTypeId> types;
  for (std::size_t t = 0; t < schema.vertex_types().size(); ++t) types.emplace_back(static_cast<std::uint16_t>(t));
  return types;
}

void for_batches(const comm::Communicator& comm, const graph::Schema& schema, const WalkCorpusOptions& options,
                 std::uint64_t bytes_per_walk, const std::function<void(const SourceBatch&)>& work) {
  const std::uint64_t budget = comm.all_reduce(options.batch_bytes, comm::ReduceOp::kMin);
  const std::uint64_t bytes_per_source = bytes_per_walk * options.walks;
  if (budget < bytes_per_source) {
    throw DoesNotFitError(
        fmt::format("the {} walks of {} moves from one source take up to {}, and a batch of walks may have {}; raise "
                    "resources.memory or lower the walks per source (walk.walks, sample.random_walks)",
                    options.walks, options.length, format_bytes(bytes_per_source), format_bytes(budget)));
  }
  // Numbers of a batch's walks and rows fit 32 bits.
  const std::uint64_t sources = std::min<std::uint64_t>(budget / bytes_per_source, (1ULL << 31U) / options.walks);
  if (comm.is_root()) options.progress->begin("walk", num_walks(schema, options), "walks");
  std::uint64_t done = 0;
  for (const VertexTypeId type : source_types(schema, options)) {
    const std::uint64_t count = schema.vertex_type(type).count;
    for (std::uint64_t row = 0; row < count; row += sources) {
      const IndexRange rows{row, std::min(count, row + sources)};
      work({type, rows});
      done += rows.size() * options.walks;
      if (comm.is_root()) options.progress->update(done, "");
      comm.stop_if_asked("walk stopped on request");
    }
  }
  if (comm.is_root()) options.progress->end("");
}

WalkCorpusReport over_all_ranks(const comm::Communicator& comm, WalkCorpusReport report) {
  std::uint64_t sums[] = {report.moves, report.remote_moves, report.bytes_sent, report.ended_early};
  comm.all_reduce(std::span<std::uint64_t>(sums), comm::ReduceOp::kSum);
  report.moves = sums[0];
  report.remote_moves = sums[1];
  report.bytes_sent = sums[2];
  report.ended_early = sums[3];
  report.largest_batch_bytes = comm.all_reduce(report.largest_batch_bytes, comm::ReduceOp::kMax);
  return report;
}

}  // namespace detail

void check_walk_options(const graph::Schema& schema, const WalkCorpusOptions& options) {
  using exec::SlotSampling;
  require_config(options.walks >= 1 && options.walks <= (1U << 24U),
                 fmt::format("walk.walks is {}, expected 1 to 2^24", options.walks));
  require_config(options.length >= 1 && options.length <= (1U << 20U),
                 fmt::format("walk.length is {}, expected 1 to 2^20", options.length));
  require_config(options.restart >= 0.0 && options.restart < 1.0,
                 fmt::format("walk.restart is {}, expected at least 0 and below 1", options.restart));
  for (const VertexTypeId type : options.sources) {
    require_config(type.index() < schema.vertex_types().size(),
                   fmt::format("walk.sources names type {} of {}", type.value(), schema.vertex_types().size()));
  }
  for (const double factor : {options.p, options.q}) {
    require_config(factor >= 1e-3 && factor <= 1e3,
                   fmt::format("walk.p and walk.q are {} and {}, expected 0.001 to 1000", options.p, options.q));
  }
  require_config(options.mixture.empty() || options.mixture.size() == options.links.size(),
                 fmt::format("walk.mixture has {} coefficients for {} links in walk.path", options.mixture.size(),
                             options.links.size()));
  require_config(
      options.mixture.size() <= kMaxMixedLinks,
      fmt::format("walk.mixture has {} coefficients, at most {} are possible", options.mixture.size(), kMaxMixedLinks));
  for (const double coefficient : options.mixture) {
    require_config(coefficient > 0.0 && std::isfinite(coefficient),
                   fmt::format("walk.mixture holds {}, expected coefficients above 0", coefficient));
  }
  require_config(
      !options.by_time ||
          (!options.second_order && options.links.empty() && options.sampling == SlotSampling::kUniform),
      "walk.kind temporal goes with neither walk.weights nor walk.path: choose uniform, node2vec or meta-path walks, "
      "or leave those out");
  require_config(!options.second_order || options.sampling != SlotSampling::kRejection,
                 "walk.kind node2vec with walk.weights rejection: choose alias or inverse");
  require_config(!options.restart_per_traversal || (!options.links.empty() && options.mixture.empty()),
                 "a coin per traversal needs a meta-path");
  require_config(!options.second_order || options.mixture.empty(), "walk.kind node2vec does not go with walk.mixture");
  require_config(!options.second_order || options.links.empty() || options.sampling == SlotSampling::kUniform,
                 "walk.kind node2vec on a walk.path does not use weights: leave out walk.weights");
  require_config(
      options.links.empty() || options.sampling == SlotSampling::kUniform || options.sampling == SlotSampling::kAlias,
      "walk.path with weights needs walk.weights alias");
  const bool selects = options.edges.direction != exec::Direction::kBoth || !options.edges.types.empty();
  require_config(
      !selects || options.links.empty(),
      "walk.edges and walk.direction go with neither walk.path nor walk.mixture, which name what walks take");
  require_config(options.edges.direction == exec::Direction::kBoth || !options.second_order,
                 "walk.kind node2vec goes both ways: leave out walk.direction");
  require_config(schema.num_vertices() < kNoWalkVertex,
                 fmt::format("{} vertices, more than the 2^32 - 2 that walks can name", schema.num_vertices()));
}

std::uint64_t num_walks(const graph::Schema& schema, const WalkCorpusOptions& options) {
  std::uint64_t sources = 0;
  for (const VertexTypeId type : detail::source_types(schema, options)) sources += schema.vertex_type(type).count;
  return sources * options.walks;
}

exec::WalkGraphOptions walk_graph_options(const WalkCorpusOptions& options) {
  return {options.links, options.sampling, options.by_time, options.second_order,
          options.second_order && options.links.empty() && options.p < options.q};
}

std::uint64_t replicated_bytes_per_walk(const WalkCorpusOptions& options) {
  return sizeof(std::uint32_t) * (std::uint64_t{options.length} + 1) + sizeof(VertexKey);
}

std::uint64_t partitioned_bytes_per_walk(const WalkCorpusOptions& options) {
  // A visit is recorded (in a list that may be growing: three times), sent and received, 12 bytes each.
  const std::uint64_t per_visit = sizeof(std::uint32_t) + std::uint64_t{5} * 12;
  return per_visit * (std::uint64_t{options.length} + 1) + 4 * sizeof(exec::SecondOrderWalker) + 4 * sizeof(VertexKey);
}

}  // namespace rove::algorithms
