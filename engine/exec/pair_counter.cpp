// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/pair_counter.hpp"

#include <array>
#include <utility>

#include "engine/base/assert.hpp"
#include "engine/base/checked_cast.hpp"
#include "engine/exec/walk_random.hpp"

namespace rove::exec {

PairCounter::PairCounter(IndexRange range)
    : first_(checked_cast<std::uint32_t>(range.begin, "vertex")),
      size_(checked_cast<std::uint32_t>(range.size(), "range of vertices")),
      table_(kInitialSlots),
      hash_shift_(64U - static_cast<std::uint32_t>(std::countr_zero(kInitialSlots))) {}

PairCounter::Entry& PairCounter::find(std::uint32_t source, std::uint32_t vertex) {
  const std::size_t mask = table_.size() - 1;
  std::size_t slot = slot_of(source, vertex);
  while (table_[slot].count != 0 && (table_[slot].source != source || table_[slot].vertex != vertex)) {
    slot = (slot + 1) & mask;
  }
  return table_[slot];
}

void PairCounter::add(const std::uint32_t* sources, const std::uint32_t* vertices, std::size_t count) {
  ROVE_ASSERT(count <= kMaxWalkLanes);
  std::array<std::uint16_t, kMaxWalkLanes + 1> inside;
  std::size_t num_inside = 0;
  for (std::size_t i = 0; i < count; ++i) {
    inside[num_inside] = static_cast<std::uint16_t>(i);
    num_inside += static_cast<std::size_t>(vertices[i] - first_ < size_);
  }
  // Room for the whole round, so that nothing moves between the prefetch and the addition.
  while (2 * (num_used_ + num_inside) > table_.size()) grow();
  for (std::size_t i = 0; i < num_inside; ++i) {
    __builtin_prefetch(table_.data() + slot_of(sources[inside[i]], vertices[inside[i]]), 1);
  }
  for (std::size_t i = 0; i < num_inside; ++i) {
    const std::uint32_t source = sources[inside[i]];
    const std::uint32_t vertex = vertices[inside[i]];
    Entry& entry = find(source, vertex);
    num_used_ += static_cast<std::uint64_t>(entry.count == 0);
    entry = {vertex, source, entry.count + 1};
  }
}

void PairCounter::grow() {
  const HugeBuffer<Entry> old = std::exchange(table_, HugeBuffer<Entry>(2 * table_.size()));
  --hash_shift_;
  for (const Entry& entry : old.span()) {
    if (entry.count > 0) find(entry.source, entry.vertex) = entry;
  }
}

}  // namespace rove::exec
