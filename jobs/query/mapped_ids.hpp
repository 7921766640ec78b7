// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/hash.hpp"
#include "io/hdf5/mapped_file.hpp"

namespace rove::jobs {

/// Ids and keys of one vertex type where they lie in a mapped file, which must outlive this. Immutable, thread-safe.
class MappedIds {
 public:
  MappedIds(const io::hdf5::MappedFile& file, const std::string& type);

  [[nodiscard]] std::uint64_t size() const { return keys_.size(); }
  [[nodiscard]] std::string_view id(std::uint64_t row) const;
  [[nodiscard]] std::uint64_t key(std::uint64_t row) const { return keys_[row]; }
  /// The row with the original id `wanted`: key by hash, then a binary search.
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view wanted) const;

 private:
  std::string path_;
  VertexKeyHasher hash_;
  std::span<const std::uint64_t> keys_;
  std::span<const char> fixed_;
  std::size_t width_ = 0;
  std::span<const std::uint8_t> bytes_;
  std::span<const std::uint64_t> offsets_;
};

}  // namespace rove::jobs
