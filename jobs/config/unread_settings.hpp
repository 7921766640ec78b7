// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "jobs/config/config.hpp"

namespace rove::jobs {

/// What to tell a user who set keys of `section` that the chosen method does not read (`ConfigKey::read_by`), such as
/// train.noise under train.model lightgcn; nothing when there are none.
[[nodiscard]] std::optional<std::string> unread_settings(const Config& config, std::string_view section);

}  // namespace rove::jobs
