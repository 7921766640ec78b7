// SPDX-License-Identifier: Apache-2.0
#include "io/import/import_graph.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/base/error.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/ids/id_index.hpp"
#include "io/import/degree_filters.hpp"
#include "io/import/edge_builder.hpp"
#include "io/import/edge_reader.hpp"
#include "io/import/forgotten_ids.hpp"
#include "io/import/graph_rebuild.hpp"
#include "io/import/node_reader.hpp"
#include "io/import/previous_slots.hpp"
#include "io/import/row_mapping.hpp"
#include "io/import/vertex_filters.hpp"
#include "io/import/vertex_links.hpp"

namespace rove::io {
namespace {

class Importer {
 public:
  Importer(const comm::Communicator& comm, const ImportOptions& options, ProgressSink& progress)
      : comm_(comm), options_(options), progress_(comm.is_root() ? progress : no_progress()) {}

  ImportedGraph run() {
    const auto start = std::chrono::steady_clock::now();
    require_valid(options_);
    declare_types();
    read();
    number();
    place_links();
    find_forgotten_pairs();
    build_edges();
    finish_types();
    for (NodeRead& nodes : nodes_) add_features(nodes);
    apply_filters();
    apply_cores();
    for (std::size_t e = 0; e < edges_.size(); ++e) {
      result_.report.edge_types[e].edges_kept = result_.blocks.schema.edge_types()[e].count;
    }
    apply_links();
    if (!options_.previous.empty()) {
      comm_.set_phase("import: keeping the previous graph's slots");
      keep_previous_slots(comm_, result_, options_.previous);
    }
    if (forgotten_) result_.report.forgotten = forgotten_->counts(comm_);
    total_report();
    result_.report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return std::move(result_);
  }

 private:
  std::size_t type_index(const std::string& name) {
    for (std::size_t t = 0; t < types_.size(); ++t) {
      if (types_[t].name == name) return t;
    }
    types_.push_back({name, std::make_unique<IdTable>(name), false, false, {}, {}});
    return types_.size() - 1;
  }

  void declare_types() {
    for (const EdgeOptions& edges : options_.edges) {
      EdgeTypeState state;
      state.options = &edges;
      state.source = type_index(edges.source_type);
      state.destination = type_index(edges.destination_type);
      edges_.push_back(std::move(state));
    }
    for (const NodeOptions& nodes : options_.nodes) {
      VertexTypeState& type = types_[type_index(nodes.type)];
      // Feature files name vertices too, but few of them are meant to be complete.
      const bool is_list = nodes.format == NodeFormat::kIds || nodes.format == NodeFormat::kRecBole;
      type.closed = type.closed || (is_list && nodes.dangling != Dangling::kAdd);
      type.refuses = type.refuses || nodes.dangling == Dangling::kError;
    }
    check_links(options_);
    for (const LinkOptions& links : options_.links) {
      type_index(links.type);
      type_index(links.alias_type);
    }
    if (options_.forget.empty()) return;
    for (const std::string& type : {options_.forget.user_type, options_.forget.item_type}) {
      if (std::ranges::find(types_, type, &VertexTypeState::name) != types_.end()) continue;
      throw ConfigError(fmt::format("forget: the graph has no vertex type '{}', but the types {}", type,
                                    fmt::join(types_ | std::views::transform(&VertexTypeState::name), ", ")));
    }
  }

  void read() {
    for (const NodeOptions& nodes : options_.nodes) {
      NodeRead read = read_nodes(comm_, nodes, *types_[type_index(nodes.type)].table, progress_);
      const auto is_same = [&](const NodeRead& other) {
        return read.width > 0 && other.width > 0 && other.type == read.type && other.name == read.name;
      };
      if (std::ranges::any_of(nodes_, is_same)) {
        throw ConfigError(fmt::format("graph.nodes: two entries have features '{}' of type '{}'; give one another name",
                                      read.name, read.type));
      }
      nodes_.push_back(std::move(read));
    }
    for (EdgeTypeState& edges : edges_) {
      const EdgeOptions& options = *edges.options;
      comm_.set_phase("import: reading " + name_of(options));
      edges.relation_table = std::make_unique<IdTable>("relation");
      const RowFilter filter{options.time_from, options.time_to, options.min_weight, options.store_weights,
                             !options.directed};
      edges.read = read_edges(comm_, options.layout, filter, *types_[edges.source].table,
                              *types_[edges.destination].table, edges.relation_table.get(), progress_);
    }
    for (const LinkOptions& options : options_.links) {
      EdgeTypeState links;
      links.options = &link_rules_;
      links.source = type_index(options.type);
      links.destination = type_index(options.alias_type);
      TextLayout layout = options.layout;
      layout.link_source = options.type;
      layout.link_target = options.alias_type;
      links.read = read_edges(comm_, layout, {}, *types_[links.source].table, *types_[links.destination].table, nullptr,
                              progress_);
      links_.push_back(std::move(links));
    }
  }

