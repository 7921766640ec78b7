// SPDX-License-Identifier: Apache-2.0
#include "gnn/sorted_terms.hpp"

namespace rove::gnn {

void SortedTerms::count_up(std::uint64_t parts) {
  std::uint64_t sum = 0;
  for (std::uint64_t row = 0; row < num_rows_; ++row) {
    offsets_[row] = static_cast<std::uint32_t>(sum);
    for (std::uint64_t part = 0; part < parts; ++part) {
      std::uint32_t& count = next_[part * num_rows_ + row];
      const std::uint32_t here = count;
      count = static_cast<std::uint32_t>(sum);
      sum += here;
    }
  }
  offsets_[num_rows_] = static_cast<std::uint32_t>(sum);
}

void SortedTerms::sort_rows() {
  parallel::for_each({0, num_rows_}, 256, [&](std::uint64_t row) {
    std::stable_sort(terms_.data() + offsets_[row], terms_.data() + offsets_[row + 1],
                     [](const detail::RowTerm& a, const detail::RowTerm& b) { return a.row < b.row; });
  });
}

}  // namespace rove::gnn
