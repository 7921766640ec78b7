// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/graph_file.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"

namespace rove::io {

namespace {

std::int64_t as_signed(std::uint64_t count) {
  return checked_cast<std::int64_t>(count);
}

void write_adjacency(hdf5::OutputFile& file, const std::string& group, const graph::EdgeType& type,
                     const graph::AdjacencyBlock& block) {
  file.write_indptr(group + "/indptr", block.offsets);
  file.write<std::uint32_t>(group + "/indices", block.targets);
  if (type.has_weights) file.write<float>(group + "/weights", block.weights);
  if (type.has_times) file.write<std::int64_t>(group + "/times", block.times);
  if (!type.relations.empty()) file.write<std::uint32_t>(group + "/relations", block.relations);
}

/// `neighbors`: vertices of the other endpoint's type.
graph::AdjacencyBlock read_adjacency(const hdf5::InputFile& file, const std::string& group, const graph::EdgeType& type,
                                     IndexRange rows, std::uint64_t neighbors) {
  graph::AdjacencyBlock block;
  block.offsets = file.read<std::uint64_t>(group + "/indptr", {rows.begin, rows.end + 1});
  if (!std::is_sorted(block.offsets.begin(), block.offsets.end())) {
    throw InputError(fmt::format("{}: {}/indptr does not ascend; the file is damaged", file.path().string(), group));
  }
  const IndexRange slots{block.offsets.front(), block.offsets.back()};
  require_below(file, group + "/indptr", slots.end, type.count + 1);
  block.targets = file.read<std::uint32_t>(group + "/indices", slots);
  if (type.has_weights) block.weights = file.read<float>(group + "/weights", slots);
  if (type.has_times) block.times = file.read<std::int64_t>(group + "/times", slots);
  if (!type.relations.empty()) block.relations = file.read<std::uint32_t>(group + "/relations", slots);
  require_all_below(file, group + "/indices", block.targets, neighbors);
  require_all_below(file, group + "/relations", block.relations, type.relations.size());
  for (std::uint64_t& offset : block.offsets) offset -= slots.begin;
  return block;
}

std::string group_of(const graph::Schema& schema, const graph::EdgeType& type) {
  return edge_group(schema.vertex_type(type.source).name, type.relation, schema.vertex_type(type.destination).name);
}

void write_type(hdf5::OutputFile& file, const ImportedGraph& graph, VertexTypeId type) {
  const std::size_t t = type.index();
  const std::string& name = graph.blocks.schema.vertex_type(type).name;
  const std::string group = node_group(name);
  write_nodes(file, {name, graph.ids[t], graph.blocks.keys[t]}, t);
  const auto is_mine = [&](const KeyOverride& entry) { return entry.type == type; };
  if (std::any_of(graph.overrides.begin(), graph.overrides.end(), is_mine)) {
    IdBlock ids;
    std::vector<std::uint64_t> keys;
    for (const KeyOverride& entry : graph.overrides) {
      if (!is_mine(entry) || !file.comm().is_root()) continue;
      append(ids, entry.id);
      keys.push_back(entry.key.value());
    }
    write_texts(file, group + "/key_overrides", "ids", ids);
    file.write_as_int64(group + "/key_overrides/keys", keys);
  }
  if (t >= graph.features.size()) return;
  for (const FeatureBlock& feature : graph.features[t]) {
    const std::string dataset = group + "/features/" + hdf5::escape_name(feature.name);
    file.write_matrix<float>(dataset, feature.values, feature.width);
    file.set_attribute(dataset, "name", feature.name);
  }
}

void write_import_counts(hdf5::OutputFile& file, const std::string& group, const ImportCounts& counts) {
  file.set_attribute(group, "import_rules", counts.rules);
  file.set_attribute(group, "import_rows_read", as_signed(counts.rows_read));
  file.set_attribute(group, "import_edges_kept", as_signed(counts.edges_kept));
  file.set_attribute(group, "import_duplicates", as_signed(counts.duplicates));
  file.set_attribute(group, "import_self_loops", as_signed(counts.self_loops));
  file.set_attribute(group, "import_outside_time", as_signed(counts.outside_time));
  file.set_attribute(group, "import_below_weight", as_signed(counts.below_weight));
  file.set_attribute(group, "import_outside_core", as_signed(counts.outside_core));
  file.set_attribute(group, "import_over_degree", as_signed(counts.over_degree));
  file.set_attribute(group, "import_rare", as_signed(counts.rare));
  file.set_attribute(group, "import_expired", as_signed(counts.expired));
  file.set_attribute(group, "import_forgotten", as_signed(counts.forgotten));
  file.set_attribute(group, "import_dangling_endpoints", as_signed(counts.dangling_endpoints));
}

void write_edges(hdf5::OutputFile& file, const graph::Schema& schema, EdgeTypeId id, const graph::EdgeBlocks& edges) {
  const graph::EdgeType& type = schema.edge_type(id);
  const std::string group = group_of(schema, type);
  file.make_group(group);
  file.set_attribute(group, "source", schema.vertex_type(type.source).name);
  file.set_attribute(group, "relation", type.relation);
  file.set_attribute(group, "destination", schema.vertex_type(type.destination).name);
  file.set_attribute(group, "index", static_cast<std::int64_t>(id.value()));
  file.set_attribute(group, "count", as_signed(type.count));
  file.set_attribute(group, "undirected", type.undirected);
  file.set_attribute(group, "has_weights", type.has_weights);
  file.set_attribute(group, "has_times", type.has_times);
  if (!type.relations.empty()) {
    IdBlock names;
    if (file.comm().is_root()) {
      for (const std::string& name : type.relations) append(names, name);
    }
    write_texts(file, group, "relation_names", names);
  }
  write_adjacency(file, group + "/by_source", type, edges.by_source);
  write_adjacency(file, group + "/by_destination", type, edges.by_destination);
  file.write_as_int64(group + "/by_destination/edge_positions", edges.edge_positions);
}

std::vector<std::string> read_relation_names(const hdf5::InputFile& file, const std::string& group) {
  std::vector<std::string> names;
  const std::string base = group + "/relation_names";
  const bool is_long = file.contains(base + "_offsets");
  if (!is_long && !file.contains(base)) return names;
  const std::uint64_t count = is_long ? file.info(base + "_offsets").rows() - 1 : file.info(base).rows();
  const IdBlock texts = read_texts(file, group, "relation_names", {0, count});
  for (std::uint64_t i = 0; i < texts.size(); ++i) names.emplace_back(texts[i]);
  return names;
}

IndexRange home_block(const comm::Communicator& comm, std::uint64_t rows) {
  return graph::BlockDistribution(rows, comm.size()).block(comm.rank());
}

}  // namespace

std::string write_graph(const comm::Communicator& comm, const std::filesystem::path& path, const ImportedGraph& graph,
                        const FileProvenance& provenance) {
  hdf5::OutputFile file(comm, path);
  const graph::Schema& schema = graph.blocks.schema;
  for (std::size_t t = 0; t < schema.vertex_types().size(); ++t) {
    write_type(file, graph, VertexTypeId{static_cast<std::uint16_t>(t)});
  }
  for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
    const EdgeTypeId type{static_cast<std::uint16_t>(e)};
    write_edges(file, schema, type, graph.blocks.edges[e]);
    for (const ImportCounts& counts : graph.report.edge_types) {
      if (counts.edge_type == schema.name_of(type))
        write_import_counts(file, group_of(schema, schema.edge_type(type)), counts);
    }
  }
  FileProvenance complete = provenance;
  complete.graph_digest = file.content_digest();
  write_header(file, FileFormat::kGraph, complete);
  file.commit();
  return complete.graph_digest;
}

