// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/base/ids.hpp"

namespace rove {

namespace detail {

constexpr std::uint64_t finalise(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31U);
}

}  // namespace detail

/// Key of a vertex: the low 63 bits of XXH3-64 over the original id, seeded with `mix64(XXH3-64(type), salt)`. The salt
/// is 0 unless a collision was resolved at import. Frozen: keys are the same every night.
[[nodiscard]] VertexKey vertex_key(std::string_view type, std::string_view original_id, std::uint64_t salt = 0);

/// Same, with the type's part hashed once: `original_id` varies in the hot loop of import. A few nanoseconds per id.
class VertexKeyHasher {
 public:
  explicit VertexKeyHasher(std::string_view type);
  [[nodiscard]] VertexKey operator()(std::string_view original_id, std::uint64_t salt = 0) const;

 private:
  std::uint64_t type_hash_;
};

/// Identity of an edge: XXH3-64 of (source key, destination key, relation, occurrence among parallel edges). Frozen.
[[nodiscard]] std::uint64_t edge_key(VertexKey source, std::uint32_t relation, VertexKey destination,
                                     std::uint32_t occurrence);

/// 64-bit mixing of two words (a bijection in each argument); for salts and digests, not for cryptography.
/// Twice the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). Frozen.
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t a, std::uint64_t b) {
  return detail::finalise(detail::finalise(a + 0x9E3779B97F4A7C15U) + b * 0xD1B54A32D192ED03U);
}

/// XXH3-128 of a block of bytes, as two words. Order-dependent digests of long arrays hash fixed blocks, then hashes.
struct Digest128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Digest128&, const Digest128&) = default;
};
[[nodiscard]] Digest128 digest128(std::span<const std::byte> bytes);

}  // namespace rove
