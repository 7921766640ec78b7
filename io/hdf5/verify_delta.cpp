// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/verify_delta.hpp"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "io/hdf5/delta_file.hpp"
#include "io/hdf5/detail/verify_chunks.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/hdf5/verify_keys.hpp"

namespace rove::io::detail {

namespace {

using ShareOf = std::function<IndexRange(std::uint64_t)>;

void require_rows(const hdf5::InputFile& file, const std::string& dataset, std::uint64_t expected) {
  const std::uint64_t found = file.info(dataset).rows();
  if (found != expected) throw InputError(fmt::format("{}: {} rows, expected {}", dataset, found, expected));
}

/// The dataset holds ascending row numbers of a type of `count` rows.
void verify_row_numbers(const hdf5::InputFile& file, const std::string& dataset, std::uint64_t count,
                        const ShareOf& share_of) {
  const IndexRange share = share_of(file.info(dataset).rows());
  for (std::uint64_t begin = share.begin; begin < share.end; begin += kChunkRows) {
    const IndexRange chunk{begin - (begin > 0 ? 1 : 0), std::min(share.end, begin + kChunkRows)};
    const auto rows = file.read<std::uint64_t>(dataset, chunk);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i] < count && (i == 0 || rows[i - 1] < rows[i])) continue;
      throw InputError(
          fmt::format("{}: entry {} is row {}; rows must ascend below {}", dataset, chunk.begin + i, rows[i], count));
    }
  }
}

void verify_changes(const hdf5::InputFile& file, const std::string& group, const std::string& likeness,
                    const std::string& source, const ShareOf& share_of) {
  verify_row_numbers(file, group + "/rows", node_type(file, source).count, share_of);
  const std::uint64_t rows = file.info(group + "/rows").rows();
  require_rows(file, group + "/" + likeness, rows);
}

}  // namespace

void verify_delta(const hdf5::InputFile& file, const ShareOf& share_of) {
  for (const NodeTypeInfo& type : node_types(file)) {
    verify_row_numbers(file, type.group + "/added", type.count, share_of);
    const std::string removed = "/removed/" + hdf5::escape_name(type.name);
    verify_keys(file, removed, type.name, share_of(file.info(removed + "/keys").rows()));
  }
  for (const NodeTypeInfo& type : node_types(file)) {
    const std::string group = kDeltaVectors + ("/" + hdf5::escape_name(type.name));
    if (!file.is_group(group)) continue;
    verify_changes(file, group, "cosines", type.name, share_of);
    require_rows(file, group + "/vectors", file.info(group + "/rows").rows());
    const auto dim = static_cast<std::uint64_t>(file.attribute<std::int64_t>(kDeltaVectors, "dim"));
    if (file.info(group + "/vectors").width() != dim) {
      throw InputError(
          fmt::format("{}/vectors: {} columns, expected dim = {}", group, file.info(group + "/vectors").width(), dim));
    }
  }
  for (const char* root : {"/neighbors", "/recommendations"}) {
    for (const std::string& source : file.members(root)) {
      for (const std::string& target : file.members(fmt::format("{}/{}", root, source))) {
        const std::string group = fmt::format("{}/{}/{}", root, source, target);
        verify_changes(file, group, "overlaps", file.attribute<std::string>(group, "source"), share_of);
      }
    }
  }
}

}  // namespace rove::io::detail
