// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "algorithms/ppr/ppr.hpp"
#include "algorithms/walks/pixie.hpp"

namespace rove::algorithms::detail {

/// Visits of one source must fit 32-bit counts with a wide margin.
inline constexpr double kMaxVisits = 0x1.0p30;

/// Throws `ConfigError` for what is out of range or not in the graph; returns the options with a concrete method.
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

/// **Collective.** Calls `work(rows)` for consecutive slices of my block, as many slices on every rank. Between two
/// slices errors are agreed on, a stop request ends all ranks with `Interrupted`, and rank 0 reports progress.
void for_slices(const comm::Communicator& comm, IndexRange block, std::uint64_t largest_block, const std::string& stage,
                ProgressSink& progress, const std::function<void(IndexRange)>& work);

}  // namespace rove::algorithms::detail
