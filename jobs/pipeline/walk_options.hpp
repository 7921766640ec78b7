// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "algorithms/ppr/fingerprint_index.hpp"
#include "algorithms/ppr/ppr.hpp"
#include "algorithms/walks/walk_corpus.hpp"
#include "jobs/pipeline/session.hpp"

/// `ppr`, `index` and `walk` as the options of the algorithms. All throw `ConfigError` naming the key.
namespace rove::jobs {

/// The edges that walks move along, as files state them: "all, both", "likes rates, out"; relations in order of name.
[[nodiscard]] std::string ppr_edges_text(const Session& session);
/// The same of walks.
[[nodiscard]] std::string walk_edges_text(const Session& session);
/// With the first type of `ppr.targets`; without sources where `ppr.seed_sets` takes their place.
[[nodiscard]] algorithms::PprOptions ppr_options(Session& session);
[[nodiscard]] algorithms::FingerprintIndexOptions index_options(Session& session);
[[nodiscard]] algorithms::WalkCorpusOptions walk_options(Session& session);
/// Memory for a batch of a corpus's walks: a quarter of a rank's, at most 1 GiB.
[[nodiscard]] std::uint64_t walk_batch_bytes(const MemoryLimit& memory);

}  // namespace rove::jobs
