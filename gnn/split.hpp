// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "engine/comm/communicator.hpp"
#include "engine/graph/graph_blocks.hpp"
#include "engine/graph/redistribute.hpp"

namespace rove::gnn {

enum class SplitMethod : std::uint8_t {
  kNone,         ///< nothing is held out
  kRatio,        ///< a share of every user's items, at random
  kLeaveOneOut,  ///< every user's last item by time (at random without times) for test, the one before for validation
  kTime,         ///< what happened last in the whole log
};

struct SplitOptions {
  SplitMethod method = SplitMethod::kNone;
  double test = 0.1;        ///< share of the interactions; leave-one-out: whether there is a test part (not 0)
  double validation = 0.1;  ///< the same
  /// kTime: where the parts begin, instead of shares; validation takes the times before `test_from`.
  std::optional<std::int64_t> test_from;
  std::optional<std::int64_t> validation_from;
  std::uint64_t seed = 42;
};

/// Held-out item rows of the users of my home block: ascending, distinct.
using HeldOutItems = graph::RaggedRows<std::uint32_t>;

struct InteractionSplit {
  HeldOutItems validation;
  HeldOutItems test;
  // The same on all ranks:
  std::uint64_t training_edges = 0;
  std::uint64_t validation_pairs = 0;
  std::uint64_t test_pairs = 0;
  /// Edges of pairs that are in an earlier part already: repeats of a known pair after the cut (kTime). Neither
  /// trained on nor asked for.
  std::uint64_t repeats = 0;
};

/// **Collective.** Takes the held-out interactions out of the graph, so that whatever is computed on `blocks` from here
/// on cannot have seen them; vertices stay. A pair of user and item is in exactly one part, however many edges it has.
///
/// Draws are keyed by the edge (`edge_key` of the two vertex keys): the split does not depend on ranks, and a night
/// with more interactions draws the same numbers for the old ones. Users keep an item for training before any is held
/// out, and have one for test before one for validation: shares are rounded down, but not to 0. Under kTime edges of
/// one time are in one part, and a part has at most its share.
///
/// Throws `ConfigError` for shares outside [0, 1) or adding up to 1 or more, for kTime without times, and when a part
/// asked for comes out empty; `InputError` when users and items are one type.
[[nodiscard]] InteractionSplit split_interactions(const comm::Communicator& comm, graph::GraphBlocks& blocks,
                                                  EdgeTypeId type, const SplitOptions& options);

}  // namespace rove::gnn
