// SPDX-License-Identifier: Apache-2.0
#include "engine/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace rove::detail {

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: assertion failed: %s\nThis is a defect of Rove, not of its input.\n", file, line,
               expression);
  std::abort();
}

}  // namespace rove::detail
