// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/hdf5/diff.hpp"
#include "io/imported_graph.hpp"
#include "io/publish/manifest.hpp"

namespace rove::jobs {

/// Seconds of one phase over the ranks.
struct PhaseSummary {
  std::string name;
  std::uint32_t depth = 0;
  double slowest_s = 0;
  double average_s = 0;
  std::int32_t slowest_rank = 0;
  bool earlier = false;  ///< done by a job that was stopped and that this one continued: one rank's seconds
};

struct TypeBalanceSummary {
  std::string type;
  double vertex_imbalance = 1;  ///< largest part over average
  double edge_imbalance = 1;
};

struct PartitionSummary {
  std::string method;
  std::uint64_t edges = 0;
  std::uint64_t cut_edges = 0;
  std::uint64_t communication_volume = 0;
  double work_imbalance = 1;
  std::vector<std::uint64_t> owned;   ///< vertices per part
  std::vector<std::uint64_t> ghosts;  ///< foreign vertices a part reads
  std::vector<TypeBalanceSummary> types;
};

struct EpochSummary {
  std::uint64_t epoch = 0;
  double loss = 0;
  double seconds = 0;
  double edges_per_second = 0;
  io::publish::Metrics metrics;  ///< of epochs that were evaluated
};

struct FileSummary {
  std::string name;
  std::uint64_t bytes = 0;
  std::map<std::string, std::uint64_t> rows;  ///< vertex type to rows, of HDF5 files
};

/// What a run directory holds about its run, and what is compared with the night before.
struct RunSummary {
  std::string run;  ///< "0007"
  io::publish::Metrics metrics;
  std::vector<PhaseSummary> phases;
  std::vector<FileSummary> files;

  /// Seconds of the phases that are in no other.
  [[nodiscard]] double total_seconds() const;
};

/// What the vectors that training went on from knew of what is to be forgotten.
struct UnlearningSummary {
  std::string start;  ///< unchanged, unlearnt or cold
  std::uint64_t interactions = 0;
  double gap_before = 0;
  double gap_after = 0;
};

/// Everything the morning report shows. Optional parts are those of stages that the job did not have.
struct ReportData {
  std::string name;
  std::string created_utc;
  std::string software_version;
  std::string commit;
  std::uint64_t seed = 0;
  std::int32_t ranks = 1;
  std::uint32_t threads_per_rank = 1;

  RunSummary run;
  std::optional<RunSummary> previous;  ///< the run published when this one was made
  std::map<std::string, double> floors;
  std::vector<io::FileDiff::Drift> drift;  ///< of the vectors since that run, per type
  std::vector<io::FileDiff::Lists> lists;  ///< overlap of the ranked lists with that run's

  std::vector<std::uint64_t> peak_resident_bytes;  ///< per rank
  std::uint64_t memory_limit_bytes = 0;            ///< per rank
  std::string memory_limit_source;

  std::map<std::string, std::uint64_t> vertices;  ///< per type
  std::optional<io::ImportReport> import;
  std::optional<UnlearningSummary> unlearning;
  std::optional<PartitionSummary> partition;
  std::vector<EpochSummary> history;

  std::vector<std::string> warnings;
  std::string config_yaml;
};

}  // namespace rove::jobs
