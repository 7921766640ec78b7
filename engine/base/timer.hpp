// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rove {

/// Wall-clock seconds per named phase of one rank. Phases nest; a phase entered again under the same parent adds up.
/// Entries are in order of first entry, a parent before its children:
///
///     { PhaseTimer train(times, "train"); { PhaseTimer epoch(times, "epoch"); ... } }
///
/// gives "train" (depth 0) and "epoch" (depth 1). Not thread-safe: used by the thread that drives a rank.
class PhaseTimes {
 public:
  static constexpr std::size_t kNone = ~std::size_t{0};

  struct Phase {
    std::string name;
    std::size_t parent = kNone;  ///< index of the enclosing phase
    std::uint32_t depth = 0;
    std::uint64_t entries = 0;
    double seconds = 0;  ///< including children
  };

  [[nodiscard]] const std::vector<Phase>& phases() const { return phases_; }
  /// Total seconds of all phases of this name that are not inside one of the same name; 0 when there is none.
  [[nodiscard]] double seconds_of(std::string_view name) const;

 private:
  friend class PhaseTimer;
  std::size_t enter(std::string_view name);
  void leave(std::size_t phase, double seconds);

  std::vector<Phase> phases_;
  std::size_t open_ = kNone;
};

/// Times one phase from construction to destruction.
class PhaseTimer {
 public:
  PhaseTimer(PhaseTimes& times, std::string_view name)
      : times_(times), phase_(times.enter(name)), start_(std::chrono::steady_clock::now()) {}
  ~PhaseTimer() { times_.leave(phase_, seconds()); }
  PhaseTimer(const PhaseTimer&) = delete;
  PhaseTimer& operator=(const PhaseTimer&) = delete;

  /// Since construction.
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  PhaseTimes& times_;
  std::size_t phase_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace rove