graph::Schema read_schema(const hdf5::InputFile& file) {
  graph::Schema schema;
  for (const NodeTypeInfo& type : node_types(file)) schema.add_vertex_type(type.name, type.count);
  const std::vector<std::string> members = file.members("/edges");
  std::vector<std::string> groups(members.size());
  for (const std::string& member : members) {
    const std::string group = "/edges/" + member;
    const auto index = static_cast<std::uint64_t>(file.attribute<std::int64_t>(group, "index"));
    if (index >= groups.size() || !groups[index].empty()) {
      throw InputError(fmt::format("{}: edge type {} has the position {}, which is taken or beyond the {} edge types",
                                   file.path().string(), member, index, groups.size()));
    }
    groups[index] = group;
  }
  for (const std::string& group : groups) {
    const auto vertex_type = [&](const char* attribute) {
      const auto name = file.attribute<std::string>(group, attribute);
      const auto type = schema.find_vertex_type(name);
      if (!type) {
        throw InputError(fmt::format("{}: {} names the vertex type '{}', which the file does not have",
                                     file.path().string(), group, name));
      }
      return *type;
    };
    graph::EdgeType type;
    type.source = vertex_type("source");
    type.relation = file.attribute<std::string>(group, "relation");
    type.destination = vertex_type("destination");
    type.count = checked_cast<std::uint64_t>(file.attribute<std::int64_t>(group, "count"));
    type.undirected = file.attribute<bool>(group, "undirected");
    type.has_weights = file.attribute<bool>(group, "has_weights");
    type.has_times = file.attribute<bool>(group, "has_times");
    type.relations = read_relation_names(file, group);
    schema.add_edge_type(std::move(type));
  }
  return schema;
}

