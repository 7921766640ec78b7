// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "engine/base/error.hpp"

namespace rove::io::hdf5 {

/// Element types of the datasets Rove writes; in files always little endian.
enum class ElementType : std::uint8_t { kUint8, kInt32, kUint32, kInt64, kUint64, kFloat32, kFloat64, kText };

template <class T>
[[nodiscard]] consteval ElementType element_type_of() {
  if constexpr (std::is_same_v<T, std::uint8_t>)
    return ElementType::kUint8;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return ElementType::kInt32;
  else if constexpr (std::is_same_v<T, std::uint32_t>)
    return ElementType::kUint32;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return ElementType::kInt64;
  else if constexpr (std::is_same_v<T, std::uint64_t>)
    return ElementType::kUint64;
  else if constexpr (std::is_same_v<T, float>)
    return ElementType::kFloat32;
  else {
    static_assert(std::is_same_v<T, double>, "not an element type of Rove's files");
    return ElementType::kFloat64;
  }
}

/// An element type and the bytes one element takes; for text the fixed width.
struct StoredType {
  ElementType element = ElementType::kUint8;
  std::uint64_t bytes = 1;

  /// NumPy's name: "float32", "int64", "S24".
  [[nodiscard]] std::string name() const;
  friend bool operator==(const StoredType&, const StoredType&) = default;
};

/// What a dataset holds, without its values. Rank 0 (a scalar), 1 or 2.
struct DatasetInfo {
  StoredType type;
  std::vector<std::uint64_t> shape;

  [[nodiscard]] std::uint64_t rows() const { return shape.empty() ? 1 : shape[0]; }
  /// Elements per row.
  [[nodiscard]] std::uint64_t width() const { return shape.size() < 2 ? 1 : shape[1]; }
  [[nodiscard]] std::uint64_t row_bytes() const { return width() * type.bytes; }
  [[nodiscard]] std::uint64_t bytes() const { return rows() * row_bytes(); }
  /// "float32 [29858, 64]".
  [[nodiscard]] std::string text() const;
};

/// Value of an attribute.
using AttributeValue = std::variant<std::string, std::int64_t, double, bool>;
[[nodiscard]] std::string to_text(const AttributeValue& value);

}  // namespace rove::io::hdf5
