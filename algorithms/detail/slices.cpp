// SPDX-License-Identifier: Apache-2.0
#include "algorithms/detail/slices.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace rove::algorithms::detail {

void for_slices(const comm::Communicator& comm, IndexRange block, std::uint64_t largest_block, const std::string& stage,
                ProgressSink& progress, const std::function<void(IndexRange)>& work, std::uint64_t slice_rows) {
  if (comm.is_root()) progress.begin(stage, largest_block, "rows per rank");
  for (std::uint64_t done = 0; done < largest_block; done += slice_rows) {
    const IndexRange slice{std::min(block.begin + done, block.end),
                           std::min(block.begin + done + slice_rows, block.end)};
    comm.agree([&] { work(slice); });
    if (comm.is_root()) progress.update(std::min(done + slice_rows, largest_block), "");
    comm.stop_if_asked(fmt::format("{} stopped on request", stage));
  }
  if (comm.is_root()) progress.end("");
}

}  // namespace rove::algorithms::detail
