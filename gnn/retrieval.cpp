// SPDX-License-Identifier: Apache-2.0
#include "gnn/retrieval.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/huge_buffer.hpp"
#include "engine/base/isa.hpp"
#include "engine/base/top_k.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/detail/kernels.hpp"
#include "gnn/detail/retrieval_kernels.hpp"

namespace rove::gnn {
namespace {

/// Items scored against a block of users before the next block: 64 panels of 64 columns are 512 KiB, half of a
/// second-level cache of 1 MiB.
constexpr std::uint64_t kPanelsPerPass = 64;
/// Items that travel together: 16384 items of 64 columns are 4 MiB.
constexpr std::uint64_t kItemsPerMessage = 16384;
constexpr std::uint64_t kBlocksPerTask = 8;

/// This rank's items in the order they are offered: longest first, so that thresholds rise early. Lists do not depend
/// on it.
std::vector<std::uint32_t> items_by_norm(const Interactions& interactions, const EmbeddingTable& embeddings) {
  const IndexRange owned = interactions.owned_items();
  detail::SquaredNorm* const norm_of = pick_isa(detail::avx2::squared_norm, detail::avx512::squared_norm);
  std::vector<float> norms(owned.size());
  for (std::uint64_t i = 0; i < owned.size(); ++i) {
    norms[i] = norm_of(embeddings.values().data() + (owned.begin + i) * embeddings.width(), embeddings.width());
  }
  std::vector<std::uint32_t> order(owned.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return norms[a] != norms[b] ? norms[a] > norms[b] : a < b; });
  return order;
}

/// The users of this rank with their selections so far.
class UserScan {
 public:
  UserScan(const Interactions& interactions, const EmbeddingTable& embeddings, const RetrievalOptions& options,
           const std::function<bool(std::uint64_t)>& wanted)
      : interactions_(interactions),
        embeddings_(embeddings),
        options_(options),
        scan_(pick_isa(detail::avx2::scan_panels, detail::avx512::scan_panels)),
        block_(pick_isa(detail::avx2::block_users, detail::avx512::block_users)()) {
    const std::uint64_t users = interactions.owned_users().size();
    for (std::uint64_t user = 0; user < users; ++user) {
      if (wanted(user)) users_.push_back(static_cast<std::uint32_t>(user));
    }
    selections_.assign(users_.size(), TopK(std::min<std::uint64_t>(options.top_k, interactions.num_items())));
    rows_ = HugeBuffer<float>(users_.size() * embeddings.width());
    for (std::size_t i = 0; i < users_.size(); ++i) {
      std::copy_n(embeddings.values().data() + (interactions.owned_users().begin + users_[i]) * embeddings.width(),
                  embeddings.width(), rows_.data() + i * embeddings.width());
    }
  }

  /// Offers items to all users: their panels, and their rows in the item type.
  void offer(const float* panels, std::span<const std::uint32_t> item_rows) {
    if (options_.top_k == 0 || users_.empty()) return;
    const std::uint64_t num_panels = (item_rows.size() + detail::kPanelItems - 1) / detail::kPanelItems;
    const std::uint64_t num_blocks = (users_.size() + block_ - 1) / block_;
    parallel::for_chunks({0, num_blocks}, kBlocksPerTask, [&](IndexRange blocks) {
      Pass pass(embeddings_.dim());
      for (std::uint64_t panel = 0; panel < num_panels; panel += kPanelsPerPass) {
        const std::uint64_t count = std::min(kPanelsPerPass, num_panels - panel);
        for (std::uint64_t block = blocks.begin; block < blocks.end; ++block) {
          scan_block(pass, block, panels + panel * detail::kPanelItems * embeddings_.dim(), count,
                     item_rows.subspan(panel * detail::kPanelItems));
        }
      }
    });
  }

