// SPDX-License-Identifier: Apache-2.0
#include "io/import/id_table.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <mutex>

#include <fmt/format.h>
#include <immintrin.h>

#include "engine/base/assert.hpp"
#include "engine/base/error.hpp"
#include "io/text/row_reader.hpp"
#include "io/text/utf8.hpp"

namespace rove::io {
namespace {

constexpr std::size_t kFirstSlots = std::size_t{1} << 12U;
constexpr std::size_t kArenaChunk = std::size_t{1} << 16U;

/// Up to eight bytes as a little-endian word padded with zeros.
std::uint64_t word_of(const char* text, std::size_t length) {
  std::uint64_t word = 0;
  std::memcpy(&word, text, length);
  return word;
}

struct Words {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

Words words_of(std::string_view id) {
  if (id.size() <= 8) return {word_of(id.data(), id.size()), 0};
  if (id.size() <= 16) return {word_of(id.data(), 8), word_of(id.data() + 8, id.size() - 8)};
  return {};
}

}  // namespace

IdTable::IdTable(std::string_view type) : hasher_(type), slots_(kFirstSlots) {}

const char* IdTable::Arena::store(std::string_view text) {
  if (used + text.size() > capacity) {
    capacity = std::max(kArenaChunk, text.size());
    chunks.push_back(std::make_unique_for_overwrite<char[]>(capacity));
    used = 0;
  }
  char* to = chunks.back().get() + used;
  std::memcpy(to, text.data(), text.size());
  used += text.size();
  return to;
}

std::string_view IdTable::text_of(const Slot& slot) {
  const std::size_t length = slot.length & kLengthMask;
  if (length <= kInline) return {reinterpret_cast<const char*>(slot.text), length};
  const char* text = nullptr;
  std::memcpy(&text, slot.text, sizeof(text));
  return {text, length};
}

bool IdTable::holds(const Slot& slot, std::string_view id, std::uint64_t low, std::uint64_t high) {
  // Other threads may set kDeclared meanwhile.
  std::uint32_t& length = const_cast<Slot&>(slot).length;  // NOLINT: atomic_ref of a const object is C++26
  if ((std::atomic_ref(length).load(std::memory_order_relaxed) & kLengthMask) != id.size()) return false;
  if (id.size() <= kInline) return slot.text[0] == low && slot.text[1] == high;
  const char* text = nullptr;
  std::memcpy(&text, slot.text, sizeof(text));
  return std::memcmp(text, id.data(), id.size()) == 0;
}

void IdTable::fill(Slot& slot, std::string_view id, std::uint64_t low, std::uint64_t high, bool declare) {
  if (id.size() <= kInline) {
    slot.text[0] = low;
    slot.text[1] = high;
  } else {
    const char* text = arenas_.local().store(id);
    std::memcpy(slot.text, &text, sizeof(text));
  }
  slot.length = static_cast<std::uint32_t>(id.size()) | (declare ? kDeclared : 0U);
  slot.number = static_cast<std::uint32_t>(size_.fetch_add(1, std::memory_order_relaxed));
}

std::uint32_t IdTable::find_or_insert(std::string_view id, std::uint64_t key, bool declare) {
  const std::uint64_t want = key | kFull;
  const auto [low, high] = words_of(id);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = key & mask;; at = (at + 1) & mask) {
    Slot& slot = slots_[at];
    const std::atomic_ref<std::uint64_t> word(slot.word);
    std::uint64_t seen = word.load(std::memory_order_acquire);
    while (seen == 0 || seen == kBusy) {
      if (seen == kBusy) {
        _mm_pause();
        seen = word.load(std::memory_order_acquire);
        continue;
      }
      text::require_id(id);
      if (!word.compare_exchange_strong(seen, kBusy, std::memory_order_acquire)) continue;
      try {
        fill(slot, id, low, high, declare);
      } catch (...) {
        // Others must not wait for this slot.
        word.store(0, std::memory_order_release);
        throw;
      }
      const std::uint32_t number = slot.number;
      word.store(want, std::memory_order_release);
      return number;
    }
    if (seen == want && holds(slot, id, low, high)) {
      if (declare) std::atomic_ref(slot.length).fetch_or(kDeclared, std::memory_order_relaxed);
      return slot.number;
    }
  }
}

void IdTable::grow() {
  constexpr std::size_t kMaxIds = std::numeric_limits<std::uint32_t>::max() - 1;
  if (slots_.size() / 2 > kMaxIds) {
    throw DoesNotFitError("more than 4,294,967,294 distinct ids of one type on one rank; use more ranks");
  }
  HugeBuffer<Slot> larger(slots_.size() * 2);
  const std::size_t mask = larger.size() - 1;
  for (const Slot& slot : slots_) {
    if (slot.word == 0) continue;
    std::size_t at = slot.word & mask;
    while (larger[at].word != 0) at = (at + 1) & mask;
    larger[at] = slot;
  }
  slots_ = std::move(larger);
}

void IdTable::number(std::span<const std::string_view> ids, std::span<std::uint32_t> numbers, bool declare) {
  ROVE_ASSERT_LIGHT(ids.size() <= kMaxBatch && numbers.size() >= ids.size());
  // Adjacency lists repeat the source: its text is the very same.
  const auto repeats = [&](std::size_t i) {
    return i > 0 && ids[i].data() == ids[i - 1].data() && ids[i].size() == ids[i - 1].size();
  };

  // Room for what all threads may add in their present batches, at a load of at most 5/8.
  const std::size_t reserve = kMaxBatch * parallel::concurrency();
  std::shared_lock reading(growing_);
  while ((size() + reserve) * 8 > slots_.size() * 5) {
    reading.unlock();
    {
      const std::unique_lock writing(growing_);
      while ((size() + reserve) * 8 > slots_.size() * 5) grow();
    }
    reading.lock();
  }
  const std::size_t mask = slots_.size() - 1;
  constexpr std::size_t kAtOnce = 64;  // slots on their way from memory
  std::array<std::uint64_t, kAtOnce> keys{};
  for (std::size_t begin = 0; begin < ids.size(); begin += kAtOnce) {
    const std::size_t end = std::min(begin + kAtOnce, ids.size());
    for (std::size_t i = begin; i < end; ++i) {
      if (repeats(i)) continue;
      keys[i - begin] = hasher_(ids[i]).value();
      __builtin_prefetch(&slots_[keys[i - begin] & mask]);
    }
    for (std::size_t i = begin; i < end; ++i) {
      numbers[i] = repeats(i) ? numbers[i - 1] : find_or_insert(ids[i], keys[i - begin], declare);
    }
  }
}

NamedVertices IdTable::take() {
  constexpr std::uint64_t kGrain = std::uint64_t{1} << 14U;
  const std::size_t count = size();
  NamedVertices named;
  named.keys.resize(count);
  named.declared.resize(count);
  named.ids.offsets.resize(count + 1);
  std::vector<std::uint64_t> slot_of(count);
  const IndexRange all{0, slots_.size()};
  parallel::for_each(all, kGrain, [&](std::uint64_t at) {
    const Slot& slot = slots_[at];
    if (slot.word == 0) return;
    named.keys[slot.number] = VertexKey{slot.word & ~kFull};
    named.declared[slot.number] = static_cast<std::uint8_t>(slot.length >> 31U);
    named.ids.offsets[slot.number] = slot.length & kLengthMask;
    slot_of[slot.number] = at;
  });
  const std::uint64_t bytes = parallel::exclusive_prefix_sum(named.ids.offsets);
  named.ids.bytes.resize(bytes);
  parallel::for_each({0, count}, kGrain, [&](std::uint64_t i) {
    const std::string_view text = text_of(slots_[slot_of[i]]);
    std::copy(text.begin(), text.end(), named.ids.bytes.begin() + static_cast<std::ptrdiff_t>(named.ids.offsets[i]));
  });
  slots_ = HugeBuffer<Slot>(kFirstSlots);
  arenas_.for_each([](Arena& arena) { arena = {}; });
  size_ = 0;
  return named;
}

}  // namespace rove::io
