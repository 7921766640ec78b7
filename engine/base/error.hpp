// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace rove {

/// What the process returns to its caller (scripts, Slurm). Never renumber.
enum class ExitCode : int {
  kSuccess = 0,
  kDifferent = 1,     ///< `rove diff` found differences, as diff(1)
  kUsage = 2,         ///< command line or configuration
  kInput = 3,         ///< bad input data
  kFile = 4,          ///< a file or another resource is missing or cannot be written
  kDoesNotFit = 5,    ///< the estimate says so, before anything is allocated
  kGateRefused = 7,   ///< quality gate refused to publish
  kInternal = 70,     ///< a defect of Rove or of the communication layer
  kInterrupted = 75,  ///< stopped on request, checkpoint written, may be queued again
};

/// Base of everything Rove throws. `what()` says what was found, what was expected and what to change.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// The command line or the job file is wrong.
class ConfigError : public Error {
 public:
  explicit ConfigError(const std::string& message) : Error(ExitCode::kUsage, message) {}
};

/// Throws `ConfigError` unless `holds`.
void require_config(bool holds, const std::string& message);

/// Where in an input file something was found. Lines and columns count from 1; 0 means "not known".
struct SourcePosition {
  std::string file;
  std::uint64_t line = 0;
  std::uint64_t column = 0;
};

/// Input data break a rule. The message starts with `file:line:column: ` when the position is known.
class InputError : public Error {
 public:
  explicit InputError(const std::string& message) : Error(ExitCode::kInput, message) {}
  InputError(const SourcePosition& where, const std::string& found, const std::string& expected);
};

/// A file cannot be opened, read, written or synced. Carries the system's own words.
class IoError : public Error {
 public:
  explicit IoError(const std::string& message) : Error(ExitCode::kFile, message) {}
};

/// Throws `IoError`: "cannot open users.tsv: No such file or directory", the last words from `errno` as it is now.
[[noreturn]] void throw_io_error(const char* what, const char* path);

/// The plan does not fit the memory, or a count does not fit a third-party library's index type.
class DoesNotFitError : public Error {
 public:
  explicit DoesNotFitError(const std::string& message) : Error(ExitCode::kDoesNotFit, message) {}
};

/// The quality gate refused to publish.
class GateError : public Error {
 public:
  explicit GateError(const std::string& message) : Error(ExitCode::kGateRefused, message) {}
};

/// A message-passing call failed.
class CommError : public Error {
 public:
  explicit CommError(const std::string& message) : Error(ExitCode::kInternal, message) {}
};

/// A programmer's mistake that must not go on in a release build either.
class InternalError : public Error {
 public:
  explicit InternalError(const std::string& message) : Error(ExitCode::kInternal, message) {}
};

/// Stopped on request after a checkpoint was written.
class Interrupted : public Error {
 public:
  explicit Interrupted(const std::string& message) : Error(ExitCode::kInterrupted, message) {}
};

}  // namespace rove
