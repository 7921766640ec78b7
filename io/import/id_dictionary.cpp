// SPDX-License-Identifier: Apache-2.0
#include "io/import/id_dictionary.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"

namespace rove::io {
namespace {

constexpr std::size_t kFirstSlots = 1U << 12U;

/// A hash of the text that has nothing in common with the key's.
std::uint32_t check_of(std::string_view id) {
  std::uint64_t hash = 0xCBF29CE484222325U ^ id.size();
  for (std::size_t i = 0; i < id.size(); i += 8) {
    std::uint64_t word = 0;
    std::copy_n(id.data() + i, std::min<std::size_t>(8, id.size() - i), reinterpret_cast<char*>(&word));
    hash = (hash ^ word) * 0x9E3779B97F4A7C15U;
    hash ^= hash >> 29U;
  }
  return static_cast<std::uint32_t>(hash >> 32U);
}

}  // namespace

IdDictionary::IdDictionary(std::string_view type) : hasher_(type), slots_(kFirstSlots) {}

std::uint64_t IdDictionary::memory_bytes() const {
  return slots_.capacity() * sizeof(Slot) + entries_.capacity() * sizeof(Entry) + arena_.capacity();
}

void IdDictionary::grow() {
  std::vector<Slot> larger(slots_.size() * 2);
  const std::size_t mask = larger.size() - 1;
  for (const Slot& slot : slots_) {
    if (slot.number == 0) continue;
    std::size_t at = slot.key & mask;
    while (larger[at].number != 0) at = (at + 1) & mask;
    larger[at] = slot;
  }
  slots_ = std::move(larger);
}

std::uint32_t IdDictionary::find_or_insert(std::string_view id, std::uint64_t key) {
  const std::uint32_t check = check_of(id);
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = key & mask;
  while (slots_[at].number != 0) {
    if (slots_[at].key == key && slots_[at].check == check) return slots_[at].number - 1;
    at = (at + 1) & mask;
  }
  const auto number = checked_cast<std::uint32_t>(entries_.size() + 1, "distinct ids of one thread");
  slots_[at] = {key, check, number};
  entries_.push_back({key, arena_.size(), checked_cast<std::uint32_t>(id.size(), "bytes of an id"), check});
  arena_.append(id);
  if (entries_.size() * 2 > slots_.size()) grow();
  return number - 1;
}

void IdDictionary::number(std::span<const std::string_view> ids, std::span<std::uint32_t> numbers) {
  batch_keys_.resize(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    // Adjacency lists repeat the source; its text is the very same.
    if (i > 0 && ids[i].data() == ids[i - 1].data()) {
      batch_keys_[i] = batch_keys_[i - 1];
      continue;
    }
    batch_keys_[i] = hasher_(ids[i]).value();
    __builtin_prefetch(&slots_[batch_keys_[i] & (slots_.size() - 1)]);
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    numbers[i] = i > 0 && ids[i].data() == ids[i - 1].data() ? numbers[i - 1] : find_or_insert(ids[i], batch_keys_[i]);
  }
}

}  // namespace rove::io
