// SPDX-License-Identifier: Apache-2.0
#include "gnn/column_layout.hpp"

#include <algorithm>

#include "engine/exec/propagation.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/graph/replicate.hpp"
#include "engine/parallel/parallel.hpp"
#include "partition/locality_order.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kColumnLayoutGrain = 1024;

}  // namespace

IndexRange columns_of(Rank rank, std::int32_t ranks, std::uint32_t dim) {
  const IndexRange blocks = graph::BlockDistribution(exec::padded_width(dim) / exec::kRowLanes, ranks).block(rank);
  return {blocks.begin * exec::kRowLanes, blocks.end * exec::kRowLanes};
}

ColumnLayout::ColumnLayout(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                           std::uint32_t dim, std::uint64_t cluster_bytes, ProgressSink& progress)
    : comm_(comm),
      graph_(graph),
      dim_(dim),
      whole_width_(exec::padded_width(dim)),
      whole_graph_(make_whole_graph(type, cluster_bytes, progress)) {}

graph::DistributedGraph ColumnLayout::make_whole_graph(EdgeTypeId type, std::uint64_t cluster_bytes,
                                                       ProgressSink& progress) {
  graph::GraphBlocks whole = graph::gather_whole(comm_, graph_, type);
  const std::uint64_t bytes = whole.schema.num_vertices() * columns(Rank{0}).size() * sizeof(float);
  const comm::Communicator alone = comm_.split(comm_.rank().value());
  graph::RowOrder order;
  comm_.agree([&] {
    if (!comm_.is_root()) return;
    order = partition::locality_order(alone, whole, bytes / cluster_bytes + 1, progress);
  });
  order.resize(whole.schema.vertex_types().size());
  places_.resize(whole.schema.num_vertices());
  for (std::uint16_t t = 0; t < whole.schema.vertex_types().size(); ++t) {
    const IndexRange of_type = whole.schema.stable_range(VertexTypeId{t});
    order[t].resize(of_type.size());
    comm_.broadcast(std::span(order[t]), Rank{0});
    for (std::uint64_t i = 0; i < order[t].size(); ++i) {
      places_[of_type.begin + order[t][i]] = static_cast<std::uint32_t>(of_type.begin + i);
    }
  }
  whole = graph::reordered(whole, order);
  return graph::build_alone(alone, whole);
}

std::uint64_t ColumnLayout::clustering_bytes(std::uint64_t vertices, std::uint64_t edges) {
  return partition::locality_order_bytes(vertices, edges);
}

std::span<const std::uint32_t> ColumnLayout::places_of(VertexTypeId type) const {
  const IndexRange rows = whole_graph_.owned_of_type(type);
  return std::span(places_).subspan(rows.begin, rows.size());
}

EmbeddingTable ColumnLayout::make_table() const {
  const IndexRange mine = columns(comm_.rank());
  const std::uint64_t end = std::min<std::uint64_t>(mine.end, dim_);
  return {whole_graph_.num_owned(), static_cast<std::uint32_t>(end - std::min(mine.begin, end))};
}

EmbeddingTable ColumnLayout::to_owners(const EmbeddingTable& columns) const {
  EmbeddingTable whole(graph_.num_owned(), dim_);
  for (std::uint16_t t = 0; t < graph_.schema().vertex_types().size(); ++t) {
    const VertexTypeId type{t};
    const std::vector<float> home = to_home(type, columns.values());
    const std::vector<float> rows = graph_.home(type).to_owners<float>(comm_, home, whole_width_);
    std::ranges::copy(
        rows, whole.values().begin() + static_cast<std::ptrdiff_t>(graph_.owned_of_type(type).begin * whole_width_));
  }
  return whole;
}

void ColumnLayout::from_owners(const EmbeddingTable& whole, std::span<float> columns) const {
  for (std::uint16_t t = 0; t < graph_.schema().vertex_types().size(); ++t) {
    const VertexTypeId type{t};
    const IndexRange owned = graph_.owned_of_type(type);
    const auto rows = whole.values().subspan(owned.begin * whole_width_, owned.size() * whole_width_);
    from_home(type, graph_.home(type).to_home<float>(comm_, rows, whole_width_), columns);
  }
}

std::vector<std::uint8_t> ColumnLayout::flags_of_all(std::span<const std::uint8_t> owned_flags) const {
  std::vector<std::uint8_t> all(whole_graph_.num_owned());
  for (std::uint16_t t = 0; t < graph_.schema().vertex_types().size(); ++t) {
    const VertexTypeId type{t};
    const IndexRange owned = graph_.owned_of_type(type);
    const std::vector<std::uint8_t> home =
        graph_.home(type).to_home<std::uint8_t>(comm_, owned_flags.subspan(owned.begin, owned.size()));
    const std::vector<std::uint8_t> of_type = comm_.all_gather_v<std::uint8_t>(home).data;
    const std::span<const std::uint32_t> places = places_of(type);
    for (std::size_t row = 0; row < of_type.size(); ++row) all[places[row]] = of_type[row];
  }
  return all;
}

std::vector<float> ColumnLayout::to_home(VertexTypeId type, std::span<const float> columns) const {
  // Home blocks are contiguous and in rank order, so rows in stable order leave as they lie.
  const std::span<const std::uint32_t> places = places_of(type);
  const std::uint64_t width = this->width();
  std::vector<float> outgoing(places.size() * width);
  parallel::for_each({0, places.size()}, kColumnLayoutGrain, [&](std::uint64_t row) {
    std::copy_n(columns.data() + places[row] * width, width, outgoing.data() + row * width);
  });
  const graph::BlockDistribution homes(places.size(), comm_.size());
  std::vector<std::uint64_t> counts;
  for (Rank r{0}; r.value() < comm_.size(); ++r) counts.push_back(homes.block(r).size() * width);
  const auto received = comm_.exchange<float>(std::span<const float>(outgoing), counts);
  const std::uint64_t count = homes.block(comm_.rank()).size();
  std::vector<float> home(count * whole_width_);
  for (Rank r{0}; r.value() < comm_.size(); ++r) {
    const IndexRange theirs = this->columns(r);
    const std::span<const float> part = received.from(r);
    parallel::for_each({0, count}, kColumnLayoutGrain, [&](std::uint64_t i) {
      std::copy_n(part.data() + i * theirs.size(), theirs.size(), home.data() + i * whole_width_ + theirs.begin);
    });
  }
  return home;
}

void ColumnLayout::from_home(VertexTypeId type, std::span<const float> home, std::span<float> columns) const {
  const std::uint64_t count = home.size() / whole_width_;
  std::vector<float> outgoing(home.size());
  std::vector<std::uint64_t> counts;
  for (Rank r{0}; r.value() < comm_.size(); ++r) {
    const IndexRange theirs = this->columns(r);
    float* const part = outgoing.data() + count * theirs.begin;
    parallel::for_each({0, count}, kColumnLayoutGrain, [&](std::uint64_t i) {
      std::copy_n(home.data() + i * whole_width_ + theirs.begin, theirs.size(), part + i * theirs.size());
    });
    counts.push_back(count * theirs.size());
  }
  const auto received = comm_.exchange<float>(std::span<const float>(outgoing), counts);
  const std::span<const std::uint32_t> places = places_of(type);
  const std::uint64_t width = this->width();
  parallel::for_each({0, places.size()}, kColumnLayoutGrain, [&](std::uint64_t row) {
    std::copy_n(received.data.data() + row * width, width, columns.data() + places[row] * width);
  });
}

}  // namespace rove::gnn
