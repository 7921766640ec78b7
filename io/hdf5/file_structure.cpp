// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/file_structure.hpp"

#include <span>

#include <fmt/format.h>

#include "engine/base/hash.hpp"

namespace rove::io::hdf5 {

namespace {

/// With its length in front, so that no text can pass for two.
std::string counted(std::string_view text) {
  return fmt::format("{}:{}", text.size(), text);
}

std::string_view type_name(const AttributeValue& value) {
  struct Visitor {
    std::string_view operator()(const std::string& /*value*/) const { return "text"; }
    std::string_view operator()(std::int64_t /*value*/) const { return "int64"; }
    std::string_view operator()(double /*value*/) const { return "float64"; }
    std::string_view operator()(bool /*value*/) const { return "bool"; }
  };
  return std::visit(Visitor{}, value);
}

FileStructure structure_of(const InputFile& file) {
  FileStructure structure;
  const auto add_attributes = [&](const std::string& object) {
    for (const std::string& name : file.attribute_names(object)) {
      if (object == "/" && name == "xxh3") continue;
      structure.add_attribute(object, name, file.find_attribute(object, name).value());
    }
  };
  add_attributes("/");
  for (const std::string& group : file.groups()) {
    structure.add_group(group);
    add_attributes(group);
  }
  for (const std::string& name : file.datasets()) {
    const DatasetInfo info = file.info(name);
    if (info.shape.empty()) {
      structure.add_text(name, file.read_text(name));
    } else {
      structure.add_dataset(name, info);
    }
    add_attributes(name);
  }
  return structure;
}

}  // namespace

FileStructure::FileStructure() {
  add_group("/");
}

void FileStructure::add_group(const std::string& name) {
  objects_[name].what = "group";
}

void FileStructure::add_dataset(const std::string& name, const DatasetInfo& info) {
  objects_[name].what = info.text();
}

void FileStructure::add_text(const std::string& name, std::string_view text) {
  objects_[name].what = "text " + counted(text);
}

void FileStructure::add_attribute(const std::string& object, const std::string& name, const AttributeValue& value) {
  objects_.at(object).attributes[name] = fmt::format("{} {}", type_name(value), counted(to_text(value)));
}

std::string FileStructure::digest() const {
  std::string listing;
  for (const auto& [name, object] : objects_) {
    listing += fmt::format("{} {}\n", counted(name), object.what);
    for (const auto& [attribute, value] : object.attributes) {
      listing += fmt::format("  {} {}\n", counted(attribute), value);
    }
  }
  const Digest128 digest = digest128(std::as_bytes(std::span(listing)));
  return fmt::format("{:016x}{:016x}", digest.high, digest.low);
}

std::optional<std::string> structure_problem(const InputFile& file) {
  if (!file.find_attribute("/", "xxh3")) return std::nullopt;
  const auto stored = file.attribute<std::string>("/", "xxh3");
  const std::string found = structure_of(file).digest();
  if (found == stored) return std::nullopt;
  return fmt::format(
      "its names, shapes, attributes and texts have the digest {}, but {} was written; the file is damaged, or was "
      "changed after Rove wrote it",
      found, stored);
}

}  // namespace rove::io::hdf5
