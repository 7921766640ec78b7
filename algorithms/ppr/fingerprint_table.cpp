// SPDX-License-Identifier: Apache-2.0
#include "algorithms/ppr/fingerprint_table.hpp"

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace rove::algorithms {

void FingerprintTable::append(const Fingerprint& fingerprint) {
  entries.insert(entries.end(), fingerprint.entries.begin(), fingerprint.entries.end());
  offsets.push_back(entries.size());
  lost.push_back(fingerprint.lost);
  cut.push_back(fingerprint.cut);
}

void FingerprintView::fail_offsets(std::uint64_t row) {
  throw InputError(fmt::format("the offsets of fingerprint {} are not in order: the index is damaged", row));
}

}  // namespace rove::algorithms
