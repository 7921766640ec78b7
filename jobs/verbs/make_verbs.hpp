// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "jobs/verbs/verb.hpp"

namespace rove::jobs {

[[nodiscard]] std::unique_ptr<Verb> make_config_verb();

}  // namespace rove::jobs
