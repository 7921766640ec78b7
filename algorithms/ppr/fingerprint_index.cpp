// SPDX-License-Identifier: Apache-2.0
#include "algorithms/ppr/fingerprint_index.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "algorithms/detail/slices.hpp"
#include "algorithms/ppr/counting_walker.hpp"
#include "algorithms/ppr/detail/candidates.hpp"
#include "algorithms/ppr/detail/fingerprints.hpp"
#include "algorithms/ppr/detail/ppr_policy.hpp"
#include "algorithms/ppr/detail/prepare.hpp"
#include "engine/base/error.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms {

namespace {

constexpr std::uint64_t kFingerprintIndexGrain = 32;

std::vector<VertexTypeId> all_or(const graph::Schema& schema, const std::vector<VertexTypeId>& named, const char* key) {
  std::vector<VertexTypeId> types = named;
  if (types.empty()) {
    for (std::size_t t = 0; t < schema.vertex_types().size(); ++t) types.emplace_back(static_cast<std::uint16_t>(t));
  }
  std::sort(types.begin(), types.end());
  if (std::adjacent_find(types.begin(), types.end()) != types.end()) {
    throw ConfigError(fmt::format("{} names a vertex type twice", key));
  }
  if (types.back().index() >= schema.vertex_types().size()) {
    throw ConfigError(fmt::format("{} must be among the graph's {} vertex types", key, schema.vertex_types().size()));
  }
  return types;
}

/// The smallest range that holds all targets: what one pass over the visits counts.
IndexRange counted_range(const graph::Schema& schema, const std::vector<VertexTypeId>& targets) {
  return {schema.stable_range(targets.front()).begin, schema.stable_range(targets.back()).end};
}

}  // namespace

FingerprintIndex build_fingerprint_index(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                         const exec::WalkGraph& walk_graph, const FingerprintIndexOptions& options,
                                         const std::string& stage) {
  const graph::Schema& schema = blocks.schema;
  detail::require_walk_options("index", options.restart, options.walks, options.entries);
  if (options.weighted) detail::require_weights(schema, options.edges);
  FingerprintIndex index;
  index.types = all_or(schema, options.types, "index.types");
  index.targets = all_or(schema, options.targets, "index.targets");
  const IndexRange counted = counted_range(schema, index.targets);
  const RandomStream random(options.seed, Purpose::kWalk);
  parallel::PerThread<std::unique_ptr<CountingWalker>> walkers;
  for (const VertexTypeId type : index.types) {
    const graph::BlockDistribution rows = blocks.distribution(type, comm.size());
    const IndexRange block = rows.block(comm.rank());
    std::vector<FingerprintTable>& tables = index.tables.emplace_back(index.targets.size());
    detail::for_slices(comm, block, rows.largest_block(), stage, *options.progress, [&](IndexRange slice) {
      std::vector<std::vector<Fingerprint>> fingerprints(slice.size());
      parallel::for_chunks(slice, kFingerprintIndexGrain, [&](IndexRange chunk) {
        std::unique_ptr<CountingWalker>& walker = walkers.local();
        if (!walker) walker = std::make_unique<CountingWalker>(counted);
        std::vector<CountingWalker::Source> sources;
        for (std::uint64_t row = chunk.begin; row < chunk.end; ++row) {
          sources.push_back({static_cast<std::uint32_t>(schema.stable_id(type, row).value()),
                             blocks.keys[type.index()][row - block.begin]});
        }
        const auto keep = [&](std::size_t source, std::uint64_t lost) {
          const std::span<const exec::VisitCounter::Entry> visited = walker->counter.entries();
          for (const VertexTypeId target : index.targets) {
            const IndexRange range = schema.stable_range(target);
            std::vector<exec::VisitCounter::Entry> of_target;
            std::span<const exec::VisitCounter::Entry> counts = visited;
            if (index.targets.size() > 1) {
              for (const auto& entry : visited) {
                if (range.contains(entry.vertex)) of_target.push_back(entry);
              }
              counts = of_target;
            } else {
              counts = detail::keep_candidates(visited, options.candidates, static_cast<std::uint32_t>(range.begin),
                                               of_target);
            }
            fingerprints[chunk.begin + source - slice.begin].push_back(
                detail::make_fingerprint(counts, static_cast<std::uint32_t>(range.begin), lost, options.entries));
          }
        };
        detail::with_ppr_policy(walk_graph, options.restart, options.seed, options.weighted, [&](const auto& policy) {
          walker->walk_from_each(walk_graph, policy, random, sources, options.walks, keep);
        });
      });
      for (const std::vector<Fingerprint>& of_row : fingerprints) {
        for (std::size_t t = 0; t < of_row.size(); ++t) tables[t].append(of_row[t]);
      }
    });
  }
  walkers.for_each([&](const auto& walker) { index.moves += walker ? walker->moves : 0; });
  index.moves = comm.all_reduce(index.moves, comm::ReduceOp::kSum);
  return index;
}

FingerprintIndex build_fingerprint_index(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                         const FingerprintIndexOptions& options) {
  return build_fingerprint_index(
      comm, blocks,
      exec::WalkGraph::replicated(comm, blocks, options.edges, detail::ppr_graph_options(options.weighted)), options,
      "index: walks");
}

FingerprintTable gather_fingerprints(const comm::Communicator& comm, const FingerprintTable& mine) {
  std::vector<std::uint32_t> lengths(mine.lost.size());
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    lengths[i] = static_cast<std::uint32_t>(mine.offsets[i + 1] - mine.offsets[i]);
  }
  FingerprintTable all;
  for (const std::uint32_t length : comm.all_gather_v<std::uint32_t>(lengths).data) {
    all.offsets.push_back(all.offsets.back() + length);
  }
  all.entries = comm.all_gather_v<exec::VisitCounter::Entry>(mine.entries).data;
  all.lost = comm.all_gather_v<std::uint32_t>(mine.lost).data;
  all.cut = comm.all_gather_v<std::uint32_t>(mine.cut).data;
  return all;
}

MemoryPlan plan_fingerprint_index(const graph::Schema& schema, std::int32_t num_ranks, std::uint32_t threads,
                                  const FingerprintIndexOptions& options) {
  const std::vector<VertexTypeId> types = all_or(schema, options.types, "index.types");
  const std::vector<VertexTypeId> targets = all_or(schema, options.targets, "index.targets");
  MemoryPlan plan("index");
  const MemoryPlan graph_plan =
      exec::WalkGraph::plan_replicated(schema, options.edges, detail::ppr_graph_options(options.weighted));
  for (const MemoryPlan::Item& item : graph_plan.items()) plan.hold(item.what, item.bytes);
  const std::uint64_t counted = counted_range(schema, targets).size();
  plan.hold("counts per thread", threads * std::min<std::uint64_t>(counted, exec::VisitCounter::kDenseLimit) * 16);
  std::uint64_t bytes = 0;
  for (const VertexTypeId type : types) {
    for (const VertexTypeId target : targets) {
      const std::uint64_t kept = std::min<std::uint64_t>(options.entries, schema.vertex_type(target).count);
      const std::uint64_t rows = graph::BlockDistribution(schema.vertex_type(type).count, num_ranks).largest_block();
      bytes += rows * (16 + sizeof(exec::VisitCounter::Entry) * kept);
    }
  }
  // Vectors that grow hold up to twice what is in them.
  plan.hold("fingerprints", 2 * bytes);
  return plan;
}

}  // namespace rove::algorithms
