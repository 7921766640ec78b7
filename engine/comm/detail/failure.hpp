// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <exception>
#include <string>

#include "engine/base/error.hpp"

namespace rove::comm::detail {

enum class ErrorClass : std::int32_t {
  kError,
  kConfig,
  kInput,
  kIo,
  kDoesNotFit,
  kGate,
  kComm,
  kInternal,
  kInterrupted,
};

/// An exception as it travels between ranks.
struct Failure {
  ErrorClass error_class = ErrorClass::kError;
  ExitCode code = ExitCode::kInternal;
  std::string message;
  bool agreed = false;  ///< thrown by `agree`, so all ranks throw it
};

/// `std::bad_alloc` becomes a `DoesNotFitError`, an error of the filesystem library an `IoError`; other exceptions that
/// are not Rove's become an `InternalError`.
[[nodiscard]] Failure describe(const std::exception_ptr& exception);

/// Throws the failure as the class it was, marked so that `describe` finds it agreed.
[[noreturn]] void throw_agreed(const Failure& failure);

}  // namespace rove::comm::detail
