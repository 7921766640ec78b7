// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "algorithms/ppr/ppr.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/ids/id_index.hpp"
#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

/// The types of `ppr.targets`, as listed. Throws `ConfigError` when there is none, or one twice.
[[nodiscard]] std::vector<VertexTypeId> ppr_target_types(const Session& session);
/// The type that a key names, or the one of `ppr.targets` where it is not set. Throws `ConfigError` where that is not
/// one.
[[nodiscard]] VertexTypeId type_or_target(const Session& session, const std::string& key);

/// **Collective.** Rows of the ids in `ppr.source_list`, ascending, the same on all ranks; nothing when it is not set.
/// Throws `InputError` with the line of the first id that the graph does not have.
[[nodiscard]] std::optional<std::vector<std::uint64_t>> listed_sources(Session& session);

/// The sets of `ppr.seed_sets` in my home block of them, and their names. Seeds that the graph does not have are left
/// out and counted in a warning; a set without any is cold.
struct NamedSeedSets {
  io::NodeRows names;  ///< type "seed_set"
  std::vector<io::KeyOverride> overrides;
  algorithms::SeedSets sets;
  std::uint64_t count = 0;  ///< on all ranks
};
/// **Collective.** Finds sets by name, which must outlive it.
[[nodiscard]] io::IdIndex id_index(const comm::Communicator& comm, const NamedSeedSets& sets);
/// **Collective.**
[[nodiscard]] NamedSeedSets read_seed_sets(Session& session);
/// How many sets `ppr.seed_sets` may hold: one for each line of its files, which this reads. 0: it is not set.
[[nodiscard]] std::uint64_t most_seed_sets(const Config& config);

}  // namespace rove::jobs
