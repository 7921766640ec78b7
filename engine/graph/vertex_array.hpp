// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/assert.hpp"
#include "engine/base/ids.hpp"
#include "engine/graph/halo_exchange.hpp"

namespace rove::graph {

/// A row of `width` values per owned and ghost vertex, which knows whether its ghosts are fresh: writing an owned
/// row makes them stale, `refresh` makes them fresh, and reading a stale ghost is an assertion.
/// Different rows may be written by different threads after one `mark_stale`.
template <class T>
class VertexArray {
 public:
  explicit VertexArray(const HaloExchange& halo, T initial = T{}, std::uint64_t width = 1)
      : num_owned_(halo.num_owned()),
        num_local_(halo.num_owned() + halo.num_ghosts()),
        width_(width),
        values_(num_local_ * width, initial) {}

  [[nodiscard]] std::uint64_t num_owned() const { return num_owned_; }
  [[nodiscard]] std::uint64_t num_local() const { return num_local_; }
  [[nodiscard]] std::uint64_t width() const { return width_; }
  [[nodiscard]] bool ghosts_are_fresh() const { return ghosts_are_fresh_; }
  void mark_stale() { ghosts_are_fresh_ = false; }

  /// Precondition: an owned vertex, or the ghosts are fresh.
  [[nodiscard]] const T& operator[](LocalVertexId vertex) const {
    ROVE_ASSERT(ghosts_are_fresh_ || vertex.index() < num_owned_);
    return values_[vertex.index() * width_];
  }
  [[nodiscard]] std::span<const T> row(LocalVertexId vertex) const {
    ROVE_ASSERT(ghosts_are_fresh_ || vertex.index() < num_owned_);
    return std::span(values_).subspan(vertex.index() * width_, width_);
  }
  /// Precondition: an owned vertex, and `mark_stale` was called since the last refresh.
  [[nodiscard]] T& owned(LocalVertexId vertex) {
    ROVE_ASSERT(!ghosts_are_fresh_ && vertex.index() < num_owned_);
    return values_[vertex.index() * width_];
  }

  [[nodiscard]] std::span<const T> owned_values() const { return std::span(values_).first(num_owned_ * width_); }
  /// All rows, owned and ghosts; for kernels and halo updates that keep track of freshness themselves.
  [[nodiscard]] std::span<T> all_values() { return values_; }
  [[nodiscard]] std::span<const T> all_values() const { return values_; }

  /// **Collective.** Copies owned rows to their ghosts on other ranks.
  void refresh(const HaloExchange& halo) {
    halo.update<T>(std::span<T>(values_), width_);
    ghosts_are_fresh_ = true;
  }

 private:
  std::uint64_t num_owned_;
  std::uint64_t num_local_;
  std::uint64_t width_;
  std::vector<T> values_;
  bool ghosts_are_fresh_ = true;  ///< all rows hold the same initial value
};

}  // namespace rove::graph
