// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "algorithms/ppr/ppr.hpp"
#include "algorithms/walks/pixie.hpp"

namespace rove::algorithms::detail {

/// Throws `ConfigError` for what is out of range or not in the graph; returns the options with a concrete method, and
/// with a `top_k` of as many targets as there are at most.
[[nodiscard]] PprOptions checked_options(const graph::Schema& schema, const PprOptions& options);

/// Throws `ConfigError` when walks with these options are out of range; `section` is what messages call them.
void require_walk_options(const std::string& section, double restart, std::uint32_t walks, std::uint32_t entries);

/// Throws `ConfigError` when no selected edge has weights.
void require_weights(const graph::Schema& schema, const exec::EdgeSelection& edges);

/// Types of the vertices that sources have in their slots: whose fingerprints the item index holds. In schema order.
[[nodiscard]] std::vector<VertexTypeId> index_types(const graph::Schema& schema, const PprOptions& options);

/// Refers to the features of `options`.
[[nodiscard]] PixieOptions pixie_options(const PprOptions& options);

/// Whether lists come of flow over fingerprints (`IndexQuery`): kVerd, and by weight what is a mean over a source's
/// slots else.
[[nodiscard]] bool by_decomposition(const PprOptions& options);
struct Decomposition {
  std::uint32_t walks = 0;  ///< behind every fingerprint
  std::uint32_t hops = 0;
  double threshold = 0.0;
};
[[nodiscard]] Decomposition decomposition(const PprOptions& options);

/// Sources over all ranks.
[[nodiscard]] std::uint64_t num_sources(const graph::Schema& schema, const PprOptions& options);
[[nodiscard]] bool is_source(const PprOptions& options, std::uint64_t row);

}  // namespace rove::algorithms::detail
