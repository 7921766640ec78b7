// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "engine/comm/communicator.hpp"
#include "engine/exec/checkpoint.hpp"
#include "io/hdf5/header.hpp"

namespace rove::io {

/// What the newest checkpoint of a directory stands for.
struct CheckpointInfo {
  std::uint64_t serial = 0;    ///< counts checkpoints: one more than the last, also across restarts
  std::uint64_t progress = 0;  ///< the computation's own count (epochs, supersteps)
  std::string identity;        ///< content hash of the stage: a checkpoint of anything else must not be restored
};

/// Checkpoints of one stage in a directory of its own: two generations (`generation-0.h5`, `generation-1.h5`) and the
/// pointer `current.json`, written last by rename. A kill at any moment leaves the last complete checkpoint; it is
/// never overwritten by the next one. Rows are stored in stable order, so any number of ranks restores it.
class CheckpointDirectory {
 public:
  /// **Collective.** Makes the directory when it is missing.
  CheckpointDirectory(const comm::Communicator& comm, std::filesystem::path directory);

  /// **Collective.** The newest complete checkpoint, or nothing.
  [[nodiscard]] std::optional<CheckpointInfo> latest() const;

  /// **Collective.** Writes the registered state as the newest checkpoint.
  void save(const exec::CheckpointRegistry& state, std::uint64_t progress, const std::string& identity,
            const FileProvenance& provenance) const;

  /// **Collective.** Restores the newest checkpoint if there is one and it has this identity; returns what it stands
  /// for. A checkpoint of another identity is left alone and nothing is returned. Throws `InputError` when the bytes
  /// read do not match their digests.
  [[nodiscard]] std::optional<CheckpointInfo> restore(exec::CheckpointRegistry& state,
                                                      const std::string& identity) const;

  /// **Collective.** The newest checkpoint with this identity to restore from, for a computation that does so itself;
  /// nullptr when there is none. It must not outlive the directory's communicator.
  [[nodiscard]] std::unique_ptr<exec::CheckpointSource> open(const std::string& identity) const;

  /// **Collective.** Removes the checkpoints (the stage is finished).
  void clear() const;

 private:
  struct Current {
    CheckpointInfo info;
    std::string file;
  };
  [[nodiscard]] std::optional<Current> current() const;

  const comm::Communicator& comm_;
  std::filesystem::path directory_;
};

}  // namespace rove::io
