// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/ids.hpp"

namespace rove::algorithms {

/// Source and target by number, from 0.
using NumberedEdge = std::pair<std::uint64_t, std::uint64_t>;

/// A seeded list of edges that any process can produce from any place on: the list is cut in units (sources, or single
/// edges), a unit's edges are a pure function of specification, seed and unit, and the slices of any cut join to the
/// same list. Immutable; thread-safe.
class EdgeGenerator {
 public:
  EdgeGenerator() = default;
  EdgeGenerator(const EdgeGenerator&) = delete;
  EdgeGenerator& operator=(const EdgeGenerator&) = delete;
  virtual ~EdgeGenerator() = default;

  [[nodiscard]] virtual std::uint64_t num_sources() const = 0;
  [[nodiscard]] virtual std::uint64_t num_targets() const = 0;
  [[nodiscard]] virtual std::uint64_t num_units() const = 0;
  /// Edges of the units below this one; edges_before(num_units()) is their number.
  [[nodiscard]] virtual std::uint64_t edges_before(std::uint64_t unit) const = 0;
  /// Whether unit u holds all edges of source u: what adjacency lists need.
  [[nodiscard]] virtual bool units_are_sources() const = 0;
  /// Appends the edges of the units, in order.
  virtual void generate(IndexRange units, std::vector<NumberedEdge>& edges) const = 0;
};

}  // namespace rove::algorithms
