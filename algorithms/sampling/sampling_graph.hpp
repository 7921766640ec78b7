// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/huge_buffer.hpp"
#include "engine/base/ids.hpp"
#include "engine/base/memory_plan.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/exec/edge_selection.hpp"
#include "engine/graph/graph_blocks.hpp"

namespace rove::algorithms {

/// An edge type as a sampler follows it. With `kIn` a destination draws among the sources of its in-edges (message
/// passing along the edges); with `kOut` a source draws among the destinations of its out-edges. `kBoth` is refused: it
/// is two links.
struct SampledLink {
  EdgeTypeId type;
  exec::Direction direction = exec::Direction::kIn;
  friend bool operator==(const SampledLink&, const SampledLink&) = default;
};

/// What samplers read beside the slots; a link whose edge type lacks an attribute goes without it.
struct SamplingAttributes {
  bool weights = false;        ///< per slot (draws without replacement, normalised aggregation)
  bool cumulative = false;     ///< per slot: the weights' sums within the row (draws with replacement)
  bool times = false;          ///< per slot, and slots of a row in order of (time, slot)
  bool neighbor_keys = false;  ///< keys of neighbours' types too, not of anchors' only
};

/// The whole graph as neighbour samplers read it, on every rank: per link one adjacency, so that a vertex costs two
/// cache lines (its bounds, its key) and a sampled edge one (neighbour and edge number lie together). Immutable;
/// reading is thread-safe.
class SamplingGraph {
 public:
  /// Adjacency of one link. Rows are of type `anchors`; slots hold rows of type `neighbors`, in the graph's slot order,
  /// or by time where times were asked for. The edge in a slot is known by its position in the edge type's order by
  /// source.
  struct Adjacency {
    SampledLink link;
    VertexTypeId anchors;
    VertexTypeId neighbors;
    HugeBuffer<std::uint64_t> offsets;  ///< rows + 1
    /// `kOut` in the graph's slot order: the slot's number is the edge's position.
    HugeBuffer<std::uint32_t> targets;
    /// Otherwise: neighbour in the low word, low word of the position in the high one.
    HugeBuffer<std::uint64_t> slots;
    HugeBuffer<std::uint16_t> position_high;  ///< beside `slots` from 2^32 edges on: bits 32 to 47 of the position
    HugeBuffer<float> weights;                ///< per slot, or empty
    HugeBuffer<double> cumulative;            ///< per slot, or empty: sum of the row's weights up to and with this one
    HugeBuffer<std::int64_t> times;           ///< per slot, or empty

    [[nodiscard]] std::uint32_t neighbor(std::uint64_t slot) const {
      return targets.empty() ? static_cast<std::uint32_t>(slots[slot]) : targets[slot];
    }
    [[nodiscard]] std::uint64_t position(std::uint64_t slot) const {
      if (!targets.empty()) return slot;
      const std::uint64_t low = slots[slot] >> 32U;
      return position_high.empty() ? low : low | (std::uint64_t{position_high[slot]} << 32U);
    }
  };

  /// **Collective.** Gathers the links' adjacencies and the keys of their anchors on every rank: only after `plan` was
  /// found to fit. Throws `ConfigError` for a link given twice or with `kBoth`, and `InputError` when weights are asked
  /// for and one is negative or not finite.
  [[nodiscard]] static SamplingGraph replicated(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                                std::span<const SampledLink> links, SamplingAttributes attributes = {});
  /// What `replicated` holds on each rank at its peak.
  [[nodiscard]] static MemoryPlan plan(const graph::Schema& schema, std::span<const SampledLink> links,
                                       SamplingAttributes attributes = {});

  [[nodiscard]] const graph::Schema& schema() const { return schema_; }
  [[nodiscard]] std::span<const Adjacency> adjacencies() const { return adjacencies_; }
  /// Keys of a type's rows; empty for types that anchor no link, unless `neighbor_keys` were asked for.
  [[nodiscard]] std::span<const VertexKey> keys(VertexTypeId type) const { return keys_[type.index()]; }

 private:
  SamplingGraph() = default;

  graph::Schema schema_;
  std::vector<Adjacency> adjacencies_;
  std::vector<std::vector<VertexKey>> keys_;
};

}  // namespace rove::algorithms
