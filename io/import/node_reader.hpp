// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/progress.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/block_distribution.hpp"
#include "io/import/id_table.hpp"
#include "io/import/import_options.hpp"
#include "io/imported_graph.hpp"
#include "io/text/input_files.hpp"

namespace rove::io {

/// A vertex list or feature matrix as this rank read it.
struct NodeRead {
  std::string type;
  std::string name;                     ///< of the features
  std::vector<std::uint32_t> vertices;  ///< numbers in the id table, one per row, in the order of the input
  std::uint64_t width = 0;              ///< feature columns; 0: a plain list
  std::vector<float> values;            ///< per row
  std::uint64_t bytes_read = 0;
  // What the ids were read from, so that an error can name the line of one of them:
  std::vector<text::InputFile> files;
  std::vector<std::uint64_t> block_ends;  ///< rows of this rank up to the end of each block of text
  std::string matrix;                     ///< the file of the values, if it is another one
};

/// **Collective.** Reads one entry of `graph.nodes`; its vertices are declared in the table.
[[nodiscard]] NodeRead read_nodes(const comm::Communicator& comm, const NodeOptions& options, IdTable& table,
                                  ProgressSink& progress);

/// **Collective.** The features in home blocks: `rows` maps numbers in the id table to rows. Vertices without a row in
/// the file get zeros. Throws `InputError` at the first row of the input that is the second of its vertex.
[[nodiscard]] FeatureBlock place_features(const comm::Communicator& comm, const NodeRead& nodes,
                                          std::span<const std::uint32_t> rows, const graph::BlockDistribution& homes);

}  // namespace rove::io
