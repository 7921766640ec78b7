// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/hash.hpp"
#include "engine/base/ids.hpp"

namespace rove::io {

/// The distinct original ids of one vertex type that one thread has met, numbered in order of first sight. Open
/// addressing by key, the texts in one arena. Two ids with one key are told apart by a second hash; the numbering of
/// all ranks compares the texts themselves. Not thread-safe.
class IdDictionary {
 public:
  explicit IdDictionary(std::string_view type);

  /// Numbers of a batch of ids. Cost: one hash and, new or large tables apart, one cache line per id, fetched ahead.
  void number(std::span<const std::string_view> ids, std::span<std::uint32_t> numbers);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] VertexKey key(std::size_t number) const { return VertexKey{entries_[number].key}; }
  [[nodiscard]] std::string_view id(std::size_t number) const {
    const Entry& entry = entries_[number];
    return std::string_view(arena_).substr(entry.offset, entry.length);
  }
  [[nodiscard]] std::uint64_t memory_bytes() const;

 private:
  struct Entry {
    std::uint64_t key = 0;
    std::uint64_t offset = 0;
    std::uint32_t length = 0;
    std::uint32_t check = 0;
  };
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t check = 0;
    std::uint32_t number = 0;  ///< of the entry plus one; 0: free
  };

  [[nodiscard]] std::uint32_t find_or_insert(std::string_view id, std::uint64_t key);
  void grow();

  VertexKeyHasher hasher_;
  std::vector<Slot> slots_;
  std::vector<Entry> entries_;
  std::string arena_;
  std::vector<std::uint64_t> batch_keys_;
};

}  // namespace rove::io
