// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "io/imported_graph.hpp"

namespace rove::io {

/// Where today's edges of one row stand when yesterday's slots are kept (docs/decisions/0130): edges of both days keep
/// their slot, edges of today alone are appended in the order given, and then each slot whose edge is gone, the highest
/// first, is filled by the last.
///
/// `match[s]`: today's edge in yesterday's slot s, or `kGoneEdge`; `num_edges`: today's, numbered from 0. Returns for
/// each of today's slots the edge in it. Example: yesterday a b c d, today a c d x y: appended a b c d x y, slot 1 is
/// filled by the last: a y c d x.
inline constexpr std::uint32_t kGoneEdge = 0xFFFFFFFFU;
[[nodiscard]] std::vector<std::uint32_t> kept_slots(std::span<const std::uint32_t> match, std::uint32_t num_edges);

/// **Collective.** Orders the slots of all adjacencies of `graph`, which lie in key order, by those of the graph
/// container `previous`, and counts into `graph.report`. Vertices are the same when their keys are, edges when type,
/// relation and both ends are, parallel ones one by one in order of time and weight. Rows are read from the file by the
/// rank that needs them, a few million slots at a time; nothing is gathered. The same slots at any number of ranks.
///
/// Throws `InputError` when the previous graph has other vertex types, or edge types that today's cannot be compared
/// with.
void keep_previous_slots(const comm::Communicator& comm, ImportedGraph& graph, const std::filesystem::path& previous);

}  // namespace rove::io
