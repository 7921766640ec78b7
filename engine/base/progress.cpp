// SPDX-License-Identifier: Apache-2.0
#include "engine/base/progress.hpp"

namespace rove {
namespace {

class NoProgress final : public ProgressSink {
 public:
  void begin(std::string_view, std::uint64_t, std::string_view) override {}
  void update(std::uint64_t, std::string_view) override {}
  void end(std::string_view) override {}
};

}  // namespace

ProgressSink& no_progress() {
  static NoProgress sink;
  return sink;
}

}  // namespace rove
