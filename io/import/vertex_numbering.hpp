// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "io/imported_graph.hpp"

namespace rove::io {

/// Some vertices by key and original id, as one rank met them.
struct NamedKeys {
  std::vector<VertexKey> keys;
  IdBlock ids;
};

/// The vertices of one type, numbered: row = rank of the key within the type.
struct VertexNumbering {
  std::uint64_t count = 0;          ///< on all ranks
  std::vector<std::uint64_t> rows;  ///< row of each of the rank's named keys, in the order they were given
  std::vector<VertexKey> keys;      ///< of my home block, ascending
  IdBlock ids;                      ///< of my home block
  std::vector<std::pair<std::string, VertexKey>>
      overrides;  ///< ids whose key is not their plain hash; the same on all ranks
};

/// **Collective.** Numbers the union of what all ranks name (repetitions are one vertex). Two ids with one key: the
/// larger text gets the key of the next salt that is free, which is recorded. The same result however the ids were
/// spread over ranks. Cost: one sort and two exchanges of the named keys.
[[nodiscard]] VertexNumbering number_vertices(const comm::Communicator& comm, std::string_view type,
                                              const NamedKeys& named);

}  // namespace rove::io
