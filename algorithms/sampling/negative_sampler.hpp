// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "algorithms/sampling/popularity.hpp"
#include "algorithms/sampling/sampling_graph.hpp"
#include "engine/base/ids.hpp"

namespace rove::algorithms {

enum class NegativeDistribution : std::uint8_t {
  kUniform,
  kPopularity,  ///< in proportion to (edges into the vertex)^0.75 (algorithms/sampling/popularity.hpp)
};

struct NegativeOptions {
  std::uint32_t per_positive = 1;
  NegativeDistribution distribution = NegativeDistribution::kUniform;
  std::uint64_t seed = 42;
};

/// Negatives of links u -> v: vertices of v's type that u is not linked to, nor is itself. Draws that collide are
/// repeated; after a few, the draw is made from the complement itself, so the distribution is exactly the chosen one
/// restricted to the vertices without a link, however many links u has.
///
/// A draw is a function of (seed, epoch, edge position, number of the negative). Immutable and thread-safe; refers to
/// the graph. Cost: a draw and a search in u's slots, O(log) each; for a u linked to nearly everything one pass over
/// the type.
class NegativeSampler {
 public:
  /// Stands for "there is none": u is linked to all vertices that can be drawn.
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  /// `link`: the position in `graph.adjacencies()` of the edge type followed from source to destination. Throws
  /// `ConfigError` when it is not followed so. Cost: one pass over the link's slots.
  NegativeSampler(const SamplingGraph& graph, std::size_t link, NegativeOptions options);

  /// Writes `per_positive` rows to `out` for the edge at `position` out of row `source`.
  void sample(std::uint32_t source, std::uint64_t position, std::uint64_t epoch, std::span<std::uint32_t> out) const;

  [[nodiscard]] std::uint32_t per_positive() const { return options_.per_positive; }
  /// Whether there is a link or the two are one vertex.
  [[nodiscard]] bool is_linked(std::uint32_t source, std::uint32_t destination) const;
  /// Bytes held beside the graph, at most.
  [[nodiscard]] static std::uint64_t plan_bytes(const graph::Schema& schema, EdgeTypeId type);

 private:
  [[nodiscard]] std::uint32_t draw_any(std::uint64_t bits) const;
  [[nodiscard]] std::uint32_t draw_from_complement(std::uint32_t source, std::uint64_t bits) const;
  [[nodiscard]] std::span<const std::uint32_t> linked(std::uint32_t source) const;
  [[nodiscard]] std::uint64_t weight(std::uint32_t row) const;

  const SamplingGraph::Adjacency* adjacency_;
  std::uint64_t num_rows_;
  bool same_type_;
  NegativeOptions options_;
  std::vector<std::uint32_t> sorted_;  ///< the slots by row ascending, where the graph's are not
  CumulativeWeights weights_;          ///< by row, for kPopularity
};

}  // namespace rove::algorithms
