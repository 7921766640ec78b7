// SPDX-License-Identifier: Apache-2.0
#include "algorithms/ppr/detail/target_error.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "algorithms/detail/walk_limits.hpp"

namespace rove::algorithms::detail {

namespace {

/// Doublings of one walk to 2^30.
constexpr std::uint32_t kMaxLooks = 31;

/// Takes these rows, counted from my block's first, from `better`.
void replace_rows(PprResult& result, const PprResult& better, std::span<const std::uint64_t> rows) {
  graph::NeighborLists lists;
  std::size_t next = 0;
  for (std::uint64_t row = 0; row < result.lists.num_rows(); ++row) {
    const bool is_replaced = next < rows.size() && rows[next] == row;
    if (is_replaced) ++next;
    const graph::NeighborLists& from = is_replaced ? better.lists : result.lists;
    lists.targets.insert(lists.targets.end(), from.targets_of(row).begin(), from.targets_of(row).end());
    lists.scores.insert(lists.scores.end(), from.scores_of(row).begin(), from.scores_of(row).end());
    lists.offsets.push_back(lists.targets.size());
    if (is_replaced) result.error_bounds[row] = better.error_bounds[row];
  }
  result.lists = std::move(lists);
  result.moves = better.moves;
  result.remote_moves = better.remote_moves;
}

}  // namespace

std::uint32_t num_looks(const PprOptions& options) {
  return options.target_error > 0.0 ? kMaxLooks : 1;
}

PprResult until_target_error(const comm::Communicator& comm, PprOptions& options,
                             const std::function<PprResult()>& run) {
  PprResult result = run();
  if (options.target_error == 0.0 || options.method != PprMethod::kWalks) return result;
  const std::uint64_t first_row = comm.exclusive_scan(static_cast<std::uint64_t>(result.lists.num_rows()));
  const auto target = static_cast<float>(options.target_error);
  while (true) {
    std::vector<std::uint64_t> above;  // my rows
    for (std::uint64_t row = 0; row < result.error_bounds.size(); ++row) {
      if (result.error_bounds[row] > target) above.push_back(row);
    }
    std::vector<std::uint64_t> rows = above;
    for (std::uint64_t& row : rows) row += first_row;
    rows = comm.all_gather_v<std::uint64_t>(rows).data;
    result.num_above_target = rows.size();
    if (rows.empty() || 2.0 * options.walks / options.restart > kMaxVisits) return result;
    options.walks *= 2;
    options.source_rows = std::move(rows);
    replace_rows(result, run(), above);
  }
}

}  // namespace rove::algorithms::detail