  void number() {
    std::vector<NamedVertices> named;
    for (VertexTypeState& type : types_) {
      named.push_back(type.table->take());
      type.table.reset();
    }
    forget_vertices(named);
    for (std::size_t t = 0; t < types_.size(); ++t) {
      VertexTypeState& type = types_[t];
      comm_.set_phase("import: numbering " + type.name);
      type.numbering = number_vertices(comm_, type.name, std::move(named[t]), type.closed);
      type.numbering.rows = spread_rows(std::move(type.numbering.rows), type.forgotten);
    }
  }

  void forget_vertices(std::span<NamedVertices> named) {
    if (options_.forget.empty()) return;
    comm_.set_phase("import: forgetting");
    forgotten_.emplace(comm_, options_.forget);
    // From the last link, since an alias may have aliases of its own.
    for (const EdgeTypeState& links : links_ | std::views::reverse) {
      const std::vector<std::uint8_t> listed = forgotten_->listed(types_[links.source].name, named[links.source]);
      IdBlock aliases;
      for (const EdgeList& list : links.read.lists) {
        for (std::size_t i = 0; i < list.size(); ++i) {
          if (is_listed(listed, list.sources[i])) append(aliases, named[links.destination].ids[list.targets[i]]);
        }
      }
      forgotten_->add(comm_, types_[links.destination].name, aliases);
    }
    for (std::size_t t = 0; t < types_.size(); ++t) {
      types_[t].forgotten = forgotten_->take_out(types_[t].name, named[t]);
    }
  }

  IdIndex index_of(const std::string& name) {
    const std::size_t t = type_index(name);
    const VertexTypeId id{static_cast<std::uint16_t>(t)};
    const VertexNumbering& numbering = types_[t].numbering;
    std::vector<KeyOverride> overrides;
    for (const auto& [text, key] : numbering.overrides) overrides.push_back({id, text, key});
    return {comm_, name, id, numbering.ids, numbering.keys, overrides};
  }

  void place_links() {
    // A link is no interaction: no pair concerns it.
    const EdgeBuilder builder(comm_, types_, nullptr);
    for (EdgeTypeState& links : links_) {
      result_.report.bytes_read += links.read.bytes_read;
      result_.report.links.push_back(builder.place_links(links));
    }
  }

  void find_forgotten_pairs() {
    if (!forgotten_) return;
    forgotten_->find_pairs(comm_, index_of(options_.forget.user_type), index_of(options_.forget.item_type));
    for (const EdgeTypeState& links : links_ | std::views::reverse) {
      forgotten_->add_aliases(comm_, types_[links.source].name, types_[links.destination].name, links.read.lists);
    }
  }

  void build_edges() {
    const EdgeBuilder builder(comm_, types_, forgotten_ ? &*forgotten_ : nullptr);
    for (EdgeTypeState& edges : edges_) {
      result_.report.bytes_read += edges.read.bytes_read;
      BuiltEdges built = builder.build(edges);
      result_.blocks.edges.push_back(std::move(built.blocks));
      result_.report.edge_types.push_back(std::move(built.counts));
    }
  }

  void finish_types() {
    for (VertexTypeState& type : types_) {
      const VertexTypeId id = result_.blocks.schema.add_vertex_type(type.name, type.numbering.count);
      result_.blocks.keys.push_back(std::move(type.numbering.keys));
      result_.ids.push_back(std::move(type.numbering.ids));
      for (auto& [text, key] : type.numbering.overrides) result_.overrides.push_back({id, text, key});
    }
    result_.features.resize(types_.size());
    for (std::size_t e = 0; e < edges_.size(); ++e) {
      const EdgeTypeState& edges = edges_[e];
      graph::EdgeType type;
      type.source = VertexTypeId{static_cast<std::uint16_t>(edges.source)};
      type.relation = edges.options->relation_name;
      type.destination = VertexTypeId{static_cast<std::uint16_t>(edges.destination)};
      type.count =
          comm_.all_reduce(std::uint64_t{result_.blocks.edges[e].by_source.targets.size()}, comm::ReduceOp::kSum);
      type.undirected = !edges.options->directed;
      type.has_weights = edges.read.columns.weights;
      type.has_times = edges.read.columns.times;
      type.relations = edges.relations;
      result_.blocks.schema.add_edge_type(std::move(type));
    }
  }

  void add_features(NodeRead& nodes) {
    const std::size_t t = type_index(nodes.type);
    const graph::BlockDistribution homes(types_[t].numbering.count, comm_.size());
    result_.report.bytes_read += nodes.bytes_read;
    if (nodes.width == 0) return;
    result_.features[t].push_back(place_features(comm_, nodes, types_[t].numbering.rows, homes));
  }

  void apply_cores() {
    std::vector<std::uint64_t> cores;
    for (const EdgeTypeState& edges : edges_) cores.push_back(edges.options->k_core);
    if (std::ranges::all_of(cores, [](std::uint64_t k) { return k == 0; })) return;
    std::vector<std::uint8_t> listed(types_.size());
    for (std::size_t t = 0; t < types_.size(); ++t) {
      listed[t] = std::ranges::any_of(options_.nodes, [&](const NodeOptions& n) { return n.type == types_[t].name; });
    }
    follow(keep_cores(comm_, result_, cores, listed));
  }

