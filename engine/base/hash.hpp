// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/ids.hpp"

namespace rove {

/// Key of a vertex: the low 63 bits of XXH3-64 over the type's name, a zero byte and the original id, seeded with `salt`
/// (0 unless a collision was resolved at import). Frozen: keys are the same every night.
[[nodiscard]] VertexKey vertex_key(std::string_view type, std::string_view original_id, std::uint64_t salt = 0);

/// Same, with the type's part hashed once: `original_id` varies in the hot loop of import.
class VertexKeyHasher {
 public:
  explicit VertexKeyHasher(std::string_view type);
  [[nodiscard]] VertexKey operator()(std::string_view original_id, std::uint64_t salt = 0) const;

 private:
  std::string prefix_;
};

/// Identity of an edge: hash of (source key, relation, destination key, occurrence among parallel edges).
[[nodiscard]] std::uint64_t edge_key(VertexKey source, std::uint32_t relation, VertexKey destination,
                                     std::uint32_t occurrence);

/// 64-bit mixing of two words (a bijection in each argument); for salts and digests, not for cryptography.
[[nodiscard]] std::uint64_t mix64(std::uint64_t a, std::uint64_t b);

/// XXH3-128 of a block of bytes, as two words. Order-dependent digests of long arrays hash fixed blocks, then hashes.
struct Digest128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Digest128&, const Digest128&) = default;
};
[[nodiscard]] Digest128 digest128(std::span<const std::byte> bytes);

}  // namespace rove
