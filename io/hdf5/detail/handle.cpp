// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/detail/handle.hpp"

#include <fmt/format.h>

namespace rove::io::hdf5 {

std::string StoredType::name() const {
  switch (element) {
    case ElementType::kUint8:
      return "uint8";
    case ElementType::kInt32:
      return "int32";
    case ElementType::kUint32:
      return "uint32";
    case ElementType::kInt64:
      return "int64";
    case ElementType::kUint64:
      return "uint64";
    case ElementType::kFloat32:
      return "float32";
    case ElementType::kFloat64:
      return "float64";
    case ElementType::kText:
      return fmt::format("S{}", bytes);
  }
  return "unknown";
}

std::string DatasetInfo::text() const {
  return fmt::format("{} [{}]", type.name(), fmt::join(shape, ", "));
}

std::string to_text(const AttributeValue& value) {
  struct Visitor {
    std::string operator()(const std::string& text) const { return text; }
    std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
    std::string operator()(double number) const { return fmt::format("{}", number); }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
  };
  return std::visit(Visitor{}, value);
}

namespace detail {

namespace {

herr_t append_error(unsigned /*depth*/, const H5E_error2_t* error, void* text) {
  auto& out = *static_cast<std::string*>(text);
  if (error->desc == nullptr || *error->desc == '\0') return 0;
  if (!out.empty()) out += "; ";
  out += error->desc;
  return 0;
}

}  // namespace

std::string error_stack() {
  std::string text;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, append_error, &text);
  H5Eclear2(H5E_DEFAULT);
  return text.empty() ? "no explanation from HDF5" : text;
}

void initialise_library() {
  [[maybe_unused]] static const bool done = [] {
    // A file that an error left open must not be closed (a collective act) when the process ends.
    H5dont_atexit();
    check(H5open(), "start the HDF5 library");
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    return true;
  }();
}

hid_t file_type(ElementType type) {
  switch (type) {
    case ElementType::kUint8:
      return H5T_STD_U8LE;
    case ElementType::kInt32:
      return H5T_STD_I32LE;
    case ElementType::kUint32:
      return H5T_STD_U32LE;
    case ElementType::kInt64:
      return H5T_STD_I64LE;
    case ElementType::kUint64:
      return H5T_STD_U64LE;
    case ElementType::kFloat32:
      return H5T_IEEE_F32LE;
    case ElementType::kFloat64:
      return H5T_IEEE_F64LE;
    case ElementType::kText:
      break;
  }
  throw InternalError("text has no fixed HDF5 type");
}

Handle utf8_type(std::uint64_t width) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "make a text type");
  check(H5Tset_size(type.get(), width), "set the width of a text type");
  const H5T_str_t padding = width == kVariableWidth ? H5T_STR_NULLTERM : H5T_STR_NULLPAD;
  check(H5Tset_strpad(type.get(), padding), "set the padding of a text type");
  check(H5Tset_cset(type.get(), H5T_CSET_UTF8), "set the character set of a text type");
  return type;
}

Handle bool_type() {
  Handle type(H5Tenum_create(H5T_STD_I8LE), H5Tclose, "make a boolean type");
  std::int8_t value = 0;
  check(H5Tenum_insert(type.get(), "FALSE", &value), "make a boolean type");
  value = 1;
  check(H5Tenum_insert(type.get(), "TRUE", &value), "make a boolean type");
  return type;
}

StoredType stored_type(hid_t type, const std::string& what) {
  const H5T_class_t kind = H5Tget_class(type);
  const std::uint64_t bytes = H5Tget_size(type);
  if (kind == H5T_STRING && H5Tis_variable_str(type) == 0) return {ElementType::kText, bytes};
  for (const auto element : {ElementType::kUint8, ElementType::kInt32, ElementType::kUint32, ElementType::kInt64,
                             ElementType::kUint64, ElementType::kFloat32, ElementType::kFloat64}) {
    if (H5Tequal(type, file_type(element)) > 0) return {element, bytes};
  }
  throw InputError(fmt::format("{} has an element type (HDF5 class {}, {} bytes) that Rove never writes", what,
                               static_cast<int>(kind), bytes));
}

}  // namespace detail
}  // namespace rove::io::hdf5