  void apply_filters() {
    if (options_.filters.empty()) return;
    comm_.set_phase("import: filtering vertices");
    follow(filter_vertices(comm_, result_, options_.filters));
  }

  /// **Collective.** Links, which are applied last, name vertices by the rows that they have by then; those of vertices
  /// that went go with them.
  void follow(const RowsAfter& rows_after) {
    for (EdgeTypeState& links : links_) {
      const auto renumber = [&](std::size_t type, std::vector<std::uint32_t> EdgeList::* column) {
        std::vector<std::uint32_t> rows;
        for (const EdgeList& list : links.read.lists) {
          rows.insert(rows.end(), (list.*column).begin(), (list.*column).end());
        }
        const auto now = look_up_rows(comm_, {types_[type].numbering.count, comm_.size()}, rows_after[type], rows);
        auto next = now.begin();
        for (EdgeList& list : links.read.lists) {
          for (std::uint32_t& row : list.*column) row = static_cast<std::uint32_t>(*next++);
        }
      };
      renumber(links.source, &EdgeList::sources);
      renumber(links.destination, &EdgeList::targets);
      for (EdgeList& list : links.read.lists) {
        keep_edges(list,
                   [&](std::size_t i) { return list.sources[i] != kUnknownRow && list.targets[i] != kUnknownRow; });
      }
    }
    for (std::size_t t = 0; t < types_.size(); ++t) {
      types_[t].numbering.count = result_.blocks.schema.vertex_types()[t].count;
    }
  }

  void apply_links() {
    for (EdgeTypeState& links : links_) {
      merge_linked(comm_, result_, VertexTypeId{static_cast<std::uint16_t>(links.source)},
                   VertexTypeId{static_cast<std::uint16_t>(links.destination)}, std::move(links.read.lists));
    }
  }

  /// **Collective.** Sums the ranks' counts.
  void total_report() {
    std::vector<std::uint64_t> numbers{result_.report.bytes_read};
    const auto visit = [&](const auto& use) {
      for (ImportCounts& counts : result_.report.edge_types) {
        for (std::uint64_t* number : {&counts.rows_read, &counts.duplicates, &counts.self_loops, &counts.outside_time,
                                      &counts.below_weight, &counts.outside_core, &counts.over_degree, &counts.rare,
                                      &counts.expired, &counts.forgotten, &counts.dangling_endpoints}) {
          use(*number);
        }
      }
      for (LinkCounts& counts : result_.report.links) {
        for (std::uint64_t* number : {&counts.rows_read, &counts.forgotten, &counts.dangling_endpoints}) use(*number);
      }
    };
    visit([&](std::uint64_t& number) { numbers.push_back(number); });
    comm_.all_reduce(std::span(numbers), comm::ReduceOp::kSum);
    result_.report.bytes_read = numbers[0];
    std::size_t next = 1;
    visit([&](std::uint64_t& number) { number = numbers[next++]; });
  }

  const comm::Communicator& comm_;
  const ImportOptions& options_;
  ProgressSink& progress_;
  std::vector<VertexTypeState> types_;
  std::vector<EdgeTypeState> edges_;
  std::vector<NodeRead> nodes_;
  EdgeOptions link_rules_;  ///< those of `links_`
  std::vector<EdgeTypeState> links_;
  std::optional<ForgottenIds> forgotten_;
  ImportedGraph result_;
};

}  // namespace

ImportedGraph import_graph(const comm::Communicator& comm, const ImportOptions& options, ProgressSink& progress) {
  return Importer(comm, options, progress).run();
}

std::uint64_t plan_text_blocks(std::uint32_t threads) {
  return std::uint64_t{threads} * (std::uint64_t{16} << 20U);
}

std::uint64_t attribute_bytes(const graph::EdgeType& type) {
  return (type.has_weights ? 4U : 0U) + (type.has_times ? 8U : 0U) + (type.relations.empty() ? 0U : 4U);
}

MemoryPlan plan_import(const graph::Schema& schema, std::int32_t ranks, std::uint32_t threads, std::uint64_t id_bytes) {
  const auto share = [&](std::uint64_t count) {
    const auto parts = static_cast<std::uint64_t>(ranks);
    return (count + parts - 1) / parts;
  };
  std::uint64_t edge_bytes = 0;
  std::vector<std::uint64_t> ends(schema.vertex_types().size());
  for (const graph::EdgeType& type : schema.edge_types()) {
    ends[type.source.index()] += share(type.count);
    ends[type.destination.index()] += share(type.count);
    edge_bytes += share(type.count) * (8 + attribute_bytes(type));
  }
  MemoryPlan plan("import");
  plan.hold("blocks of text", plan_text_blocks(threads));
  plan.hold("edges until their rows are known, sent and received", 3 * edge_bytes);
  // Every rank may meet most ids in its share of the rows.
  std::uint64_t met = 0;
  for (std::size_t t = 0; t < ends.size(); ++t) {
    const std::uint64_t count = schema.vertex_types()[t].count;
    met += std::max(share(count), std::min(count, ends[t]));
  }
  plan.hold("dictionary of ids", met * (2 * id_bytes + 48));
  return plan;
}

}  // namespace rove::io
