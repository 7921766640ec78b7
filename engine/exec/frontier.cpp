// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/frontier.hpp"

#include <algorithm>

namespace rove::exec {

namespace {
constexpr std::uint64_t kDenseShare = 16;
}

Frontier::Frontier(std::uint64_t num_vertices) : flags_(num_vertices), next_flags_(num_vertices) {}

void Frontier::add_all() {
  all_added_ = true;
}

void Frontier::advance() {
  if (is_dense_) {
    std::fill(flags_.begin(), flags_.end(), std::uint8_t{0});
  } else {
    for (const LocalVertexId vertex : list_) flags_[vertex.index()] = 0;
  }
  flags_.swap(next_flags_);
  list_.clear();
  std::uint64_t added = 0;
  added_.for_each([&](const std::vector<LocalVertexId>& part) { added += part.size(); });
  if (all_added_) {
    std::fill(flags_.begin(), flags_.end(), std::uint8_t{1});
    added = flags_.size();
  }
  size_ = added;
  is_dense_ = size_ * kDenseShare > flags_.size();
  added_.for_each([&](std::vector<LocalVertexId>& part) {
    if (!is_dense_) list_.insert(list_.end(), part.begin(), part.end());
    part.clear();
  });
  std::sort(list_.begin(), list_.end());
  all_added_ = false;
}

}  // namespace rove::exec
