// SPDX-License-Identifier: Apache-2.0
#include "gnn/grouped_slots.hpp"

#include <algorithm>
#include <utility>

#include "engine/parallel/parallel.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kGroupGrain = 1024;

/// Where each target of a row stands first.
class FirstPlaces {
 public:
  void reset(std::uint64_t num_local) { places_.resize(num_local); }

  /// Calls `visit` with every place of the row and the first of the same target.
  template <class Visit>
  void for_each(std::uint64_t row, std::span<const LocalVertexId> targets, const Visit& visit) {
    for (std::uint32_t place = 0; place < targets.size(); ++place) {
      auto& [last_row, first] = places_[targets[place].index()];
      if (last_row != row + 1) {
        last_row = static_cast<std::uint32_t>(row + 1);
        first = place;
      }
      visit(place, first);
    }
  }

 private:
  std::vector<std::pair<std::uint32_t, std::uint32_t>> places_;  ///< 1 + the row that was there last, place
};

}  // namespace

GroupedSlots::GroupedSlots(const graph::CsrGraph& adjacency, std::uint64_t num_local) : adjacency_(adjacency) {
  struct Scratch {
    FirstPlaces first_places;
    std::vector<std::uint64_t> apart;  ///< rows with a pair whose slots lie apart
  };
  parallel::PerThread<Scratch> scratch;
  parallel::for_chunks({0, adjacency.num_rows()}, kGroupGrain, [&](IndexRange rows) {
    Scratch& mine = scratch.local();
    mine.first_places.reset(num_local);
    for (std::uint64_t row = rows.begin; row < rows.end; ++row) {
      const auto targets = adjacency.neighbors(row);
      bool is_apart = false;
      mine.first_places.for_each(row, targets, [&](std::uint32_t place, std::uint32_t first) {
        is_apart |= first != place && targets[place - 1] != targets[place];
      });
      if (is_apart) mine.apart.push_back(row);
    }
  });
  std::vector<std::uint64_t> apart;
  scratch.for_each([&](const Scratch& mine) { apart.insert(apart.end(), mine.apart.begin(), mine.apart.end()); });
  if (apart.empty()) return;
  grouped_ = adjacency.targets;
  FirstPlaces first_places;
  first_places.reset(num_local);
  std::vector<std::pair<std::uint32_t, LocalVertexId>> slots;  // with the place of the pair's first
  for (const std::uint64_t row : apart) {
    const auto targets = adjacency.neighbors(row);
    slots.clear();
    first_places.for_each(row, targets,
                          [&](std::uint32_t place, std::uint32_t first) { slots.emplace_back(first, targets[place]); });
    std::ranges::stable_sort(slots, {}, [](const auto& slot) { return slot.first; });
    std::ranges::transform(slots, grouped_.begin() + static_cast<std::ptrdiff_t>(adjacency.offsets[row]),
                           [](const auto& slot) { return slot.second; });
  }
}

}  // namespace rove::gnn
