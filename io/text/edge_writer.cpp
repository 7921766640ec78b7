// SPDX-License-Identifier: Apache-2.0
#include "io/text/edge_writer.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"
#include "io/text/ordered_writer.hpp"

namespace rove::io::text {
namespace {

/// What one task formats at a time.
constexpr std::uint64_t kEdgesPerChunk = 1U << 16U;
/// Chunks per rank in one round: about 64 MB of text.
constexpr std::uint64_t kChunksPerRound = 64;
/// Longest number of any kind, the longest shortest float being "-1.17549435e-38".
constexpr std::size_t kMaxNumber = std::numeric_limits<std::uint64_t>::digits10 + 1;

/// Appends to a string that is known to be long enough; cut to length at the end.
class LineBuilder {
 public:
  explicit LineBuilder(std::size_t capacity) : text_(capacity, '\0'), next_(text_.data()) {}
  void add(char c) { *next_++ = c; }
  template <class Number>
  void add_number(Number number) {
    next_ = std::to_chars(next_, next_ + kMaxNumber, number).ptr;
  }
  void add_id(const std::string& prefix, std::uint64_t number) {
    next_ = std::copy(prefix.begin(), prefix.end(), next_);
    add_number(number);
  }
  [[nodiscard]] std::string finish() {
    text_.resize(static_cast<std::size_t>(next_ - text_.data()));
    return std::move(text_);
  }

 private:
  std::string text_;
  char* next_;
};

std::string format_rows(const NumberedEdges& edges, const EdgeText& text) {
  const std::size_t longest = text.source_prefix.size() + text.target_prefix.size() + 4 * (kMaxNumber + 1);
  const char separator = text.format == EdgeFormat::kCsv ? ',' : ' ';
  LineBuilder lines(edges.size() * longest);
  for (std::size_t i = 0; i < edges.size(); ++i) {
    lines.add_id(text.source_prefix, edges.sources[i]);
    lines.add(separator);
    lines.add_id(text.target_prefix, edges.targets[i]);
    if (!edges.weights.empty()) {
      lines.add(separator);
      lines.add_number(edges.weights[i]);
    }
    if (!edges.times.empty()) {
      lines.add(separator);
      lines.add_number(edges.times[i]);
    }
    lines.add('\n');
  }
  return lines.finish();
}

/// Text of the edges [begin, end); those around them tell whether a line goes on.
std::string format_lists(const NumberedEdges& edges, std::size_t begin, std::size_t end, const EdgeText& text) {
  const std::size_t longest = text.source_prefix.size() + text.target_prefix.size() + 2 * (kMaxNumber + 1);
  LineBuilder lines((end - begin) * longest);
  for (std::size_t i = begin; i < end; ++i) {
    if (i == 0 || edges.sources[i] != edges.sources[i - 1]) lines.add_id(text.source_prefix, edges.sources[i]);
    lines.add(' ');
    lines.add_id(text.target_prefix, edges.targets[i]);
    if (i + 1 == edges.size() || edges.sources[i] != edges.sources[i + 1]) lines.add('\n');
  }
  return lines.finish();
}

std::string format_chunk(const EdgeStream& stream, IndexRange positions, const EdgeText& text) {
  NumberedEdges edges;
  if (text.format != EdgeFormat::kAdjacency) {
    stream.produce(positions, edges);
    return format_rows(edges, text);
  }
  const bool has_previous = positions.begin > 0;
  const bool has_next = positions.end < stream.num_edges;
  stream.produce({positions.begin - (has_previous ? 1 : 0), positions.end + (has_next ? 1 : 0)}, edges);
  return format_lists(edges, has_previous ? 1 : 0, edges.size() - (has_next ? 1 : 0), text);
}

}  // namespace

std::uint64_t write_edges(const comm::Communicator& comm, const std::filesystem::path& path, const EdgeStream& stream,
                          const EdgeText& text) {
  OrderedWriter file(comm, path);
  if (text.format == EdgeFormat::kCsv && comm.is_root()) {
    file.append(std::vector<std::string>{std::string("source,target") + (stream.has_weights ? ",weight" : "") +
                                         (stream.has_times ? ",time" : "") + "\n"});
  } else {
    file.append({});
  }
  const std::uint64_t num_chunks = (stream.num_edges + kEdgesPerChunk - 1) / kEdgesPerChunk;
  const std::uint64_t per_round = kChunksPerRound * static_cast<std::uint64_t>(comm.size());
  for (std::uint64_t first = 0; first < num_chunks; first += per_round) {
    const std::uint64_t in_round = std::min(per_round, num_chunks - first);
    const IndexRange mine = graph::BlockDistribution(in_round, comm.size()).block(comm.rank());
    std::vector<std::string> pieces(mine.size());
    comm.agree([&] {
      parallel::for_each({0, mine.size()}, 1, [&](std::uint64_t i) {
        const std::uint64_t begin = (first + mine.begin + i) * kEdgesPerChunk;
        pieces[i] = format_chunk(stream, {begin, std::min(begin + kEdgesPerChunk, stream.num_edges)}, text);
      });
    });
    file.append(pieces);
  }
  return file.finish();
}

}  // namespace rove::io::text
