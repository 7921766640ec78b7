// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "engine/comm/communicator.hpp"
#include "io/import/edge_reader.hpp"

/// Rows that a rule refuses once all ids are known. The text is gone by then: it is read again as far as the row.
namespace rove::io {

/// Edges of one list, or of all that a rank read, that one rule refuses.
struct RefusedEdges {
  std::uint64_t count = 0;
  std::size_t list = 0;    ///< of `ReadEdges::lists`: where the first one is
  std::size_t index = 0;   ///< in that list, as it was read
  bool at_target = false;  ///< it is refused for its target

  void meet(std::size_t at, bool for_target) {
    if (count++ == 0) {
      index = at;
      at_target = for_target;
    }
  }
  /// Those of a later list.
  void add(std::size_t of_list, const RefusedEdges& others) {
    if (count == 0) {
      *this = others;
      list = of_list;
    } else {
      count += others.count;
    }
  }
};

/// Says of the id for which the first edge is refused, and of how many there are, what was found and expected.
struct Refusal {
  std::string found;
  std::string expected;
};
using DescribeRefused = std::function<Refusal(std::string_view id, bool at_target, std::uint64_t total)>;

/// **Collective.** If a rank has such edges, throws `InputError` at the first one of the input, with file, line and
/// column.
void refuse_edges(const comm::Communicator& comm, const EdgeInput& input, const RefusedEdges& mine,
                  const DescribeRefused& describe);

/// An edge by its ids.
struct NamedEdge {
  std::string source;
  std::string target;
  std::string relation;     ///< looked at where the layout has relations
  bool either_way = false;  ///< the reverse is the same edge
};

/// **Collective.** Throws `InputError` where this edge stands for the second time in the input, with file, line and
/// column. `total`: what `describe` is told.
void refuse_repeated(const comm::Communicator& comm, const EdgeInput& input, const NamedEdge& edge, std::uint64_t total,
                     const DescribeRefused& describe);

}  // namespace rove::io
