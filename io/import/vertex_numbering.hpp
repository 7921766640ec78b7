// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "io/import/id_table.hpp"
#include "io/imported_graph.hpp"

namespace rove::io {

/// The vertices of one type, numbered: row = rank of the key within the type.
struct VertexNumbering {
  std::uint64_t count = 0;          ///< on all ranks
  std::vector<std::uint32_t> rows;  ///< row of each of the rank's named vertices, in the order they were given
  std::vector<VertexKey> keys;      ///< of my home block, ascending
  IdBlock ids;                      ///< of my home block
  /// Ids whose key is not their plain hash, ascending; the same on all ranks.
  std::vector<std::pair<std::string, VertexKey>> overrides;
};

/// **Collective.** Numbers the union of what all ranks name (repetitions are one vertex). Of a `closed` type only
/// declared vertices are numbered; the others get `kUnknownRow`. Two ids with one key: the larger text gets the key of
/// the next salt that is free, which is recorded. The same result however the ids were spread over ranks. Throws
/// `DoesNotFitError` beyond 2^32 - 1 vertices. Cost: one sort and two exchanges of the named vertices.
[[nodiscard]] VertexNumbering number_vertices(const comm::Communicator& comm, std::string_view type,
                                              NamedVertices named, bool closed);

/// **Collective.** Texts to other ranks: `order` lists those to send, counts[r] of them to rank r.
[[nodiscard]] IdBlock exchange_texts(const comm::Communicator& comm, const IdBlock& texts,
                                     std::span<const std::uint64_t> order, std::span<const std::uint64_t> counts);

}  // namespace rove::io
