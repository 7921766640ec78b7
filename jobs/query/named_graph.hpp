// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/base/ids.hpp"
#include "io/hdf5/header.hpp"
#include "io/hdf5/mapped_file.hpp"
#include "jobs/query/mapped_graph.hpp"
#include "jobs/query/mapped_ids.hpp"

namespace rove::jobs {

/// A vertex as users name it.
struct NamedVertex {
  std::string type;  ///< empty: the type that has the id
  std::string id;
};

/// An id that the graph does not have: the client's mistake, not the input's.
class UnknownIdError : public InputError {
 public:
  using InputError::InputError;
};

/// A mapped `graph.h5` with the ids of its vertices. Immutable, thread-safe.
class NamedGraph {
 public:
  /// `default_type`: what an id is that names no type, when that type has it.
  NamedGraph(const std::filesystem::path& file, std::string default_type, const WalkedEdges& edges);

  /// The stable id. Throws `UnknownIdError`, and `ConfigError` for a type that the graph does not have or an id that
  /// several types have.
  [[nodiscard]] std::uint32_t find(const NamedVertex& vertex) const;
  /// Rows within a type, without the ids it does not have, which are added to `unknown`.
  [[nodiscard]] std::vector<std::uint32_t> rows_of(const std::vector<std::string>& ids, VertexTypeId type,
                                                   std::uint64_t& unknown) const;
  /// Throws `ConfigError` naming the types there are.
  [[nodiscard]] VertexTypeId type_named(const std::string& name) const;
  [[nodiscard]] std::string_view type_of(std::uint32_t vertex) const;
  [[nodiscard]] std::string_view id_of(std::uint32_t vertex) const;
  [[nodiscard]] std::uint64_t key_of(std::uint32_t vertex) const;

  [[nodiscard]] const MappedGraph& graph() const { return graph_; }
  [[nodiscard]] const graph::Schema& schema() const { return graph_.schema(); }
  [[nodiscard]] const io::FileHeader& header() const { return header_; }
  [[nodiscard]] const std::string& default_type() const { return default_type_; }
  void read_ahead() const { file_.read_ahead(); }
  void touch() const { file_.touch(); }
  void verify() const { file_.verify(); }

 private:
  std::string default_type_;
  io::hdf5::MappedFile file_;
  io::FileHeader header_;
  MappedGraph graph_;
  std::vector<MappedIds> ids_;
};

}  // namespace rove::jobs
