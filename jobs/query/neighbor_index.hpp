// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "algorithms/ppr/index_query.hpp"
#include "engine/base/ids.hpp"
#include "io/hdf5/header.hpp"
#include "io/hdf5/index_file.hpp"
#include "jobs/query/named_graph.hpp"

namespace rove::jobs {

struct NamedSeed {
  NamedVertex vertex;
  double weight = 1.0;
};

/// "Which vertices of a type are near these?"
struct NeighborRequest {
  std::vector<NamedSeed> seeds;
  std::string target;  ///< vertex type; empty: the default
  std::uint32_t top_k = 10;
  bool exclude_linked = true;
  std::vector<std::string> exclude;               ///< ids of the target type
  std::optional<std::vector<std::string>> allow;  ///< ids to choose among
  std::vector<std::string> allow_lists;           ///< names of `CandidateLists`, all of which must allow
  std::optional<std::uint32_t> hops;
  std::optional<double> threshold;
  std::optional<bool> boost;
};

struct Neighbor {
  std::string_view id;
  std::uint64_t key = 0;
  std::uint32_t vertex = 0;  ///< stable id
  float score = 0.0F;
};

struct NeighborAnswer {
  std::vector<algorithms::WeightedSeed> seeds;
  std::string_view target;
  std::vector<Neighbor> neighbors;
  double error_bound = 0.0;  ///< none if boosted
  bool boosted = false;      ///< scores are no probabilities
  bool cold = false;
  std::uint64_t fingerprints = 0;
  std::uint64_t unknown_ids = 0;  ///< in `exclude` and `allow`: ids that the graph does not have
};

/// Candidates that requests may be confined to, and what is blocked per source; by stable id. Read from text files that
/// belong to one graph. Immutable.
struct CandidateLists {
  struct Named {
    std::string name;
    std::vector<std::uint32_t> vertices;  ///< ascending
  };
  std::vector<Named> allow;
  std::vector<std::uint32_t> block_sources;     ///< ascending
  std::vector<std::uint64_t> block_offsets{0};  ///< of each source
  std::vector<std::uint32_t> blocked;
  std::uint64_t unknown_ids = 0;

  [[nodiscard]] std::span<const std::uint32_t> blocked_for(std::uint32_t source) const;
};

/// An index and its graph, mapped into memory: answers by id. Immutable after opening; thread-safe.
class NeighborIndex {
 public:
  struct Options {
    std::string source = "user";  ///< type of ids that name no type, when it has the id
    std::string target = "item";  ///< answered when a request names no type; if the index counts it, or only one
    std::uint32_t hops = 1;
    double threshold = 1e-4;
    bool boost = false;
  };

  /// Throws `InputError` when index and graph do not belong together.
  NeighborIndex(const std::filesystem::path& index_file, const std::filesystem::path& graph_file, Options options);

  /// Reads allow-lists (a file of ids each; the list has the file's name without its ending) and blocks (lines
  /// "source target target ..."). Before the first query.
  void load_lists(const std::vector<std::filesystem::path>& allow_lists,
                  const std::optional<std::filesystem::path>& blocks);

  [[nodiscard]] NeighborAnswer neighbors(const NeighborRequest& request) const;
  /// Whether the block list keeps the target from the source; both by stable id.
  [[nodiscard]] bool is_blocked(std::uint32_t source, std::uint32_t target) const;
  /// Throws `InputError` when the bytes of a dataset are not those that were written. Reads both files whole.
  void verify() const;

  [[nodiscard]] const NamedGraph& names() const { return names_; }
  [[nodiscard]] const io::IndexInfo& info() const { return info_; }
  [[nodiscard]] const io::FileHeader& header() const { return header_; }
  [[nodiscard]] const CandidateLists& lists() const { return lists_; }
  [[nodiscard]] const std::string& default_target() const { return options_.target; }
  /// Reads both files ahead into the system's cache.
  void read_ahead() const;
  /// Maps them whole, so that no answer waits for a page. Takes as long as reading them.
  void touch() const;

 private:
  struct TargetSet {
    VertexTypeId target;
    algorithms::FingerprintSet fingerprints;
  };
  /// A scratch that no other thread uses meanwhile.
  class Lease;

  [[nodiscard]] const TargetSet& target_set(const std::string& name) const;

  Options options_;
  io::hdf5::MappedFile index_file_;
  io::FileHeader header_;
  io::IndexInfo info_;
  NamedGraph names_;
  std::vector<TargetSet> sets_;
  CandidateLists lists_;
  mutable std::mutex mutex_;
  mutable std::vector<std::vector<algorithms::IndexQuery>> idle_;  ///< scratches by target set
};

}  // namespace rove::jobs
