// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "engine/base/progress.hpp"

namespace rove::jobs {

/// Shows progress with rate and time left: one line redrawn in place on a terminal, calm separate lines elsewhere (at
/// the start and end of a stage, and at most every 15 s). The rate is that of the units done since the stage's first
/// update, so that a stage which goes on from a checkpoint counts only its own. Not thread-safe; rank 0 only.
class ProgressDisplay : public ProgressSink {
 public:
  enum class Style { kSilent, kCalm, kTerminal };

  explicit ProgressDisplay(std::FILE* out, Style style) : out_(out), style_(style) {}
  /// Terminal style on a terminal, calm lines elsewhere.
  [[nodiscard]] static Style style_for(std::FILE* out);

  void begin(std::string_view stage, std::uint64_t total, std::string_view unit) override;
  void update(std::uint64_t done, std::string_view detail) override;
  void end(std::string_view detail) override;
  void note(std::string_view stage, std::string_view text) override;

 private:
  using Clock = std::chrono::steady_clock;
  [[nodiscard]] std::string line(std::uint64_t done, std::string_view detail, double elapsed_s) const;
  /// A line that stays.
  void print_line(const std::string& text) const;

  std::FILE* out_;
  Style style_;
  std::string stage_;
  std::string unit_;
  std::uint64_t total_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t first_done_ = 0;  ///< of the stage's first update
  bool open_ = false;
  bool updated_ = false;
  Clock::time_point start_;
  Clock::time_point counted_from_;  ///< when `first_done_` units were done
  Clock::time_point shown_;
};

/// "3.2 s", "4 min 10 s", "2 h 05 min".
[[nodiscard]] std::string format_seconds(double seconds);
/// "12.3M", "810,128" below one million.
[[nodiscard]] std::string format_count(std::uint64_t count);

}  // namespace rove::jobs
