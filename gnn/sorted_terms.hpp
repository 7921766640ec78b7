// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/huge_buffer.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/detail/logistic_kernels.hpp"

namespace rove::gnn {

/// Terms of many rows' gradients, sorted by row: what makes a scatter-add a sum by one owner in a fixed order. Memory:
/// 8 bytes per term, 4 per row and thread.
class SortedTerms {
 public:
  explicit SortedTerms(std::uint64_t num_rows) : num_rows_(num_rows), offsets_(num_rows + 1) {}

  /// Sorts what `visit(source, add)` adds by calls `add(row, term)` for the sources 0 ... num_sources - 1. A row's
  /// terms keep the order of sources, and of calls within one. Visits every source twice, from several threads.
  /// Precondition: fewer than 2^32 terms.
  template <class Visit>
  void sort(std::uint64_t num_sources, const Visit& visit) {
    const std::uint64_t parts =
        std::max<std::uint64_t>(1, std::min<std::uint64_t>(parallel::concurrency(), num_sources));
    const auto visit_part = [&](std::uint64_t part, const auto& add) {
      for (std::uint64_t s = num_sources * part / parts; s < num_sources * (part + 1) / parts; ++s) visit(s, add);
    };
    next_.assign(parts * num_rows_, 0);
    parallel::for_each({0, parts}, 1, [&](std::uint64_t part) {
      std::uint32_t* counts = next_.data() + part * num_rows_;
      visit_part(part, [counts](std::uint64_t row, detail::RowTerm) { ++counts[row]; });
    });
    count_up(parts);
    if (terms_.size() < offsets_.back()) terms_ = HugeBuffer<detail::RowTerm>(offsets_.back() + offsets_.back() / 8);
    parallel::for_each({0, parts}, 1, [&](std::uint64_t part) {
      std::uint32_t* places = next_.data() + part * num_rows_;
      detail::RowTerm* terms = terms_.data();
      visit_part(part, [places, terms](std::uint64_t row, detail::RowTerm term) { terms[places[row]++] = term; });
    });
  }
  /// Sorts each row's terms by `RowTerm::row`; those of the same keep their order.
  void sort_rows();

  [[nodiscard]] std::span<const detail::RowTerm> of(std::uint64_t row) const {
    return terms_.span().subspan(offsets_[row], offsets_[row + 1] - offsets_[row]);
  }

 private:
  /// Counts of rows per part become the places of their first terms.
  void count_up(std::uint64_t parts);

  std::uint64_t num_rows_;
  std::vector<std::uint32_t> offsets_;
  std::vector<std::uint32_t> next_;  ///< per part and row
  HugeBuffer<detail::RowTerm> terms_;
};

}  // namespace rove::gnn
