// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/graph/redistribute.hpp"
#include "io/ids/id_index.hpp"
#include "io/import/import_options.hpp"
#include "jobs/config/config.hpp"
#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

/// What `ppr.exclude_targets`, `ppr.allow_targets` and `ppr.exclude_pairs` leave out of the lists.
struct PprExclusions {
  std::optional<VertexTypeId> type;        ///< of the listed targets; nothing: no list is set
  std::vector<std::uint8_t> candidates;    ///< as in `algorithms::PprOptions`
  graph::RaggedRows<std::uint32_t> pairs;  ///< by the rows of my home block of the sources
};

/// How the files of `ppr.exclude_pairs` are laid out; no files when it is not set.
[[nodiscard]] io::TextLayout excluded_pairs_layout(const Config& config);

/// **Collective.** `sources`: of the vertices, or of the seed sets. Ids that the graph does not have are counted in a
/// warning. Throws `InputError` with file and line for lines that are no id or no pair, and when nothing is allowed.
[[nodiscard]] PprExclusions read_exclusions(Session& session, const io::IdIndex& sources);

}  // namespace rove::jobs
