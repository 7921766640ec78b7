// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Assertions are for programmers' mistakes only; what a user can cause throws. No side effects inside.
/// Levels: LIGHT (on in release), NORMAL (debug), HEAVY (changes the complexity).
namespace rove::detail {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}

#ifndef ROVE_ASSERTION_LEVEL
#define ROVE_ASSERTION_LEVEL 1
#endif

#define ROVE_ASSERT_AT(level, expression)                                  \
  do {                                                                     \
    if constexpr (ROVE_ASSERTION_LEVEL >= (level)) {                       \
      if (!(expression)) {                                                 \
        ::rove::detail::assertion_failed(#expression, __FILE__, __LINE__); \
      }                                                                    \
    }                                                                      \
  } while (false)

#define ROVE_ASSERT_LIGHT(expression) ROVE_ASSERT_AT(1, expression)
#define ROVE_ASSERT(expression) ROVE_ASSERT_AT(2, expression)
#define ROVE_ASSERT_HEAVY(expression) ROVE_ASSERT_AT(3, expression)
