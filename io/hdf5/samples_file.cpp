// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/samples_file.hpp"

#include <deque>
#include <utility>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"
#include "io/hdf5/row_stream.hpp"

namespace rove::io {

namespace {

using hdf5::ElementType;
using hdf5::RowStream;

constexpr hdf5::StoredType kUint32{ElementType::kUint32, 4};
constexpr hdf5::StoredType kInt64{ElementType::kInt64, 8};
constexpr hdf5::StoredType kFloat32{ElementType::kFloat32, 4};

std::string link_group(const SamplesLink& link) {
  return fmt::format("/samples/edges/{}__{}__{}__{}", hdf5::escape_name(link.source), hdf5::escape_name(link.relation),
                     hdf5::escape_name(link.destination), link.in ? "in" : "out");
}

void describe_link(hdf5::OutputFile& file, const std::string& group, const SamplesLink& link) {
  file.set_attribute(group, "source", link.source);
  file.set_attribute(group, "relation", link.relation);
  file.set_attribute(group, "destination", link.destination);
  if (link.num_edges) {
    file.set_attribute(group, "num_edges", checked_cast<std::int64_t>(*link.num_edges, "number of edges"));
  }
  for (const NamedAttribute& attribute : link.attributes) file.set_attribute(group, attribute.name, attribute.value);
}

}  // namespace

void SampleCounts::add(const SampleCounts& other) {
  batches += other.batches;
  supervision += other.supervision;
  vertices.resize(other.vertices.size());
  edges.resize(other.edges.size());
  for (std::size_t t = 0; t < vertices.size(); ++t) vertices[t] += other.vertices[t];
  for (std::size_t l = 0; l < edges.size(); ++l) edges[l] += other.edges[l];
}

void SampleBlock::clear() {
  batches = 0;
  for (Vertices& type : vertices) {
    type.rows.clear();
    type.seeds.clear();
    type.bounds.clear();
  }
  for (Edges& link : edges) {
    link.neighbors.clear();
    link.anchors.clear();
    link.positions.clear();
    link.weights.clear();
    link.bounds.clear();
  }
  supervision.sizes.clear();
  supervision.relations.clear();
  supervision.sources.clear();
  supervision.destinations.clear();
  supervision.positions.clear();
  supervision.negatives.clear();
}

SampleCounts SampleBlock::counts() const {
  SampleCounts result;
  result.batches = batches;
  for (const Vertices& type : vertices) result.vertices.push_back(type.rows.size());
  for (const Edges& link : edges) result.edges.push_back(link.neighbors.size());
  result.supervision = supervision.positions.size();
  return result;
}

namespace {

/// A group of columns that batches have different numbers of rows of: an `indptr` and what it points into.
class RaggedGroup {
 public:
  RaggedGroup(hdf5::OutputFile& file, std::string group, std::uint64_t batches, std::uint64_t rows)
      : file_(file), group_(std::move(group)), rows_(rows), indptr_(file, group_ + "/indptr", kInt64, batches + 1) {}

  void add(const std::string& name, hdf5::StoredType type, std::uint64_t width = 0) {
    columns_.emplace_back(file_, group_ + "/" + name, type, rows_, width);
  }
  /// `batches` and `rows` are this rank's; the epoch's last `indptr` entry follows with the next epoch or at the end.
  void begin_section(std::uint64_t batches, std::uint64_t rows) {
    indptr_.begin_section(batches);
    for (RowStream& column : columns_) column.begin_section(rows);
    next_ = columns_.front().next_row();
  }
  void write_sizes(std::span<const std::uint64_t> sizes) {
    std::vector<std::uint64_t> begins;
    for (const std::uint64_t size : sizes) {
      begins.push_back(next_);
      next_ += size;
    }
    indptr_.write<std::uint64_t>(begins);
  }
  [[nodiscard]] RowStream& column(std::size_t i) { return columns_[i]; }
  void finish(bool is_last_rank) {
    indptr_.begin_section(is_last_rank ? 1 : 0);
    indptr_.write<std::uint64_t>(std::span<const std::uint64_t>(&rows_, is_last_rank ? 1 : 0));
    indptr_.finish();
    for (RowStream& column : columns_) column.finish();
  }

 private:
  hdf5::OutputFile& file_;
  std::string group_;
  std::uint64_t rows_;
  std::uint64_t next_ = 0;
  RowStream indptr_;
  std::deque<RowStream> columns_;
};

/// Sizes of batches from their bounds: the last of each.
std::vector<std::uint64_t> sizes_from(std::span<const std::uint64_t> bounds, std::uint64_t width) {
  std::vector<std::uint64_t> sizes;
  for (std::size_t end = width; end <= bounds.size(); end += width) sizes.push_back(bounds[end - 1]);
  return sizes;
}

}  // namespace

struct SamplesWriter::State {
  State(const comm::Communicator& comm, const std::filesystem::path& path, SamplesLayout samples_layout)
      : file(comm, path), layout(std::move(samples_layout)) {}