GraphFile read_graph(const comm::Communicator& comm, const std::filesystem::path& path) {
  GraphFile result;
  comm.agree([&] {
    const hdf5::InputFile file(path);
    result.header = read_header(file, FileFormat::kGraph);
    graph::GraphBlocks& blocks = result.blocks;
    blocks.schema = read_schema(file);
    for (const graph::VertexType& type : blocks.schema.vertex_types()) {
      blocks.keys.push_back(read_nodes(file, type.name, home_block(comm, type.count)).keys);
    }
    for (const graph::EdgeType& type : blocks.schema.edge_types()) {
      const std::string group = group_of(blocks.schema, type);
      const std::uint64_t num_sources = blocks.schema.vertex_type(type.source).count;
      const std::uint64_t num_destinations = blocks.schema.vertex_type(type.destination).count;
      const IndexRange destinations = home_block(comm, num_destinations);
      graph::EdgeBlocks& edges = blocks.edges.emplace_back();
      edges.by_source =
          read_adjacency(file, group + "/by_source", type, home_block(comm, num_sources), num_destinations);
      edges.by_destination = read_adjacency(file, group + "/by_destination", type, destinations, num_sources);
      const auto first =
          file.read<std::uint64_t>(group + "/by_destination/indptr", {destinations.begin, destinations.begin + 1})[0];
      edges.edge_positions = file.read<std::uint64_t>(group + "/by_destination/edge_positions",
                                                      {first, first + edges.by_destination.targets.size()});
      require_all_below(file, group + "/by_destination/edge_positions", edges.edge_positions, type.count);
    }
  });
  return result;
}

std::vector<FeatureBlock> read_features(const comm::Communicator& comm, const std::filesystem::path& path,
                                        const std::string& type) {
  std::vector<FeatureBlock> features;
  comm.agree([&] {
    const hdf5::InputFile file(path);
    (void)read_header(file, FileFormat::kGraph);
    const NodeTypeInfo found = node_type(file, type);
    for (const std::string& member : file.members(found.group + "/features")) {
      const std::string name = found.group + "/features/" + member;
      features.push_back({file.attribute<std::string>(name, "name"), file.info(name).width(),
                          file.read<float>(name, home_block(comm, found.count))});
    }
  });
  return features;
}

std::vector<KeyOverride> read_key_overrides(const hdf5::InputFile& file, VertexTypeId type) {
  std::vector<KeyOverride> overrides;
  const std::string group = node_types(file).at(type.index()).group + "/key_overrides";
  if (!file.is_group(group)) return overrides;
  const auto keys = file.read<std::uint64_t>(group + "/keys");
  const IdBlock ids = read_texts(file, group, "ids", {0, keys.size()});
  for (std::size_t i = 0; i < keys.size(); ++i) overrides.push_back({type, std::string(ids[i]), VertexKey{keys[i]}});
  return overrides;
}

NodeRows read_nodes(const comm::Communicator& comm, const std::filesystem::path& path, const std::string& type) {
  NodeRows nodes;
  comm.agree([&] {
    const hdf5::InputFile file(path);
    (void)read_header(file);
    nodes = read_nodes(file, type, home_block(comm, node_type(file, type).count));
  });
  return nodes;
}

}  // namespace rove::io
