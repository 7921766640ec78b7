// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "io/hdf5/header.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/hdf5/result_files.hpp"

namespace rove::io {

/// An edge type as a sampler followed it.
struct SamplesLink {
  std::string source;
  std::string relation;
  std::string destination;
  bool in = false;  ///< destinations drew among their sources; otherwise sources among destinations
  /// Of the edge type: positions are below it. None where neighbours are no edges of the graph: without positions.
  std::optional<std::uint64_t> num_edges;
  std::vector<NamedAttribute> attributes = {};

  [[nodiscard]] const std::string& anchors() const { return in ? destination : source; }
  [[nodiscard]] const std::string& neighbors() const { return in ? source : destination; }
};

/// What the batches of `samples.h5` consist of.
struct SamplesLayout {
  std::vector<SamplesLink> links;
  std::uint64_t vertex_bounds = 2;       ///< bounds of hops per batch and vertex type
  std::uint64_t edge_bounds = 2;         ///< the same per link
  bool has_seeds = false;                ///< vertices know their seed (disjoint subgraphs)
  bool has_weights = false;              ///< edges carry weights
  std::vector<SamplesLink> supervision;  ///< relations of the training edges; empty: batches are of vertices
  std::uint64_t negatives = 0;           ///< per training edge
  std::vector<NamedAttribute> attributes;
};

/// Rows per dataset: what has to be known before the first batch is written.
struct SampleCounts {
  std::uint64_t batches = 0;
  std::vector<std::uint64_t> vertices;  ///< by vertex type
  std::vector<std::uint64_t> edges;     ///< by link
  std::uint64_t supervision = 0;        ///< training edges

  void add(const SampleCounts& other);
};

/// Batches one after another, column by column.
struct SampleBlock {
  struct Vertices {
    std::vector<std::uint32_t> rows;
    std::vector<std::uint32_t> seeds;
    std::vector<std::uint64_t> bounds;  ///< batches x vertex_bounds
  };
  struct Edges {
    std::vector<std::uint32_t> neighbors;
    std::vector<std::uint32_t> anchors;
    std::vector<std::uint64_t> positions;
    std::vector<float> weights;
    std::vector<std::uint64_t> bounds;  ///< batches x edge_bounds
  };
  struct Supervision {
    std::vector<std::uint64_t> sizes;  ///< by batch
    std::vector<std::uint32_t> relations;
    std::vector<std::uint32_t> sources;
    std::vector<std::uint32_t> destinations;
    std::vector<std::uint64_t> positions;
    std::vector<std::uint32_t> negatives;
  };
  std::uint64_t batches = 0;
  std::vector<Vertices> vertices;  ///< by vertex type
  std::vector<Edges> edges;        ///< by link
  Supervision supervision;

  void clear();
  [[nodiscard]] SampleCounts counts() const;
};

/// Writes `samples.h5` in bounded memory: epoch by epoch, the ranks' batches in rank order, any number of them at a
/// time. Every function is **Collective**.
class SamplesWriter {
 public:
  /// `nodes`: all vertex types of the graph. `total`: over all epochs and ranks.
  SamplesWriter(const comm::Communicator& comm, const std::filesystem::path& path, SamplesLayout layout,
                std::span<const NodeView> nodes, const SampleCounts& total, const FileProvenance& provenance);
  ~SamplesWriter();
  SamplesWriter(const SamplesWriter&) = delete;
  SamplesWriter& operator=(const SamplesWriter&) = delete;

  /// `mine`: what this rank will write of the epoch.
  void begin_epoch(const SampleCounts& mine);
  void write(const SampleBlock& block);
  /// Nothing may be written afterwards.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rove::io
