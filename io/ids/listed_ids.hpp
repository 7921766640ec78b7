// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "io/ids/id_index.hpp"
#include "io/imported_graph.hpp"

namespace rove::io {

/// **Collective.** The distinct ids of all ranks, ascending, on every rank: for requests, not for what grows with a
/// graph. An id is one line.
[[nodiscard]] std::vector<std::string> gather_ids(const comm::Communicator& comm, const IdBlock& ids);

/// **Collective.** The distinct ids in files of ids, one a line, ascending, on every rank. Files and errors are those
/// of a vertex list of `import_graph`: plain or compressed, patterns, empty lines skipped, `InputError` with file and
/// line for an id that is not UTF-8.
[[nodiscard]] std::vector<std::string> read_id_lists(const comm::Communicator& comm,
                                                     const std::vector<std::string>& files);

/// Which rows of my home block a list of ids names.
struct ListedIds {
  std::vector<std::uint8_t> is_listed;
  // The same on all ranks:
  std::uint64_t found = 0;
  std::uint64_t unknown = 0;  ///< distinct ids that the graph does not have
};

/// **Collective.** Looks up what `read_id_lists` reads.
[[nodiscard]] ListedIds read_listed_ids(const comm::Communicator& comm, const std::vector<std::string>& files,
                                        const IdIndex& index);

}  // namespace rove::io
