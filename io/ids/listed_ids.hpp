// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "io/ids/id_index.hpp"

namespace rove::io {

/// Which rows of my home block a list of ids names.
struct ListedIds {
  std::vector<std::uint8_t> is_listed;
  // The same on all ranks:
  std::uint64_t found = 0;    ///< distinct
  std::uint64_t unknown = 0;  ///< lines whose id the graph does not have
};

/// **Collective.** Reads files of ids, one a line; empty lines are skipped. Rank 0 reads, every rank looks up its share
/// of the lines. Throws `IoError` naming a file that cannot be read, `InputError` with the line that is not UTF-8.
[[nodiscard]] ListedIds read_listed_ids(const comm::Communicator& comm, const std::vector<std::string>& files,
                                        const IdIndex& index);

}  // namespace rove::io
