// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/visit_counter.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "engine/base/checked_cast.hpp"

namespace rove::exec {

namespace {

/// Visits handed over at once; more are taken in pieces.
constexpr std::size_t kPiece = 256;
constexpr std::size_t kEntriesPerLine = 64 / sizeof(VisitCounter::Entry);

}  // namespace

VisitCounter::VisitCounter(IndexRange range)
    : first_(checked_cast<std::uint32_t>(range.begin, "vertex")),
      size_(checked_cast<std::uint32_t>(range.size(), "range of vertices")),
      pending_(kPiece + 1) {
  if (size_ > 0 && size_ <= kDenseLimit) {
    dense_ = HugeBuffer<std::uint32_t>(size_);
    touched_.resize(std::size_t{size_} + 1);
  } else {
    table_ = HugeBuffer<Entry>(kInitialSlots);
    std::fill_n(table_.data(), table_.size(), Entry{kEmpty, 0});
    hash_shift_ = 64U - static_cast<std::uint32_t>(std::countr_zero(table_.size()));
  }
}

// Whether a vertex is in the range, and whether it is new, are as good as random: neither is branched on.
void VisitCounter::add_dense(const std::uint32_t* vertices, std::size_t count) {
  while (count > 0) {
    const std::size_t piece = std::min(count, kPiece);
    std::size_t num_pending = 0;
    for (std::size_t i = 0; i < piece; ++i) {
      const std::uint32_t offset = vertices[i] - first_;
      pending_[num_pending] = offset;
      num_pending += static_cast<std::size_t>(offset < size_);
    }
    std::uint32_t* const counts = dense_.data();
    for (std::size_t i = 0; i < num_pending; ++i) {
      const std::uint32_t offset = pending_[i];
      const std::uint32_t before = counts[offset];
      counts[offset] = before + 1;
      touched_[num_touched_] = offset;
      num_touched_ += static_cast<std::size_t>(before == 0);
    }
    vertices += piece;
    count -= piece;
  }
}

void VisitCounter::add_hashed(const std::uint32_t* vertices, std::size_t count) {
  while (count > 0) {
    const std::size_t piece = std::min(count, kPiece);
    std::size_t num_pending = 0;
    for (std::size_t i = 0; i < piece; ++i) {
      pending_[num_pending] = vertices[i];
      num_pending += static_cast<std::size_t>(vertices[i] - first_ < size_);
    }
    for (std::size_t i = 0; i < num_pending; ++i) __builtin_prefetch(table_.data() + slot_of(pending_[i]), 1);
    for (std::size_t i = 0; i < num_pending; ++i) insert(pending_[i], 1);
    vertices += piece;
    count -= piece;
  }
}

std::uint32_t VisitCounter::add(std::span<const Entry> entries, std::span<const Entry> next) {
  std::uint32_t largest = 0;
  if (dense_.empty()) {
    for (const Entry& entry : entries) {
      largest = std::max(largest, entry.count);
      insert(entry.vertex, entry.count);
    }
    return largest;
  }
  std::uint32_t* const counts = dense_.data();
  std::uint32_t* const touched = touched_.data();
  std::size_t num_touched = num_touched_;
  for (std::size_t line = 0; line < entries.size(); line += kEntriesPerLine) {
    if (line < next.size()) __builtin_prefetch(next.data() + line);
    for (const Entry& entry : entries.subspan(line, std::min(kEntriesPerLine, entries.size() - line))) {
      const std::uint32_t offset = entry.vertex - first_;
      const std::uint32_t before = counts[offset];
      largest = std::max(largest, entry.count);
      counts[offset] = before + entry.count;
      touched[num_touched] = offset;
      num_touched += static_cast<std::size_t>(before == 0);
    }
  }
  num_touched_ = num_touched;
  return largest;
}

void VisitCounter::insert(std::uint32_t vertex, std::uint32_t count) {
  const std::size_t mask = table_.size() - 1;
  std::size_t slot = slot_of(vertex);
  while (table_[slot].vertex != vertex && table_[slot].vertex != kEmpty) slot = (slot + 1) & mask;
  num_used_ += static_cast<std::size_t>(table_[slot].vertex == kEmpty);
  table_[slot] = {vertex, table_[slot].count + count};
  if (2 * num_used_ > table_.size()) grow();
}

void VisitCounter::grow() {
  HugeBuffer<Entry> old = std::move(table_);
  table_ = HugeBuffer<Entry>(2 * old.size());
  std::fill_n(table_.data(), table_.size(), Entry{kEmpty, 0});
  --hash_shift_;
  num_used_ = 0;
  for (const Entry& entry : old.span()) {
    if (entry.vertex != kEmpty) insert(entry.vertex, entry.count);
  }
}

void VisitCounter::forget(std::uint32_t vertex) {
  if (vertex - first_ >= size_) return;
  if (!dense_.empty()) {
    // The vertex stays among the touched ones with a count of 0; `entries` leaves it out.
    if (dense_[vertex - first_] > 0) dense_[vertex - first_] = 0;
    return;
  }
  const std::size_t mask = table_.size() - 1;
  std::size_t slot = slot_of(vertex);
  while (table_[slot].vertex != vertex && table_[slot].vertex != kEmpty) slot = (slot + 1) & mask;
  table_[slot].count = 0;
}

std::span<const VisitCounter::Entry> VisitCounter::entries() {
  // One more than may be listed: every candidate is written, and stays only if it counts.
  entries_.resize(num_touched_ + num_used_ + 1);
  std::size_t num_entries = 0;
  for (std::size_t i = 0; i < num_touched_; ++i) {
    const std::uint32_t count = dense_[touched_[i]];
    entries_[num_entries] = {first_ + touched_[i], count};
    num_entries += static_cast<std::size_t>(count > 0);
  }
  for (const Entry& entry : table_.span()) {
    if (entry.count > 0) entries_[num_entries++] = entry;
  }
  return std::span(entries_).first(num_entries);
}

/// A count that at least k visited vertices reach, by a sample of them.
std::uint32_t VisitCounter::reached_by(std::size_t k) const {
  constexpr std::size_t kSampledPerWanted = 5;
  constexpr std::size_t kBins = 1024;  // the last one holds all larger counts
  std::array<std::uint32_t, kBins> bins{};
  const std::size_t sampled = std::min(num_touched_, kSampledPerWanted * k);
  for (std::size_t i = 0; i < sampled; ++i) ++bins[std::min<std::size_t>(dense_[touched_[i]], kBins - 1)];
  std::size_t count = kBins;
  for (std::size_t reaching = 0; reaching < k && count > 1;) reaching += bins[--count];
  return static_cast<std::uint32_t>(count);
}

std::span<const VisitCounter::Entry> VisitCounter::drain(std::size_t k) {
  if (dense_.empty()) {
    const std::span<const Entry> all = entries();
    clear();
    return all;
  }
  const std::uint32_t least = num_touched_ > k ? reached_by(k) : 1;
  if (entries_.size() <= num_touched_) entries_.resize(num_touched_ + 1);
  std::uint32_t* const counts = dense_.data();
  std::size_t num_entries = 0;
  for (std::size_t i = 0; i < num_touched_; ++i) {
    const std::uint32_t offset = touched_[i];
    const std::uint32_t count = counts[offset];
    counts[offset] = 0;
    entries_[num_entries] = {first_ + offset, count};
    num_entries += static_cast<std::size_t>(count >= least);
  }
  num_touched_ = 0;
  return std::span(entries_).first(num_entries);
}

void VisitCounter::clear() {
  for (std::size_t i = 0; i < num_touched_; ++i) dense_[touched_[i]] = 0;
  num_touched_ = 0;
  num_used_ = 0;
  std::fill_n(table_.data(), table_.size(), Entry{kEmpty, 0});
}

}  // namespace rove::exec