  /// The lists of all owned users; the selections are used up.
  [[nodiscard]] graph::NeighborLists take() {
    graph::NeighborLists lists;
    const std::uint64_t users = interactions_.owned_users().size();
    lists.offsets.reserve(users + 1);
    std::size_t next = 0;
    for (std::uint64_t user = 0; user < users; ++user) {
      if (next < users_.size() && users_[next] == user) {
        for (const Scored& item : selections_[next++].take()) {
          lists.targets.push_back(item.id);
          lists.scores.push_back(item.score);
        }
      }
      lists.offsets.push_back(lists.targets.size());
    }
    return lists;
  }

 private:
  struct Pass {
    explicit Pass(std::uint32_t dim) : packed(std::size_t{dim} * detail::kMaxBlockUsers) {}
    std::vector<float> packed;
    std::array<float, detail::kMaxBlockUsers> thresholds{};
    UserScan* scan = nullptr;
    std::uint64_t first_user = 0;
    std::span<const std::uint32_t> item_rows;
  };

  void scan_block(Pass& pass, std::uint64_t block, const float* panels, std::uint64_t num_panels,
                  std::span<const std::uint32_t> item_rows) {
    pass.scan = this;
    pass.first_user = block * block_;
    pass.item_rows = item_rows;
    detail::ScanTask task;
    task.num_users = static_cast<std::uint32_t>(std::min<std::uint64_t>(block_, users_.size() - pass.first_user));
    task.users = rows_.data() + pass.first_user * embeddings_.width();
    task.width = embeddings_.width();
    task.columns = embeddings_.dim();
    task.panels = panels;
    task.num_panels = num_panels;
    task.thresholds = pass.thresholds.data();
    task.packed_users = pass.packed.data();
    task.context = &pass;
    task.emit = [](void* context, const detail::Survivor* survivors, std::uint32_t count) {
      auto& receiver = *static_cast<Pass*>(context);
      receiver.scan->receive(receiver, survivors, count);
    };
    for (std::uint32_t u = 0; u < task.num_users; ++u) {
      pass.thresholds[u] = selections_[pass.first_user + u].threshold();
    }
    scan_(task);
  }

  void receive(Pass& pass, const detail::Survivor* survivors, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      const detail::Survivor& survivor = survivors[i];
      // Thresholds have risen within the panel; items beyond the last are padding.
      if (survivor.item >= pass.item_rows.size() || survivor.score < pass.thresholds[survivor.user]) continue;
      const std::uint64_t user = pass.first_user + survivor.user;
      const Scored candidate{survivor.score, pass.item_rows[survivor.item]};
      if (options_.mask_seen && interactions_.has(users_[user], candidate.id)) continue;
      selections_[user].push(candidate);
      pass.thresholds[survivor.user] = selections_[user].threshold();
    }
  }

  const Interactions& interactions_;
  const EmbeddingTable& embeddings_;
  const RetrievalOptions& options_;
  detail::ScanPanels* scan_;
  std::uint32_t block_;
  std::vector<std::uint32_t> users_;
  std::vector<TopK> selections_;
  HugeBuffer<float> rows_;
};

void require_finite(const comm::Communicator& comm, const Interactions& interactions,
                    const EmbeddingTable& embeddings) {
  const graph::DistributedGraph& graph = interactions.graph();
  comm.agree([&] {
    for (std::uint32_t local = 0; local < embeddings.num_rows(); ++local) {
      float sum = 0.0F;
      for (const float x : embeddings.row(local)) sum += x * 0.0F;
      if (sum == 0.0F) continue;
      const StableVertexId stable = graph.index_map().stable_of(LocalVertexId{local});
      throw InputError(fmt::format("embedding of {} row {} has a value that is not a finite number",
                                   graph.schema().vertex_type(graph.schema().type_of(stable)).name,
                                   graph.schema().row_of(stable)));
    }
  });
}

}  // namespace

