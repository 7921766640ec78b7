// SPDX-License-Identifier: Apache-2.0
#include "io/import/import_options.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace rove::io {
namespace {

constexpr std::array<std::pair<const char*, TextFormat>, 7> kTextFormats{{
    {"adjacency", TextFormat::kAdjacency},
    {"edgelist", TextFormat::kEdgeList},
    {"csv", TextFormat::kCsv},
    {"triples", TextFormat::kTriples},
    {"recbole", TextFormat::kRecBole},
    {"matrix-market", TextFormat::kMatrixMarket},
    {"metis", TextFormat::kMetis},
}};
constexpr std::array<std::pair<const char*, NodeFormat>, 5> kNodeFormats{{
    {"ids", NodeFormat::kIds},
    {"recbole", NodeFormat::kRecBole},
    {"npy", NodeFormat::kNpy},
    {"npz", NodeFormat::kNpz},
    {"hdf5", NodeFormat::kHdf5},
}};

template <class Table>
auto find_format(const Table& formats, const std::string& name) {
  std::string known;
  for (const auto& [format_name, format] : formats) {
    if (name == format_name) return format;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", format_name);
  }
  throw ConfigError(fmt::format("unknown format '{}', expected one of: {}", name, known));
}

}  // namespace

TextFormat text_format_of(const std::string& name) {
  return find_format(kTextFormats, name);
}
NodeFormat node_format_of(const std::string& name) {
  return find_format(kNodeFormats, name);
}

const char* name_of(TextFormat format) {
  for (const auto& [name, value] : kTextFormats) {
    if (value == format) return name;
  }
  return "?";
}

}  // namespace rove::io
