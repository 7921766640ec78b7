// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <hdf5.h>

#include "io/hdf5/types.hpp"

/// HDF5's C API for the files of this folder only: every identifier has an owner, every return value is checked.
namespace rove::io::hdf5::detail {

/// The library's own explanation of the last failure on this thread, innermost reason last; clears it.
[[nodiscard]] std::string error_stack();

/// Silences HDF5's printing and its exit handler: once per process, on the first call.
void initialise_library();

/// Throws `IoError` "cannot <what>: <HDF5's words>" when a call reported failure (a negative value).
template <class Result>
Result check(Result result, const std::string& what) {
  if (result < 0) throw IoError("cannot " + what + ": " + error_stack());
  return result;
}

/// Owner of an HDF5 identifier and of the function that closes it. Closing in a destructor ignores failures: whoever
/// cares about them (files, datasets that were written) calls `close`.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);

  Handle() = default;
  Handle(hid_t id, Close closer, const std::string& what) : id_(check(id, what)), close_(closer) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }

  [[nodiscard]] hid_t get() const { return id_; }
  void close(const std::string& what) { check(close_(std::exchange(id_, -1)), what); }
  /// Gives the identifier up without closing it.
  hid_t release() { return std::exchange(id_, -1); }

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

/// Little-endian type in the file, native type in memory; the same on the machines Rove runs on.
[[nodiscard]] hid_t file_type(ElementType type);
/// UTF-8 text padded with zero bytes to `width`, or of variable length.
inline constexpr std::uint64_t kVariableWidth = H5T_VARIABLE;
[[nodiscard]] Handle utf8_type(std::uint64_t width);
[[nodiscard]] Handle bool_type();
/// The type of an HDF5 dataset or attribute in our words. Throws `InputError` naming `what` for anything else.
[[nodiscard]] StoredType stored_type(hid_t type, const std::string& what);

}  // namespace rove::io::hdf5::detail
