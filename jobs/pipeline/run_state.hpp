// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/config/config.hpp"

namespace rove::jobs {

/// What the stages of a run directory have finished, so that a job that was stopped goes on where it was: `state.json`,
/// replaced durably after every stage. A stage's content hash names what its output depends on; ranks, parts, threads
/// and memory are not in it, or a restart on other nodes would do everything again.
class RunState {
 public:
  /// Reads the state, or starts an empty one when there is no file. Rank 0's business.
  explicit RunState(std::filesystem::path run_directory);

  /// Whether the stage is done with this hash and its files still are there, as long as they were.
  [[nodiscard]] bool is_done(const std::string& stage, const std::string& content_hash) const;
  /// Whether the stages recorded so far all agree with `hashes` (stage -> content hash): the directory can be resumed.
  [[nodiscard]] bool agrees_with(const std::map<std::string, std::string>& hashes) const;
  void set_done(const std::string& stage, const std::string& content_hash, double seconds,
                const std::vector<std::string>& files);

 private:
  struct Stage {
    std::string content_hash;
    double seconds = 0;
    std::vector<std::string> files;
    std::vector<std::uint64_t> bytes;  ///< of the files; none in states written by older versions
  };
  /// Nothing when there is no such file.
  [[nodiscard]] std::optional<std::uint64_t> bytes_of(const std::string& file) const;

  std::filesystem::path directory_;
  std::map<std::string, Stage> stages_;
};

/// What tells the files of these paths and shell patterns from others in a content hash: path, size, time of change.
/// Throws `IoError` for one that cannot be read.
[[nodiscard]] std::string identity_of_files(const std::vector<std::filesystem::path>& patterns);

/// What training depends on beside the configuration, each by something that tells it from others.
struct TrainInputs {
  std::string graph;
  std::string start;           ///< the vectors to start from; empty: none
  std::string hard_negatives;  ///< the lists of `train.negatives: ppr`; empty: none
};

/// Content hash of training.
[[nodiscard]] std::string train_hash(const Config& config, const TrainInputs& inputs);

/// Content hash of each stage of `rove run` under a configuration: its own section, its input files (path, size, time
/// of change) and the stages before it. Without training there are none of training and what follows it: their files
/// need not be there. Same on all ranks when they see the same files.
[[nodiscard]] std::map<std::string, std::string> stage_hashes(const Config& config);

}  // namespace rove::jobs
