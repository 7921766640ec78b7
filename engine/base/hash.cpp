// SPDX-License-Identifier: Apache-2.0
#include "engine/base/hash.hpp"

#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace rove {
namespace {

constexpr std::uint64_t kKeyMask = ~std::uint64_t{0} >> 1U;

}  // namespace

VertexKey vertex_key(std::string_view type, std::string_view original_id, std::uint64_t salt) {
  return VertexKeyHasher(type)(original_id, salt);
}

VertexKeyHasher::VertexKeyHasher(std::string_view type) : type_hash_(XXH3_64bits(type.data(), type.size())) {}

VertexKey VertexKeyHasher::operator()(std::string_view original_id, std::uint64_t salt) const {
  const std::uint64_t seed = mix64(type_hash_, salt);
  return VertexKey(XXH3_64bits_withSeed(original_id.data(), original_id.size(), seed) & kKeyMask);
}

std::uint64_t edge_key(VertexKey source, std::uint32_t relation, VertexKey destination, std::uint32_t occurrence) {
  const std::uint64_t words[] = {source.value(), destination.value(),
                                 (std::uint64_t{relation} << 32U) | std::uint64_t{occurrence}};
  return XXH3_64bits(words, sizeof(words));
}

Digest128 digest128(std::span<const std::byte> bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

}  // namespace rove
