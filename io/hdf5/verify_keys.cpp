// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/verify_keys.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/hash.hpp"
#include "io/hdf5/detail/verify_chunks.hpp"
#include "io/hdf5/lookup.hpp"
#include "io/hdf5/node_rows.hpp"

namespace rove::io::detail {

void verify_keys(const hdf5::InputFile& file, const std::string& group, const std::string& type, IndexRange rows) {
  const VertexKeyHasher hash(type);
  for (std::uint64_t begin = rows.begin; begin < rows.end; begin += kChunkRows) {
    // One row more in front, so that the order across chunks and shares is checked as well.
    const IndexRange chunk{begin - (begin > 0 ? 1 : 0), std::min(rows.end, begin + kChunkRows)};
    const IdBlock ids = read_texts(file, group, "ids", chunk);
    const auto keys = file.read<std::uint64_t>(group + "/keys", chunk);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const std::uint64_t row = chunk.begin + i;
      if (i > 0 && keys[i - 1] >= keys[i]) {
        throw InputError(
            fmt::format("{}/keys: row {} holds {}, which does not ascend from {}", group, row, keys[i], keys[i - 1]));
      }
      std::uint64_t salt = 0;
      while (salt < kMaxKeySalt && hash(ids[i], salt).value() != keys[i]) ++salt;
      if (salt == kMaxKeySalt) {
        throw InputError(fmt::format("{}/keys: row {} holds {}, which is not the key of its id '{}' ({})", group, row,
                                     keys[i], ids[i], hash(ids[i]).value()));
      }
    }
  }
}

}  // namespace rove::io::detail
