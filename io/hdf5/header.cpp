// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/header.hpp"

#include <array>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"

namespace rove::io {

namespace {

struct Format {
  FileFormat format;
  std::string_view name;
  std::int64_t version;
};

constexpr std::array kFormats{
    Format{FileFormat::kGraph, "rove/graph", 1},
    Format{FileFormat::kPartition, "rove/partition", 1},
    Format{FileFormat::kEmbeddings, "rove/embeddings", 1},
    Format{FileFormat::kPpr, "rove/ppr", 1},
    Format{FileFormat::kRecommendations, "rove/recommendations", 1},
    Format{FileFormat::kCheckpoint, "rove/checkpoint", 1},
    Format{FileFormat::kModel, "rove/model", 1},
    Format{FileFormat::kIndex, "rove/index", 1},
    Format{FileFormat::kWalks, "rove/walks", 1},
    Format{FileFormat::kSamples, "rove/samples", 2},
    Format{FileFormat::kDelta, "rove/delta", 1},
    Format{FileFormat::kMaintainedWalks, "rove/maintained-walks", 1},
};

const Format& entry_of(FileFormat format) {
  for (const Format& entry : kFormats) {
    if (entry.format == format) return entry;
  }
  throw InternalError("a file format without a name");
}

}  // namespace

std::string_view name_of(FileFormat format) {
  return entry_of(format).name;
}

std::int64_t version_of(FileFormat format) {
  return entry_of(format).version;
}

void write_header(hdf5::OutputFile& file, FileFormat format, const FileProvenance& provenance) {
  // Attributes are written by all ranks together and must agree; clocks do not.
  const std::string created = file.comm().broadcast_text(provenance.created_utc, Rank{0});
  file.set_attribute("/", "format", std::string(name_of(format)));
  file.set_attribute("/", "format_version", version_of(format));
  file.set_attribute("/", "numerics_version", provenance.numerics_version);
  file.set_attribute("/", "software_version", provenance.software_version);
  file.set_attribute("/", "commit", provenance.commit);
  file.set_attribute("/", "seed", checked_cast<std::int64_t>(provenance.seed, "seed"));
  file.set_attribute("/", "graph_digest", provenance.graph_digest);
  file.set_attribute("/", "created_utc", created);
  file.write_text("/config", file.comm().broadcast_text(provenance.config_yaml, Rank{0}));
}

FileHeader read_header(const hdf5::InputFile& file, std::optional<FileFormat> expected) {
  const auto format_name = file.find_attribute("/", "format");
  const std::string* name = format_name ? std::get_if<std::string>(&*format_name) : nullptr;
  if (name == nullptr) {
    throw InputError(
        fmt::format("{} was not written by Rove: its root has no attribute `format`", file.path().string()));
  }
  const Format* entry = nullptr;
  for (const Format& candidate : kFormats) {
    if (candidate.name == *name) entry = &candidate;
  }
  if (entry == nullptr) {
    throw InputError(fmt::format("{} has the format '{}', which this version of Rove does not know; a newer one may",
                                 file.path().string(), *name));
  }
  if (expected && entry->format != *expected) {
    throw InputError(
        fmt::format("{} has the format '{}', expected '{}'", file.path().string(), *name, name_of(*expected)));
  }
  FileHeader header;
  header.format = entry->format;
  header.version = file.attribute<std::int64_t>("/", "format_version");
  if (header.version < 1 || header.version > entry->version) {
    throw InputError(
        fmt::format("{} has version {} of the format '{}'; this software reads versions 1 to {}: read it with "
                    "the Rove that wrote it ({}) or a newer one",
                    file.path().string(), header.version, *name, entry->version,
                    hdf5::to_text(file.find_attribute("/", "software_version").value_or("unknown"))));
  }
  FileProvenance& provenance = header.provenance;
  provenance.numerics_version = file.attribute<std::int64_t>("/", "numerics_version");
  provenance.software_version = file.attribute<std::string>("/", "software_version");
  provenance.commit = file.attribute<std::string>("/", "commit");
  provenance.seed = checked_cast<std::uint64_t>(file.attribute<std::int64_t>("/", "seed"), "seed");
  provenance.graph_digest = file.attribute<std::string>("/", "graph_digest");
  provenance.created_utc = file.attribute<std::string>("/", "created_utc");
  provenance.config_yaml = file.read_text("/config");
  return header;
}

}  // namespace rove::io
