// SPDX-License-Identifier: Apache-2.0
#include "gnn/item_rows.hpp"

#include <algorithm>
#include <limits>

#include "gnn/batch_training.hpp"
#include "gnn/everywhere.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint32_t kNotFetched = std::numeric_limits<std::uint32_t>::max();

}  // namespace

ItemRows::ItemRows(const comm::Communicator& comm, const graph::DistributedGraph& graph, VertexTypeId items,
                   std::uint32_t width)
    : comm_(&comm),
      graph_(&graph),
      width_(width),
      is_alone_(comm.size() == 1),
      first_local_(graph.owned_of_type(items).begin) {
  const IndexRange owned = graph.owned_of_type(items);
  std::vector<std::uint64_t> ids(owned.size());
  for (std::uint64_t i = 0; i < ids.size(); ++i) {
    ids[i] = graph.index_map().global_of(LocalVertexId{static_cast<std::uint32_t>(owned.begin + i)}).value();
  }
  const std::uint64_t first = graph.partition().owned_by(comm.rank()).begin + owned.begin;
  first_items_ = comm.all_gather(first);
  for (const std::uint64_t id : everywhere<std::uint64_t>(comm, graph, items, ids)) globals_.emplace_back(id);
  places_.assign(globals_.size(), kNotFetched);
  if (!is_alone_) return;
  for (std::size_t item = 0; item < places_.size(); ++item)
    places_[item] = static_cast<std::uint32_t>(globals_[item].value());
}

void ItemRows::fetch(const EmbeddingTable& table, std::span<const std::uint32_t> items) {
  if (is_alone_) return;
  std::ranges::fill(places_, kNotFetched);
  const auto ranks = static_cast<std::size_t>(comm_->size());
  std::vector<std::vector<std::uint32_t>> wanted(ranks);
  for (const std::uint32_t item : items) {
    if (places_[item] != kNotFetched) continue;
    std::vector<std::uint32_t>& of_owner = wanted[owner_of(item).index()];
    places_[item] = static_cast<std::uint32_t>(of_owner.size());
    of_owner.push_back(item);
  }
  std::vector<std::uint32_t> questions;
  std::vector<std::uint64_t> counts(ranks);
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    const auto before = static_cast<std::uint32_t>(questions.size());
    counts[rank] = wanted[rank].size();
    for (const std::uint32_t item : wanted[rank]) {
      places_[item] += before;
      questions.push_back(place_at_owner(item));
    }
  }
  const comm::Gathered<std::uint32_t> asked = comm_->exchange<std::uint32_t>(questions, counts);
  std::vector<float> answers(asked.data.size() * width_);
  for (std::size_t i = 0; i < asked.data.size(); ++i) {
    std::copy_n(table.values().data() + (first_local_ + asked.data[i]) * width_, width_, answers.data() + i * width_);
  }
  std::vector<std::uint64_t> send(ranks + 1);
  std::vector<std::uint64_t> receive(ranks + 1);
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    send[rank + 1] = asked.offsets[rank + 1] * width_;
    receive[rank + 1] = receive[rank] + counts[rank] * width_;
  }
  grow(fetched_, receive.back());
  comm_->start_exchange<float>(answers, send, fetched_.span().first(receive.back()), receive).wait();
}

}  // namespace rove::gnn
