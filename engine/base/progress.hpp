// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace rove {

/// Where long work reports how far it is. Implemented in `jobs/` (terminal display, calm log lines, JSON lines) and
/// called on rank 0 only; libraries never print. Calls are cheap: the sink limits its own rate.
class ProgressSink {
 public:
  virtual ~ProgressSink() = default;
  /// A stage of `total` units ("rows", "epochs", "users") starts; total 0 means not known.
  virtual void begin(std::string_view stage, std::uint64_t total, std::string_view unit) = 0;
  /// `done` units so far, with a short free text ("loss 0.1234 recall@20 0.1310").
  virtual void update(std::uint64_t done, std::string_view detail) = 0;
  virtual void end(std::string_view detail) = 0;
  /// One line about a stage whose work was shown already, or took no time worth showing. Leaves an open stage open.
  virtual void note(std::string_view /*stage*/, std::string_view /*text*/) {}
};

/// A sink that shows nothing; the default wherever a sink can be passed.
[[nodiscard]] ProgressSink& no_progress();

}  // namespace rove
