// SPDX-License-Identifier: Apache-2.0
#include "gnn/interactions.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kInteractionsGrain = 1024;

}  // namespace

Interactions::Interactions(const graph::DistributedGraph& graph, EdgeTypeId type) : graph_(&graph), type_(type) {
  if (user_type() == item_type()) {
    throw InputError(
        fmt::format("edge type {} connects a vertex type with itself; training needs one from users to items",
                    graph.schema().name_of(type)));
  }
  const graph::CsrGraph& csr = graph.by_source(type);
  const std::uint64_t users = csr.num_rows();
  const IndexRange stable_items = graph.schema().stable_range(item_type());
  std::vector<std::uint32_t> rows(csr.num_edges());
  std::vector<std::uint64_t> counts(users);
  parallel::for_each({0, users}, kInteractionsGrain, [&](std::uint64_t user) {
    const IndexRange slots = csr.slots(user);
    for (std::uint64_t slot = slots.begin; slot < slots.end; ++slot) {
      rows[slot] =
          static_cast<std::uint32_t>(graph.index_map().stable_of(csr.targets[slot]).value() - stable_items.begin);
    }
    const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(slots.begin);
    const auto end = rows.begin() + static_cast<std::ptrdiff_t>(slots.end);
    if (!std::is_sorted(begin, end)) std::sort(begin, end);
    counts[user] = static_cast<std::uint64_t>(std::unique(begin, end) - begin);
  });
  offsets_.assign(users + 1, 0);
  for (std::uint64_t user = 0; user < users; ++user) offsets_[user + 1] = offsets_[user] + counts[user];
  if (offsets_.back() == rows.size()) {
    items_ = std::move(rows);
    return;
  }
  items_.resize(offsets_.back());
  for (std::uint64_t user = 0; user < users; ++user) {
    std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(csr.offsets[user]), counts[user],
                items_.begin() + static_cast<std::ptrdiff_t>(offsets_[user]));
  }
}

Interactions::Interactions(const graph::DistributedGraph& graph, EdgeTypeId type,
                           const graph::RaggedRows<std::uint32_t>& more)
    : Interactions(graph, type) {
  std::vector<std::uint64_t> offsets{0};
  std::vector<std::uint32_t> items;
  items.reserve(items_.size() + more.values.size());
  for (std::size_t user = 0; user + 1 < offsets_.size(); ++user) {
    const auto mine = items_of(user);
    std::set_union(mine.begin(), mine.end(), more.values.begin() + static_cast<std::ptrdiff_t>(more.offsets[user]),
                   more.values.begin() + static_cast<std::ptrdiff_t>(more.offsets[user + 1]),
                   std::back_inserter(items));
    offsets.push_back(items.size());
  }
  offsets_ = std::move(offsets);
  items_ = std::move(items);
}

bool Interactions::has(std::uint64_t user, std::uint64_t item_row) const {
  const auto items = items_of(user);
  return std::binary_search(items.begin(), items.end(), item_row);
}

std::uint64_t Interactions::missing_item(std::uint64_t user, std::uint64_t rank) const {
  // items[i] - i items are missing below items[i]; the answer lies before the first item with more than `rank` of them.
  const auto items = items_of(user);
  std::uint64_t low = 0;
  std::uint64_t high = items.size();
  while (low < high) {
    const std::uint64_t middle = (low + high) / 2;
    if (items[middle] - middle > rank) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return rank + low;
}

}  // namespace rove::gnn