  hdf5::OutputFile file;
  SamplesLayout layout;
  std::deque<RaggedGroup> vertices;
  std::deque<RowStream> vertex_bounds;
  std::deque<RaggedGroup> edges;
  std::deque<RowStream> edge_bounds;
  std::deque<RaggedGroup> supervision;  ///< none or one
  FileProvenance provenance;
};

SamplesWriter::SamplesWriter(const comm::Communicator& comm, const std::filesystem::path& path, SamplesLayout layout,
                             std::span<const NodeView> nodes, const SampleCounts& total,
                             const FileProvenance& provenance)
    : state_(std::make_unique<State>(comm, path, std::move(layout))) {
  State& state = *state_;
  state.provenance = provenance;
  hdf5::OutputFile& file = state.file;
  for (std::size_t t = 0; t < nodes.size(); ++t) write_nodes(file, nodes[t], t);
  file.make_group("/samples");
  for (const NamedAttribute& attribute : state.layout.attributes) {
    file.set_attribute("/samples", attribute.name, attribute.value);
  }
  file.set_attribute("/samples", "batches", checked_cast<std::int64_t>(total.batches, "number of batches"));
  for (std::size_t t = 0; t < nodes.size(); ++t) {
    const std::string group = "/samples" + node_group(nodes[t].type);
    file.make_group(group);
    file.set_attribute(group, "name", std::string(nodes[t].type));
    RaggedGroup& columns = state.vertices.emplace_back(file, group, total.batches, total.vertices[t]);
    columns.add("rows", kUint32);
    if (state.layout.has_seeds) columns.add("seeds", kUint32);
    state.vertex_bounds.emplace_back(file, group + "/hops", kInt64, total.batches, state.layout.vertex_bounds);
  }
  for (std::size_t l = 0; l < state.layout.links.size(); ++l) {
    const SamplesLink& link = state.layout.links[l];
    const std::string group = link_group(link);
    file.make_group(group);
    describe_link(file, group, link);
    file.set_attribute(group, "direction", std::string(link.in ? "in" : "out"));
    file.set_attribute(group, "anchors", link.anchors());
    file.set_attribute(group, "neighbors", link.neighbors());
    RaggedGroup& columns = state.edges.emplace_back(file, group, total.batches, total.edges[l]);
    columns.add("neighbors", kUint32);
    columns.add("anchors", kUint32);
    if (link.num_edges) columns.add("positions", kInt64);
    if (state.layout.has_weights) columns.add("weights", kFloat32);
    state.edge_bounds.emplace_back(file, group + "/hops", kInt64, total.batches, state.layout.edge_bounds);
  }
  if (state.layout.supervision.empty()) return;
  const std::string group = "/samples/links";
  file.make_group(group);
  for (std::size_t r = 0; r < state.layout.supervision.size(); ++r) {
    const std::string relation = fmt::format("{}/relation_{}", group, r);
    file.make_group(relation);
    describe_link(file, relation, state.layout.supervision[r]);
  }
  RaggedGroup& columns = state.supervision.emplace_back(file, group, total.batches, total.supervision);
  columns.add("relations", kUint32);
  columns.add("sources", kUint32);
  columns.add("destinations", kUint32);
  columns.add("positions", kInt64);
  if (state.layout.negatives > 0) columns.add("negatives", kUint32, state.layout.negatives);
}

SamplesWriter::~SamplesWriter() = default;

void SamplesWriter::begin_epoch(const SampleCounts& mine) {
  State& state = *state_;
  for (std::size_t t = 0; t < state.vertices.size(); ++t) {
    state.vertices[t].begin_section(mine.batches, mine.vertices[t]);
    state.vertex_bounds[t].begin_section(mine.batches);
  }
  for (std::size_t l = 0; l < state.edges.size(); ++l) {
    state.edges[l].begin_section(mine.batches, mine.edges[l]);
    state.edge_bounds[l].begin_section(mine.batches);
  }
  for (RaggedGroup& group : state.supervision) group.begin_section(mine.batches, mine.supervision);
}

void SamplesWriter::write(const SampleBlock& block) {
  State& state = *state_;
  for (std::size_t t = 0; t < state.vertices.size(); ++t) {
    const SampleBlock::Vertices& vertices = block.vertices[t];
    state.vertices[t].write_sizes(sizes_from(vertices.bounds, state.layout.vertex_bounds));
    state.vertices[t].column(0).write<std::uint32_t>(vertices.rows);
    if (state.layout.has_seeds) state.vertices[t].column(1).write<std::uint32_t>(vertices.seeds);
    state.vertex_bounds[t].write<std::uint64_t>(vertices.bounds);
  }
  for (std::size_t l = 0; l < state.edges.size(); ++l) {
    const SampleBlock::Edges& edges = block.edges[l];
    state.edges[l].write_sizes(sizes_from(edges.bounds, state.layout.edge_bounds));
    state.edges[l].column(0).write<std::uint32_t>(edges.neighbors);
    state.edges[l].column(1).write<std::uint32_t>(edges.anchors);
    std::size_t column = 2;
    if (state.layout.links[l].num_edges) state.edges[l].column(column++).write<std::uint64_t>(edges.positions);
    if (state.layout.has_weights) state.edges[l].column(column).write<float>(edges.weights);
    state.edge_bounds[l].write<std::uint64_t>(edges.bounds);
  }
  for (RaggedGroup& group : state.supervision) {
    const SampleBlock::Supervision& links = block.supervision;
    group.write_sizes(links.sizes);
    group.column(0).write<std::uint32_t>(links.relations);
    group.column(1).write<std::uint32_t>(links.sources);
    group.column(2).write<std::uint32_t>(links.destinations);
    group.column(3).write<std::uint64_t>(links.positions);
    if (state.layout.negatives > 0) group.column(4).write<std::uint32_t>(links.negatives);
  }
}

void SamplesWriter::finish() {
  State& state = *state_;
  const comm::Communicator& comm = state.file.comm();
  const bool is_last = comm.rank().value() + 1 == comm.size();
  for (RaggedGroup& group : state.vertices) group.finish(is_last);
  for (RowStream& bounds : state.vertex_bounds) bounds.finish();
  for (RaggedGroup& group : state.edges) group.finish(is_last);
  for (RowStream& bounds : state.edge_bounds) bounds.finish();
  for (RaggedGroup& group : state.supervision) group.finish(is_last);
  write_header(state.file, FileFormat::kSamples, state.provenance);
  state.file.commit();
}

}  // namespace rove::io