graph::NeighborLists top_items(const comm::Communicator& comm, const Interactions& interactions,
                               const EmbeddingTable& embeddings, const RetrievalOptions& options,
                               const std::function<bool(std::uint64_t)>& wanted) {
  require_finite(comm, interactions, embeddings);
  const graph::DistributedGraph& graph = interactions.graph();
  const std::uint64_t first_item = graph.schema().stable_range(interactions.item_type()).begin;
  const IndexRange owned = interactions.owned_items();
  const std::vector<std::uint32_t> order = items_by_norm(interactions, embeddings);
  const std::vector<std::uint64_t> item_counts = comm.all_gather(owned.size());
  UserScan scan(interactions, embeddings, options, wanted);

  const std::uint64_t dim = embeddings.dim();
  HugeBuffer<float> panels(
      std::min(kItemsPerMessage, *std::max_element(item_counts.begin(), item_counts.end()) + detail::kPanelItems) *
      dim);
  std::vector<std::uint32_t> item_rows;
  for (std::int32_t rank = 0; rank < comm.size(); ++rank) {
    const std::uint64_t count = item_counts[static_cast<std::size_t>(rank)];
    for (std::uint64_t begin = 0; begin < count; begin += kItemsPerMessage) {
      const std::uint64_t items = std::min(kItemsPerMessage, count - begin);
      const std::uint64_t num_panels = (items + detail::kPanelItems - 1) / detail::kPanelItems;
      item_rows.resize(items);
      if (Rank{rank} == comm.rank()) {
        parallel::for_each({0, num_panels * detail::kPanelItems}, 1024, [&](std::uint64_t i) {
          float* panel = panels.data() + i / detail::kPanelItems * detail::kPanelItems * dim + i % detail::kPanelItems;
          const bool is_padding = i >= items;
          const auto row = is_padding ? std::span<const float>()
                                      : embeddings.row(static_cast<std::uint32_t>(owned.begin + order[begin + i]));
          for (std::uint64_t c = 0; c < dim; ++c) panel[c * detail::kPanelItems] = is_padding ? 0.0F : row[c];
          if (is_padding) return;
          const LocalVertexId local{static_cast<std::uint32_t>(owned.begin + order[begin + i])};
          item_rows[i] = static_cast<std::uint32_t>(graph.index_map().stable_of(local).value() - first_item);
        });
      }
      if (comm.size() > 1) {
        comm.broadcast(std::span(item_rows), Rank{rank});
        comm.broadcast(panels.span().first(num_panels * detail::kPanelItems * dim), Rank{rank});
      }
      scan.offer(panels.data(), item_rows);
    }
  }
  return scan.take();
}

graph::NeighborLists recommend(const comm::Communicator& comm, const Interactions& interactions,
                               const EmbeddingTable& embeddings, const RetrievalOptions& options) {
  const auto everybody = [](std::uint64_t) { return true; };
  return interactions.graph()
      .home(interactions.user_type())
      .to_home(comm, top_items(comm, interactions, embeddings, options, everybody));
}

double peak_flops_per_second() {
  constexpr std::uint64_t kRepetitions = 20000;
  constexpr std::uint64_t kColumns = 64;
  detail::PeakFlops* const run = pick_isa(detail::avx2::peak_flops, detail::avx512::peak_flops);
  const std::uint32_t users = pick_isa(detail::avx2::block_users, detail::avx512::block_users)();
  const std::uint64_t items = active_isa() == Isa::kAvx512 ? detail::kPanelItems : detail::kPanelItems / 2;
  const HugeBuffer<float> data(kColumns * (users + detail::kPanelItems));
  const std::uint64_t tasks = parallel::concurrency();
  double best = std::numeric_limits<double>::infinity();
  for (int trial = 0; trial < 5; ++trial) {
    parallel::PerThread<float> sink;
    const auto start = std::chrono::steady_clock::now();
    parallel::for_each({0, tasks}, 1, [&](std::uint64_t) { sink.local() += run(kRepetitions, data.data()); });
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return 2.0 * static_cast<double>(kRepetitions * tasks * users * items * kColumns) / best;
}

}  // namespace rove::gnn
