// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/row_join.hpp"

#include <cmath>
#include <iterator>
#include <limits>

#include <fmt/format.h>

namespace rove::io {

namespace {

std::uint64_t first_row_from(const hdf5::InputFile& file, const std::string& group, std::uint64_t key) {
  std::uint64_t low = 0;
  std::uint64_t high = file.info(group + "/keys").rows();
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (file.read<std::uint64_t>(group + "/keys", {middle, middle + 1}).front() < key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace

KeyedRows all_rows(const hdf5::InputFile& file, const std::string& group) {
  return {file, group, {0, file.info(group + "/keys").rows()}};
}

KeyedRows rows_with_keys(const hdf5::InputFile& file, const std::string& group, std::uint64_t begin,
                         std::uint64_t end) {
  file.require_columns(group + "/keys", 1);
  const std::uint64_t first = first_row_from(file, group, begin);
  return {file, group, {first, std::max(first, first_row_from(file, group, end))}};
}

void join_rows(const KeyedRows& first, const KeyedRows& second, const JoinVisitor& visit) {
  RowReader<std::uint64_t> a(first.file, first.group + "/keys");
  RowReader<std::uint64_t> b(second.file, second.group + "/keys");
  std::uint64_t i = first.rows.begin;
  std::uint64_t j = second.rows.begin;
  while (i < first.rows.end || j < second.rows.end) {
    constexpr std::uint64_t kEnd = std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t x = i < first.rows.end ? a.row(i)[0] : kEnd;
    const std::uint64_t y = j < second.rows.end ? b.row(j)[0] : kEnd;
    if (x == y)
      visit.both(i++, j++);
    else if (x < y)
      visit.first_only(i++);
    else
      visit.second_only(j++);
  }
}

ListReader::ListReader(const hdf5::MappedFile& file, const std::string& group)
    : indptr_(file.file(), group + "/indptr"),
      indices_(file.file(), group + "/indices"),
      scores_(file.file(), group + "/scores"),
      keys_(file.values<std::uint64_t>(
          node_type(file.file(), file.file().attribute<std::string>(group, "target")).group + "/keys")) {}

IndexRange ListReader::slots(std::uint64_t row) {
  const std::span<const std::uint64_t> offsets = indptr_.rows({row, row + 2});
  return {offsets[0], offsets[1]};
}

std::vector<std::uint64_t> ListReader::targets(std::uint64_t row) {
  std::vector<std::uint64_t> targets;
  for (const std::uint64_t index : indices_.rows(slots(row))) {
    if (index >= keys_.size()) {
      throw InputError(fmt::format("a list names target row {} of {}; the file is damaged", index, keys_.size()));
    }
    targets.push_back(keys_[index]);
  }
  return targets;
}

double cosine(std::span<const float> a, std::span<const float> b) {
  double dot = 0;
  double norm_a = 0;
  double norm_b = 0;
  for (std::size_t d = 0; d < a.size(); ++d) {
    dot += double{a[d]} * double{b[d]};
    norm_a += double{a[d]} * double{a[d]};
    norm_b += double{b[d]} * double{b[d]};
  }
  if (norm_a == 0 || norm_b == 0) return norm_a == norm_b ? 1 : 0;
  return dot / std::sqrt(norm_a * norm_b);
}

double overlap(std::vector<std::uint64_t> a, std::vector<std::uint64_t> b) {
  const std::size_t longer = std::max(a.size(), b.size());
  if (longer == 0) return 1;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  std::vector<std::uint64_t> common;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
  return static_cast<double>(common.size()) / static_cast<double>(longer);
}

}  // namespace rove::io
