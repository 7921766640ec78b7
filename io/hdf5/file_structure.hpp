// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "io/hdf5/input_file.hpp"
#include "io/hdf5/types.hpp"

namespace rove::io::hdf5 {

/// What a file holds beside the rows of its datasets: groups, datasets with their types and shapes, attributes, scalar
/// texts. The digests of the datasets, being attributes, are among it. Objects by full name; "/" is there from the
/// start.
class FileStructure {
 public:
  FileStructure();

  void add_group(const std::string& name);
  void add_dataset(const std::string& name, const DatasetInfo& info);
  void add_text(const std::string& name, std::string_view text);
  /// Of an object that was added.
  void add_attribute(const std::string& object, const std::string& name, const AttributeValue& value);
  [[nodiscard]] bool contains(const std::string& object) const { return objects_.contains(object); }

  /// XXH3-128 of the listing that `docs/formats.md` specifies: 32 hexadecimal digits. Does not depend on the order in
  /// which things were added.
  [[nodiscard]] std::string digest() const;

 private:
  struct Object {
    std::string what;
    std::map<std::string, std::string> attributes;
  };
  std::map<std::string, Object> objects_;
};

/// What is wrong with the structure of a file, against the digest in its root attribute `xxh3`; nothing for files of
/// software that wrote none. Throws `InputError` or `IoError` where the structure cannot be read.
[[nodiscard]] std::optional<std::string> structure_problem(const InputFile& file);

}  // namespace rove::io::hdf5
