// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "engine/comm/communicator.hpp"
#include "engine/graph/schema.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/text/ordered_writer.hpp"

namespace rove::io::text {

/// Walks as lines of original ids with a blank between two: what word2vec tools read. Ids of different types are told
/// apart by "<type>:" in front where the graph has several types. Every function is **Collective**.
class WalkWriter {
 public:
  WalkWriter(const comm::Communicator& comm, const std::filesystem::path& path, const graph::Schema& schema,
             std::span<const NodeView> nodes, std::uint64_t columns);
  /// This rank's rows of a batch, after those of the lower ranks. Throws `InputError` for an id with white space.
  void append(std::span<const std::uint32_t> vertices);
  /// Moves the file into place; returns its bytes.
  std::uint64_t finish() { return writer_.finish(); }

 private:
  const comm::Communicator& comm_;
  const graph::Schema& schema_;
  std::span<const NodeView> nodes_;
  std::uint64_t columns_;
  OrderedWriter writer_;
};

}  // namespace rove::io::text
