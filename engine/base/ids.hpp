// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace rove {

/// An integer that converts neither to nor from its raw value by itself, so that a row cannot be passed for a rank.
template <class Tag, std::integral Int>
class StrongId {
 public:
  using value_type = Int;

  constexpr StrongId() = default;
  constexpr explicit StrongId(Int value) : value_(value) {}

  [[nodiscard]] constexpr Int value() const { return value_; }
  /// The value as an array index. Precondition: not negative.
  [[nodiscard]] constexpr std::size_t index() const { return static_cast<std::size_t>(value_); }

  constexpr StrongId& operator++() {
    ++value_;
    return *this;
  }
  friend constexpr auto operator<=>(StrongId, StrongId) = default;

 private:
  Int value_ = 0;
};

/// Identity of a vertex: a 63-bit hash of (type, original id), the same every night and on every machine.
using VertexKey = StrongId<struct VertexKeyTag, std::uint64_t>;
/// A vertex type's position in the `Schema`.
using VertexTypeId = StrongId<struct VertexTypeTag, std::uint16_t>;
/// An edge type's position in the `Schema`.
using EdgeTypeId = StrongId<struct EdgeTypeTag, std::uint16_t>;
/// Dense in [0, n) over all types: first vertex of the type + rank of the vertex's key within its type. Depends on the
/// input alone: the same for every rank count and partition.
using StableVertexId = StrongId<struct StableVertexTag, std::uint64_t>;
/// Dense in [0, n), ordered by (owning rank, stable id): each rank owns one contiguous range.
using GlobalVertexId = StrongId<struct GlobalVertexTag, std::uint64_t>;
/// One rank's numbering: owned vertices first (by stable id), ghosts after.
using LocalVertexId = StrongId<struct LocalVertexTag, std::uint32_t>;
/// A rank of the communicator, and a part of a partition.
using Rank = StrongId<struct RankTag, std::int32_t>;

/// Half-open range of indices.
struct IndexRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  [[nodiscard]] constexpr std::uint64_t size() const { return end - begin; }
  [[nodiscard]] constexpr bool contains(std::uint64_t i) const { return begin <= i && i < end; }
  friend constexpr bool operator==(IndexRange, IndexRange) = default;
};

}  // namespace rove

template <class Tag, std::integral Int>
struct std::hash<rove::StrongId<Tag, Int>> {
  std::size_t operator()(rove::StrongId<Tag, Int> id) const noexcept { return std::hash<Int>{}(id.value()); }
};
