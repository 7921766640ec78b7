// SPDX-License-Identifier: Apache-2.0
#include "engine/comm/detail/failure.hpp"

#include <filesystem>
#include <new>

#include <fmt/format.h>

namespace rove::comm::detail {

namespace {

struct AgreedMark {
  AgreedMark() = default;
  AgreedMark(const AgreedMark&) = default;
  AgreedMark& operator=(const AgreedMark&) = default;
  virtual ~AgreedMark() = default;
};

/// Still a `Base` for everyone who catches it.
template <class Base>
class Agreed final : public Base, public AgreedMark {
 public:
  using Base::Base;
};

ErrorClass class_of(const Error& error) {
  if (dynamic_cast<const ConfigError*>(&error) != nullptr) return ErrorClass::kConfig;
  if (dynamic_cast<const InputError*>(&error) != nullptr) return ErrorClass::kInput;
  if (dynamic_cast<const IoError*>(&error) != nullptr) return ErrorClass::kIo;
  if (dynamic_cast<const DoesNotFitError*>(&error) != nullptr) return ErrorClass::kDoesNotFit;
  if (dynamic_cast<const GateError*>(&error) != nullptr) return ErrorClass::kGate;
  if (dynamic_cast<const CommError*>(&error) != nullptr) return ErrorClass::kComm;
  if (dynamic_cast<const InternalError*>(&error) != nullptr) return ErrorClass::kInternal;
  if (dynamic_cast<const Interrupted*>(&error) != nullptr) return ErrorClass::kInterrupted;
  return ErrorClass::kError;
}

}  // namespace

Failure describe(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return {class_of(error), error.code(), error.what(), dynamic_cast<const AgreedMark*>(&error) != nullptr};
  } catch (const std::bad_alloc&) {
    return {ErrorClass::kDoesNotFit, ExitCode::kDoesNotFit,
            "out of memory: an allocation was refused; use more ranks or nodes, or lower what the job asks for "
            "(rove estimate shows what each stage needs)",
            false};
  } catch (const std::filesystem::filesystem_error& error) {
    return {ErrorClass::kIo, ExitCode::kFile, error.what(), false};
  } catch (const std::exception& error) {
    return {ErrorClass::kInternal, ExitCode::kInternal, fmt::format("unexpected exception: {}", error.what()), false};
  } catch (...) {
    return {ErrorClass::kInternal, ExitCode::kInternal, "unexpected exception of unknown type", false};
  }
}

void throw_agreed(const Failure& failure) {
  switch (failure.error_class) {
    case ErrorClass::kConfig:
      throw Agreed<ConfigError>(failure.message);
    case ErrorClass::kInput:
      throw Agreed<InputError>(failure.message);
    case ErrorClass::kIo:
      throw Agreed<IoError>(failure.message);
    case ErrorClass::kDoesNotFit:
      throw Agreed<DoesNotFitError>(failure.message);
    case ErrorClass::kGate:
      throw Agreed<GateError>(failure.message);
    case ErrorClass::kComm:
      throw Agreed<CommError>(failure.message);
    case ErrorClass::kInternal:
      throw Agreed<InternalError>(failure.message);
    case ErrorClass::kInterrupted:
      throw Agreed<Interrupted>(failure.message);
    case ErrorClass::kError:
      break;
  }
  throw Agreed<Error>(failure.code, failure.message);
}

}  // namespace rove::comm::detail
