// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::exec {

/// The active owned vertices of a superstep. What is added is seen only after `advance`, which replaces the present
/// set by the added one. Kept as an ascending list while small, as one flag per vertex when more than 1/16 is active.
/// `add` may be called from many threads; everything else from one.
class Frontier {
 public:
  explicit Frontier(std::uint64_t num_vertices);

  void add(LocalVertexId vertex) {
    std::atomic_ref<std::uint8_t> flag(next_flags_[vertex.index()]);
    if (flag.load(std::memory_order_relaxed) != 0) return;
    if (flag.exchange(1, std::memory_order_relaxed) == 0) added_.local().push_back(vertex);
  }
  /// Makes all vertices active from the next `advance` on.
  void add_all();
  void advance();

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] bool is_dense() const { return is_dense_; }
  [[nodiscard]] bool contains(LocalVertexId vertex) const { return flags_[vertex.index()] != 0; }

  /// Calls `body(vertex)` for every active vertex, in parallel.
  template <class Body>
  void for_each(std::uint64_t grain, const Body& body) const {
    if (is_dense_) {
      parallel::for_each({0, flags_.size()}, grain, [&](std::uint64_t i) {
        if (flags_[i] != 0) body(LocalVertexId{static_cast<std::uint32_t>(i)});
      });
    } else {
      parallel::for_each({0, list_.size()}, grain, [&](std::uint64_t i) { body(list_[i]); });
    }
  }

 private:
  std::vector<std::uint8_t> flags_;
  std::vector<LocalVertexId> list_;  ///< empty while dense
  std::vector<std::uint8_t> next_flags_;
  parallel::PerThread<std::vector<LocalVertexId>> added_;
  bool all_added_ = false;
  bool is_dense_ = false;
  std::uint64_t size_ = 0;
};

}  // namespace rove::exec
