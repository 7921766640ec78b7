// SPDX-License-Identifier: Apache-2.0
#include "engine/base/log.hpp"

#include <atomic>
#include <mutex>
#include <string>

#include <fmt/format.h>

namespace rove::log {
namespace {

std::mutex mutex;
std::atomic<Sink*> current{nullptr};

}  // namespace

Sink* set_sink(Sink* sink) {
  const std::lock_guard lock(mutex);
  return current.exchange(sink);
}

void write(Level level, fmt::string_view format, fmt::format_args arguments) {
  if (current.load(std::memory_order_relaxed) == nullptr) return;
  const std::string message = fmt::vformat(format, arguments);
  const std::lock_guard lock(mutex);
  if (Sink* const sink = current.load(std::memory_order_relaxed)) sink->write(level, message);
}

}  // namespace rove::log
