// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"

namespace rove::io::text {

enum class EdgeFormat : std::uint8_t {
  kCsv,        ///< a header, then "u17,i4" and what attributes there are
  kEdgeList,   ///< "u17 i4" and what attributes there are
  kAdjacency,  ///< "u17 i4 i9 i2": one line for consecutive edges of one source; no attributes
};

/// Edges by vertex number. Attributes are empty or as many as the edges.
struct NumberedEdges {
  std::vector<std::uint64_t> sources;
  std::vector<std::uint64_t> targets;
  std::vector<float> weights;
  std::vector<std::int64_t> times;

  [[nodiscard]] std::size_t size() const { return sources.size(); }
};

/// The list to write. `produce` appends the edges of a range of positions, in order, on any thread.
struct EdgeStream {
  std::uint64_t num_edges = 0;
  std::function<void(IndexRange positions, NumberedEdges& edges)> produce;
  bool has_weights = false;
  bool has_times = false;
};

struct EdgeText {
  EdgeFormat format = EdgeFormat::kCsv;
  std::string source_prefix = "u";  ///< vertex 17 is called "u17"
  std::string target_prefix = "i";
};

/// **Collective.** Writes one file, every rank its share, with the same bytes for any number of ranks and threads. The
/// header of csv names the columns: source, target, weight, time. Holds about 64 MB of text per rank at a time. Returns
/// the bytes of the file. Throws `IoError` when the file cannot be written; it then has its old content, if any.
std::uint64_t write_edges(const comm::Communicator& comm, const std::filesystem::path& path, const EdgeStream& stream,
                          const EdgeText& text);

}  // namespace rove::io::text
