// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/exec/walk_graph.hpp"
#include "engine/exec/walk_random.hpp"

namespace rove::exec {

/// Whether vertices are neighbours, and where in the row, for many pairs at once: interpolation searches in the rows'
/// ascending ids, in lockstep so that their cache misses overlap; the graph's filter spares most of those that fail. A
/// probe settles a whole cache line. Ids of a row are spread like random numbers (ids are ranks of hashed keys), so few
/// probes do whatever the degree; after eight, bisection takes over.
class NeighborSearch {
 public:
  /// Asks whether `id` is among the neighbours of the owned row; the answer comes under the returned number.
  /// Precondition: at most `kMaxWalkLanes` questions.
  std::size_t ask(const WalkGraph& graph, std::uint32_t row, std::uint32_t id) {
    questions_[size_] = {row, id, 0, 0, nullptr, nullptr, nullptr};
    graph.prefetch_pair(graph.id_of(row), id);
    return size_++;
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Answers all questions and forgets them.
  void run(const WalkGraph& graph);
  [[nodiscard]] bool answer(std::size_t question) const { return positions_[question] != nullptr; }
  /// Where in `WalkGraph::sorted_neighbors` of the row the id stands (one of the places, if there are several), or
  /// null.
  [[nodiscard]] const std::uint32_t* position(std::size_t question) const { return positions_[question]; }

 private:
  struct Question {
    std::uint32_t row;
    std::uint32_t id;
    std::uint32_t low_id;  ///< below `begin` every id is at most this
    std::uint32_t high_id;
    const std::uint32_t* begin;  ///< what is left to search
    const std::uint32_t* end;
    const std::uint32_t* probe;
  };

  std::size_t size_ = 0;
  std::array<Question, kMaxWalkLanes> questions_;
  std::array<const std::uint32_t*, kMaxWalkLanes> positions_;
};

}  // namespace rove::exec
