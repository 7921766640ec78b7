// SPDX-License-Identifier: Apache-2.0
#include "jobs/verbs/make_verbs.hpp"

namespace rove::jobs {

std::vector<std::unique_ptr<Verb>> make_verbs() {
  std::vector<std::unique_ptr<Verb>> verbs;
  verbs.push_back(make_config_verb());
  return verbs;
}

}  // namespace rove::jobs
