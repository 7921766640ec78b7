// SPDX-License-Identifier: Apache-2.0
#include "jobs/query/mapped_ids.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/hdf5/lookup.hpp"
#include "io/hdf5/node_rows.hpp"

namespace rove::jobs {

MappedIds::MappedIds(const io::hdf5::MappedFile& file, const std::string& type)
    : path_(file.file().path().string()), hash_(type) {
  const io::NodeTypeInfo info = io::node_type(file.file(), type);
  keys_ = file.values<std::uint64_t>(info.group + "/keys");
  bool fits = keys_.size() == info.count;
  if (file.file().contains(info.group + "/ids_offsets")) {
    bytes_ = file.values<std::uint8_t>(info.group + "/ids_bytes");
    offsets_ = file.values<std::uint64_t>(info.group + "/ids_offsets");
    fits = fits && offsets_.size() == info.count + 1;
  } else {
    fixed_ = file.text(info.group + "/ids");
    width_ = file.file().info(info.group + "/ids").type.bytes;
    fits = fits && fixed_.size() == info.count * width_;
  }
  if (!fits) {
    throw InputError(
        fmt::format("{}: {} does not hold {} ids and keys; `rove verify` says more", path_, info.group, info.count));
  }
}

std::string_view MappedIds::id(std::uint64_t row) const {
  if (offsets_.empty()) {
    const char* text = fixed_.data() + row * width_;
    return {text, ::strnlen(text, width_)};
  }
  if (offsets_[row] > offsets_[row + 1] || offsets_[row + 1] > bytes_.size()) {
    throw InputError(fmt::format("{}: the id of row {} is damaged", path_, row));
  }
  return {reinterpret_cast<const char*>(bytes_.data()) + offsets_[row], offsets_[row + 1] - offsets_[row]};
}

std::optional<std::uint32_t> MappedIds::find(std::string_view wanted) const {
  for (std::uint64_t salt = 0; salt < io::kMaxKeySalt; ++salt) {
    const auto found = std::lower_bound(keys_.begin(), keys_.end(), hash_(wanted, salt).value());
    // A free key ends the search: import would have used it.
    if (found == keys_.end() || *found != hash_(wanted, salt).value()) return std::nullopt;
    const auto row = static_cast<std::uint64_t>(found - keys_.begin());
    if (id(row) == wanted) return static_cast<std::uint32_t>(row);
  }
  return std::nullopt;
}

}  // namespace rove::jobs
