// SPDX-License-Identifier: Apache-2.0
#include "gnn/co_interactions.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kCoInteractionsGrain = 16;

}  // namespace

std::uint64_t CoInteractions::bytes(const ModelShare& share) {
  const std::uint64_t per_row = share.owned_rows == 0 ? 0 : share.owned_interactions / share.owned_rows + 1;
  const std::uint64_t lists = sizeof(Listed) * (share.owned_interactions + 2 * share.ghost_rows * per_row);
  return lists + share.threads * share.items * (sizeof(std::uint64_t) + sizeof(Entry));
}

CoInteractions::CoInteractions(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type)
    : by_item_(graph.by_destination(type)),
      num_items_(graph.schema().vertex_type(graph.schema().edge_type(type).destination).count),
      num_owned_(graph.num_owned()) {
  const graph::EdgeType& edge_type = graph.schema().edge_type(type);
  const IndexRange users = graph.owned_of_type(edge_type.source);
  const IndexRange items = graph.owned_of_type(edge_type.destination);
  first_user_ = users.begin;

  // The diagonal is the sum of the squares of how often each pair occurs, whose slots may lie apart.
  std::vector<std::uint32_t> squares(graph.num_local());
  comm.agree([&] {
    std::vector<LocalVertexId> row;
    for (std::uint64_t item = 0; item < items.size(); ++item) {
      std::uint64_t sum = 0;
      const auto slots = by_item_.neighbors(item);
      row.assign(slots.begin(), slots.end());
      std::ranges::sort(row);
      for (std::size_t slot = 0; slot < row.size();) {
        std::uint64_t run = 1;
        while (slot + run < row.size() && row[slot + run] == row[slot]) ++run;
        sum += run * run;
        slot += run;
      }
      squares[items.begin + item] = checked_cast<std::uint32_t>(sum, "interactions of an item with itself");
    }
  });
  graph.halo().update<std::uint32_t>(squares);

  const graph::CsrGraph& by_user = graph.by_source(type);
  const std::uint64_t first_item = graph.schema().stable_range(edge_type.destination).begin;
  owned_.offsets = by_user.offsets;
  owned_.values.resize(by_user.num_edges());
  parallel::for_each({0, by_user.num_edges()}, 4096, [&](std::uint64_t slot) {
    const LocalVertexId item = by_user.targets[slot];
    owned_.values[slot] = {static_cast<std::uint32_t>(graph.index_map().stable_of(item).value() - first_item),
                           squares[item.index()]};
  });
  const TypeHalo halo(graph, edge_type.source);
  ghosts_ = halo.ghost_rows(owned_);
  ghost_places_.resize(graph.num_local() - num_owned_);
  for (std::size_t g = 0; g < halo.ghosts().size(); ++g) {
    ghost_places_[halo.ghosts()[g] - num_owned_] = static_cast<std::uint32_t>(g);
  }
}

std::span<const CoInteractions::Listed> CoInteractions::list_of(std::uint32_t local_user) const {
  const bool is_owned = local_user < num_owned_;
  const graph::RaggedRows<Listed>& rows = is_owned ? owned_ : ghosts_;
  const std::uint64_t row = is_owned ? local_user - first_user_ : ghost_places_[local_user - num_owned_];
  return std::span(rows.values).subspan(rows.offsets[row], rows.offsets[row + 1] - rows.offsets[row]);
}

void CoInteractions::for_each_row(IndexRange items,
                                  const std::function<void(std::uint64_t, std::span<const Entry>)>& consume) const {
  struct Scratch {
    std::vector<std::uint64_t> counts;
    std::vector<Entry> entries;
  };
  parallel::PerThread<Scratch> scratch;
  parallel::for_chunks(items, kCoInteractionsGrain, [&](IndexRange chunk) {
    Scratch& mine = scratch.local();
    mine.counts.resize(num_items_);
    for (std::uint64_t item = chunk.begin; item < chunk.end; ++item) {
      mine.entries.clear();
      for (const LocalVertexId user : by_item_.neighbors(item)) {
        for (const Listed& other : list_of(user.value())) {
          if (mine.counts[other.item]++ == 0) mine.entries.push_back({other.item, 0, other.squares});
        }
      }
      for (Entry& entry : mine.entries) {
        entry.count = mine.counts[entry.item];
        mine.counts[entry.item] = 0;
      }
      consume(item, mine.entries);
    }
  });
}

}  // namespace rove::gnn
