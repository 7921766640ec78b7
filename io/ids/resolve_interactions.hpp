// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/progress.hpp"
#include "engine/comm/communicator.hpp"
#include "io/ids/id_index.hpp"
#include "io/import/import_options.hpp"

namespace rove::io {

/// Interactions of my home block of the source type, such as held-out test items per user.
struct ResolvedInteractions {
  std::vector<std::uint64_t> offsets{0};  ///< rows of my home block + 1
  std::vector<std::uint32_t> targets;     ///< rows within the target type, ascending and distinct per source
  // The same on all ranks:
  std::uint64_t rows_read = 0;        ///< interactions in the files
  std::uint64_t kept = 0;             ///< distinct interactions between known vertices
  std::uint64_t duplicates = 0;       ///< rows that repeat one, dropped
  std::uint64_t unknown_sources = 0;  ///< rows whose source the graph does not have, dropped
  std::uint64_t unknown_targets = 0;  ///< rows whose target alone the graph does not have, dropped
};

/// **Collective.** Reads interactions between vertices of an existing graph. Formats and errors as `import_graph`;
/// weights, times and relations are not read.
[[nodiscard]] ResolvedInteractions resolve_interactions(const comm::Communicator& comm, const TextLayout& layout,
                                                        const IdIndex& sources, const IdIndex& targets,
                                                        ProgressSink& progress = no_progress());

/// Throws what `resolve_interactions` would for files that are not there and headers that are wrong, from their first
/// lines. Not collective.
void check_headers(const TextLayout& layout);

}  // namespace rove::io
