// SPDX-License-Identifier: Apache-2.0
#include "algorithms/ppr/stored_fingerprints.hpp"

#include <memory>
#include <vector>

#include "algorithms/detail/slices.hpp"
#include "algorithms/ppr/detail/candidates.hpp"
#include "algorithms/ppr/detail/fingerprints.hpp"
#include "engine/exec/visit_counter.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms {
namespace {

constexpr std::uint64_t kStoredFingerprintsGrain = 64;

std::uint64_t lost_walks(const MaintainedWalks& walks, std::uint64_t source) {
  const std::span<const std::uint32_t> visits = walks.visits_of(source);
  std::uint64_t lost = 0;
  for (std::uint32_t walk = 0; walk < walks.walks; ++walk) {
    lost += visits[walks.ends[source * walks.walks + walk] - 1] == kNoVertex ? 1U : 0U;
  }
  return lost;
}

}  // namespace

FingerprintIndex count_stored_walks(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                    std::span<const MaintainedWalks> walks, const FingerprintIndexOptions& options) {
  FingerprintIndex index;
  index.types = options.types;
  index.targets = options.targets;
  const IndexRange targets = blocks.schema.stable_range(options.targets.front());
  parallel::PerThread<std::unique_ptr<exec::VisitCounter>> counters;
  for (std::size_t t = 0; t < options.types.size(); ++t) {
    const graph::BlockDistribution rows = blocks.distribution(options.types[t], comm.size());
    const IndexRange block = rows.block(comm.rank());
    FingerprintTable& table = index.tables.emplace_back(1).front();
    detail::for_slices(
        comm, block, rows.largest_block(), "ppr: counting walks", *options.progress, [&](IndexRange slice) {
          std::vector<Fingerprint> fingerprints(slice.size());
          parallel::for_each(slice, kStoredFingerprintsGrain, [&](std::uint64_t row) {
            std::unique_ptr<exec::VisitCounter>& counter = counters.local();
            if (!counter) counter = std::make_unique<exec::VisitCounter>(targets);
            const std::span<const std::uint32_t> visits = walks[t].visits_of(row - block.begin);
            counter->add(visits.data(), visits.size());
            const auto first = static_cast<std::uint32_t>(targets.begin);
            std::vector<exec::VisitCounter::Entry> kept;
            fingerprints[row - slice.begin] =
                detail::make_fingerprint(detail::keep_candidates(counter->entries(), options.candidates, first, kept),
                                         first, lost_walks(walks[t], row - block.begin), options.entries);
            counter->clear();
          });
          for (const Fingerprint& fingerprint : fingerprints) table.append(fingerprint);
        });
  }
  return index;
}

}  // namespace rove::algorithms
