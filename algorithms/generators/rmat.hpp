// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "algorithms/generators/edge_generator.hpp"
#include "engine/base/random.hpp"

namespace rove::algorithms {

struct RmatSpec {
  std::uint32_t scale = 20;        ///< 2^scale vertices, 1 to 48
  std::uint64_t edge_factor = 16;  ///< edges per vertex
  double a = 0.57;                 ///< chances of the quadrants: low-low, low-high, high-low; the rest is high-high
  double b = 0.19;
  double c = 0.19;
  bool permute_ids = true;  ///< false leaves the hubs at the low numbers
};

/// R-MAT (Chakrabarti, Zhan and Faloutsos, SDM 2004) with the parameters of Graph500: directed, with the self-loops and
/// parallel edges that the recursion gives. A unit is an edge: one 32-bit word per level and edge decides the quadrant.
class RmatGenerator final : public EdgeGenerator {
 public:
  /// Throws `ConfigError` for a specification out of range.
  RmatGenerator(const RmatSpec& spec, std::uint64_t seed);

  [[nodiscard]] std::uint64_t num_sources() const override { return std::uint64_t{1} << spec_.scale; }
  [[nodiscard]] std::uint64_t num_targets() const override { return num_sources(); }
  [[nodiscard]] std::uint64_t num_units() const override { return num_sources() * spec_.edge_factor; }
  [[nodiscard]] std::uint64_t edges_before(std::uint64_t unit) const override { return unit; }
  [[nodiscard]] bool units_are_sources() const override { return false; }
  void generate(IndexRange units, std::vector<NumberedEdge>& edges) const override;

 private:
  RmatSpec spec_;
  RandomStream random_;
  KeyedPermutation permutation_;
  std::array<std::uint64_t, 3>
      below_;  ///< words below these fall into the first, the first two, the first three quadrants
};

}  // namespace rove::algorithms
