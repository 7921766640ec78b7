// SPDX-License-Identifier: Apache-2.0
#include "io/import/expected_input.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <vector>

#include "io/import/matrix_file.hpp"
#include "io/text/file_layout.hpp"
#include "io/text/input_files.hpp"
#include "io/text/line_scan.hpp"
#include "io/text/text_source.hpp"

namespace rove::io {
namespace {

constexpr std::uint64_t kSampleBytes = std::uint64_t{1} << 20U;
constexpr std::uint64_t kPackedSampleBytes = std::uint64_t{8} << 20U;
constexpr std::size_t kSampledFiles = 64;

std::uint64_t edges_in(std::string_view text, TextFormat format) {
  std::uint64_t edges = 0;
  text::for_each_line(text, [&](std::string_view line) {
    std::uint64_t words = 0;
    if (format == TextFormat::kAdjacency) {
      text::for_each_word(line, [&](std::string_view) { ++words; });
    } else {
      words = line.empty() ? 0 : 2;
    }
    edges += words > 0 ? words - 1 : 0;
  });
  return edges;
}

/// Edges per stored byte.
struct Density {
  double likely = 0;
  double least = 0;
};

std::uint64_t times(double density, std::uint64_t bytes) {
  return static_cast<std::uint64_t>(std::llround(density * static_cast<double>(bytes)));
}

double per_byte(std::uint64_t edges, std::uint64_t bytes) {
  return static_cast<double>(edges) / static_cast<double>(std::max<std::uint64_t>(1, bytes));
}

Density sample_plain(const text::InputFile& file) {
  const std::uint64_t bytes = file.info.bytes;
  text::Block block;
  if (bytes <= 3 * kSampleBytes) {
    text::read_lines(file.info, {file.layout.header_bytes, bytes}, block);
    const double density = per_byte(edges_in(block.text, file.layout.format), bytes);
    return {density, density};
  }
  Density result{0, 1};
  for (const std::uint64_t begin : {file.layout.header_bytes, bytes / 2, bytes - kSampleBytes}) {
    text::read_lines(file.info, {begin, begin + kSampleBytes}, block);
    const double density = per_byte(edges_in(block.text, file.layout.format), block.text.size());
    result.likely += density / 3;
    result.least = std::min(result.least, density / 2);
  }
  return result;
}

Density sample_packed(const text::InputFile& file) {
  text::BlockStream stream(file.info, kPackedSampleBytes);
  text::Block block;
  if (!stream.next(block)) return {};
  const std::uint64_t stored = stream.stored_bytes_read();
  std::uint64_t edges = edges_in(
      std::string_view(block.text).substr(std::min<std::uint64_t>(file.layout.header_bytes, block.text.size())),
      file.layout.format);
  const double density = per_byte(edges, stored);
  if (stream.next(block)) return {density, density / 4};
  return {per_byte(edges, file.info.bytes), per_byte(edges, file.info.bytes)};
}

bool declares_edges(const text::FileLayout& layout) {
  return layout.format == TextFormat::kMatrixMarket || layout.format == TextFormat::kMetis;
}

}  // namespace

ExpectedEdges expect_edges(const EdgeOptions& edges) {
  const std::vector<std::string> paths = text::expand_patterns(edges.layout.files);
  const std::size_t stride = (paths.size() + kSampledFiles - 1) / kSampledFiles;
  // Files that are not sampled are taken to be like the last one that was.
  std::array<std::optional<Density>, 2> latest;
  ExpectedEdges expected;
  for (std::size_t f = 0; f < paths.size(); ++f) {
    const text::FileInfo info = text::inspect(paths[f]);
    const bool packed = info.compression != text::Compression::kNone;
    std::optional<Density>& density = latest[packed ? 1 : 0];
    if (!density || f % stride == 0) {
      const text::InputFile file = text::open_input(paths[f], [&](const std::string& path, std::string_view head) {
        return text::recognise(path, head, edges.layout);
      });
      if (declares_edges(file.layout)) {
        // The other direction of an undirected edge is stored, too.
        const bool both = !edges.directed || file.layout.symmetric || file.layout.format == TextFormat::kMetis;
        expected.likely += file.layout.num_entries * (both ? 2 : 1);
        expected.least += file.layout.num_entries * (edges.directed ? 1 : 2);
        if (file.streamed()) {
          expected.likely_alone = std::max(expected.likely_alone, file.layout.num_entries * (edges.directed ? 2 : 1));
          expected.least_alone = std::max(expected.least_alone, file.layout.num_entries);
        }
        expected.num_sources = std::max(expected.num_sources.value_or(0), file.layout.num_sources);
        expected.num_targets = std::max(expected.num_targets.value_or(0), file.layout.num_targets);
        continue;
      }
      density = packed ? sample_packed(file) : sample_plain(file);
    }
    const std::uint64_t directions = edges.directed ? 1 : 2;
    const std::uint64_t likely = times(density->likely, info.bytes);
    const std::uint64_t least = times(density->least, info.bytes);
    expected.likely += directions * likely;
    expected.least += directions * least;
    if (!packed) continue;
    expected.likely_alone = std::max(expected.likely_alone, likely);
    expected.least_alone = std::max(expected.least_alone, least);
  }
  return expected;
}

std::uint64_t declared_feature_bytes(const NodeOptions& nodes) {
  if (nodes.format == NodeFormat::kIds || nodes.format == NodeFormat::kRecBole || nodes.files.empty()) return 0;
  const auto matrix = open_matrix(nodes.files[0], nodes.format, nodes.dataset);
  return matrix->rows() * matrix->columns() * sizeof(float);
}

}  // namespace rove::io
