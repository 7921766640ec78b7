// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/input_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "engine/base/fault.hpp"
#include "io/hdf5/detail/attribute_texts.hpp"
#include "io/hdf5/detail/handle.hpp"

namespace rove::io::hdf5 {

namespace fs = std::filesystem;
using detail::check;
using detail::Handle;

namespace {

/// Rows of one HDF5 call: bounds HDF5's own buffers, and leaves `int` counts of lower layers alone.
constexpr std::uint64_t kBytesPerCall = std::uint64_t{1} << 30U;

herr_t add_link_name(hid_t /*group*/, const char* name, const H5L_info_t* /*info*/, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}

herr_t add_attribute_name(hid_t /*object*/, const char* name, const H5A_info_t* /*info*/, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}

std::string trimmed(const char* text, std::uint64_t width) {
  return {text, ::strnlen(text, width)};
}

}  // namespace

struct InputFile::State {
  Handle file;
  bool has_sound_texts = false;

  [[nodiscard]] Handle open_dataset(const std::string& name, const fs::path& path) const {
    return Handle(H5Dopen2(file.get(), name.c_str(), H5P_DEFAULT), H5Dclose,
                  fmt::format("open dataset {} of {}", name, path.string()));
  }
};

InputFile::InputFile(fs::path path) : path_(std::move(path)), state_(std::make_unique<State>()) {
  detail::initialise_library();
  fault::point("io.open");
  std::error_code error;
  if (!fs::exists(path_, error)) {
    throw IoError(fmt::format("cannot open {}: {}", path_.string(),
                              error ? error.message() : std::generic_category().message(ENOENT)));
  }
  if (H5Fis_hdf5(path_.c_str()) == 0) {
    throw InputError(fmt::format("{} is not an HDF5 file (or its beginning is damaged)", path_.string()));
  }
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "make a file access list");
  // Files under their final name are complete and never change, so file systems without locks serve as well.
  check(H5Pset_file_locking(access.get(), false, true), "switch file locking off");
  const hid_t file = H5Fopen(path_.c_str(), H5F_ACC_RDONLY, access.get());
  if (file < 0 && ::access(path_.c_str(), R_OK) == 0) {
    throw InputError(
        fmt::format("{} is cut short or damaged; make it again ({})", path_.string(), detail::error_stack()));
  }
  state_->file = Handle(file, H5Fclose, "open " + path_.string());
}

InputFile::InputFile(InputFile&&) noexcept = default;
InputFile& InputFile::operator=(InputFile&&) noexcept = default;
InputFile::~InputFile() = default;

bool InputFile::contains(const std::string& object) const {
  if (object == "/") return true;
  // H5Lexists wants every parent to exist.
  for (std::size_t end = object.find('/', 1);; end = object.find('/', end + 1)) {
    const htri_t exists = H5Lexists(state_->file.get(), object.substr(0, end).c_str(), H5P_DEFAULT);
    if (check(exists, fmt::format("look for {} in {}", object, path_.string())) == 0) return false;
    if (end == std::string::npos) return true;
  }
}

bool InputFile::is_group(const std::string& object) const {
  if (!contains(object)) return false;
  H5O_info_t info;
  check(H5Oget_info_by_name2(state_->file.get(), object.c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT),
        fmt::format("look at {} in {}", object, path_.string()));
  return info.type == H5O_TYPE_GROUP;
}

std::vector<std::string> InputFile::members(const std::string& group) const {
  std::vector<std::string> names;
  if (!is_group(group)) return names;
  hsize_t index = 0;
  check(H5Literate_by_name(state_->file.get(), group.c_str(), H5_INDEX_NAME, H5_ITER_INC, &index, add_link_name, &names,
                           H5P_DEFAULT),
        fmt::format("list group {} of {}", group, path_.string()));
  return names;
}

InputFile::Objects InputFile::walk() const {
  Objects found;
  std::vector<std::string> pending{"/"};
  while (!pending.empty()) {
    const std::string group = std::move(pending.back());
    pending.pop_back();
    for (const std::string& member : members(group)) {
      std::string name = fmt::format("{}/{}", group == "/" ? "" : group, member);
      if (is_group(name)) {
        pending.push_back(name);
        found.groups.push_back(std::move(name));
      } else {
        found.datasets.push_back(std::move(name));
      }
    }
  }
  std::sort(found.groups.begin(), found.groups.end());
  std::sort(found.datasets.begin(), found.datasets.end());
  return found;
}

void InputFile::require_sound_texts() const {
  if (state_->has_sound_texts) return;
  Objects objects = walk();
  objects.groups.emplace_back("/");
  std::vector<std::uint64_t> headers;
  for (const auto& names : {objects.groups, objects.datasets}) {
    for (const std::string& name : names) {
      H5O_info_t info;
      check(H5Oget_info_by_name2(state_->file.get(), name.c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT),
            fmt::format("look at {} in {}", name, path_.string()));
      headers.push_back(info.addr);
    }
  }
  detail::require_sound_attribute_texts(path_, headers);
  state_->has_sound_texts = true;
}

std::vector<std::string> InputFile::attribute_names(const std::string& object) const {
  std::vector<std::string> names;
  hsize_t index = 0;
  check(H5Aiterate_by_name(state_->file.get(), object.c_str(), H5_INDEX_NAME, H5_ITER_INC, &index, add_attribute_name,
                           &names, H5P_DEFAULT),
        fmt::format("list attributes of {} in {}", object, path_.string()));
  return names;
}

std::optional<AttributeValue> InputFile::find_attribute(const std::string& object, const std::string& name) const {
  const hid_t file = state_->file.get();
  const std::string what = fmt::format("read attribute {} of {} in {}", name, object, path_.string());
  if (check(H5Aexists_by_name(file, object.c_str(), name.c_str(), H5P_DEFAULT), what) == 0) return std::nullopt;
  fault::point("io.read");
  const Handle attribute(H5Aopen_by_name(file, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose, what);
  const Handle type(H5Aget_type(attribute.get()), H5Tclose, what);
  const Handle space(H5Aget_space(attribute.get()), H5Sclose, what);
  const hssize_t count = check(H5Sget_simple_extent_npoints(space.get()), what);
  if (count != 1) fail_attribute(object, name, fmt::format("holds {} values, where Rove writes one", count));
  switch (H5Tget_class(type.get())) {
    case H5T_STRING: {
      if (H5Tis_variable_str(type.get()) > 0) {
        require_sound_texts();
        char* text = nullptr;
        check(H5Aread(attribute.get(), type.get(), &text), what);
        std::string value = text == nullptr ? "" : text;
        H5free_memory(text);
        return value;
      }
      std::string value(H5Tget_size(type.get()), '\0');
      check(H5Aread(attribute.get(), type.get(), value.data()), what);
      return trimmed(value.data(), value.size());
    }
    case H5T_ENUM: {
      std::int8_t flag = 0;
      check(H5Aread(attribute.get(), detail::bool_type().get(), &flag), what);
      return flag != 0;
    }
    case H5T_FLOAT: {
      double number = 0;
      check(H5Aread(attribute.get(), H5T_NATIVE_DOUBLE, &number), what);
      return number;
    }
    case H5T_INTEGER: {
      std::int64_t number = 0;
      check(H5Aread(attribute.get(), H5T_NATIVE_INT64, &number), what);
      return number;
    }
    default:
      fail_attribute(object, name, "has a type that Rove never writes");
  }
}

void InputFile::fail_attribute(const std::string& object, const std::string& name, std::string_view problem) const {
  throw InputError(fmt::format("{}: attribute {} of {} {}", path_.string(), name, object, problem));
}

DatasetInfo InputFile::info(const std::string& dataset) const {
  if (!contains(dataset)) throw InputError(fmt::format("{} has no dataset {}", path_.string(), dataset));
  const std::string what = fmt::format("look at dataset {} of {}", dataset, path_.string());
  const Handle handle = state_->open_dataset(dataset, path_);
  const Handle type(H5Dget_type(handle.get()), H5Tclose, what);
  const Handle space(H5Dget_space(handle.get()), H5Sclose, what);
  const int rank = check(H5Sget_simple_extent_ndims(space.get()), what);
  if (rank > 2) throw InputError(fmt::format("{}: dataset {} has {} dimensions", path_.string(), dataset, rank));
  std::array<hsize_t, 2> shape{};
  if (rank > 0) check(H5Sget_simple_extent_dims(space.get(), shape.data(), nullptr), what);
  DatasetInfo info;
  info.type = detail::stored_type(type.get(), fmt::format("{}: dataset {}", path_.string(), dataset));
  info.shape.assign(shape.begin(), shape.begin() + rank);
  return info;
}

void InputFile::require_columns(const std::string& dataset, std::uint64_t columns) const {
  const std::uint64_t found = info(dataset).width();
  if (found != columns) {
    throw InputError(fmt::format("{}: dataset {} has {} columns, expected {}; the file is damaged (see rove verify)",
                                 path_.string(), dataset, found, columns));
  }
}

void InputFile::require_rows(const std::string& dataset, const DatasetInfo& found, IndexRange rows) const {
  if (rows.begin > rows.end || rows.end > found.rows()) {
    throw InputError(fmt::format("{}: dataset {} has {} rows, but rows {} to {} are needed", path_.string(), dataset,
                                 found.rows(), rows.begin, rows.end));
  }
}

std::uint64_t InputFile::offset(const std::string& dataset) const {
  if (!contains(dataset)) throw InputError(fmt::format("{} has no dataset {}", path_.string(), dataset));
  const Handle handle = state_->open_dataset(dataset, path_);
  const haddr_t address = H5Dget_offset(handle.get());
  if (address == HADDR_UNDEF) {
    throw InputError(
        fmt::format("{}: dataset {} is not stored contiguously, as Rove writes it", path_.string(), dataset));
  }
  return address;
}

std::uint64_t InputFile::element_count(const std::string& dataset, ElementType type, IndexRange rows) const {
  const DatasetInfo found = info(dataset);
  const bool as_unsigned = type == ElementType::kUint64 && found.type.element == ElementType::kInt64;
  if (found.type.element != type && !as_unsigned) {
    throw InputError(fmt::format("{}: dataset {} holds {}, expected {}", path_.string(), dataset, found.type.name(),
                                 StoredType{type, 8}.name()));
  }
  require_rows(dataset, found, rows);
  return rows.size() * found.width();
}

void InputFile::read_rows(const std::string& dataset, std::optional<ElementType> type, IndexRange rows,
                          std::span<std::byte> bytes) const {
  const DatasetInfo found = info(dataset);
  const std::string what = fmt::format("read dataset {} of {}", dataset, path_.string());
  const Handle handle = state_->open_dataset(dataset, path_);
  const Handle stored(H5Dget_type(handle.get()), H5Tclose, what);
  const std::uint64_t row_bytes = found.row_bytes();
  const std::uint64_t rows_per_call = std::max<std::uint64_t>(1, kBytesPerCall / std::max<std::uint64_t>(1, row_bytes));
  const int rank = found.shape.size() < 2 ? 1 : 2;
  for (std::uint64_t first = rows.begin; first < rows.end; first += rows_per_call) {
    fault::point("io.read");
    const std::array<hsize_t, 2> start{first, 0};
    const std::array<hsize_t, 2> extent{std::min(rows.end - first, rows_per_call), found.width()};
    const Handle file_space(H5Dget_space(handle.get()), H5Sclose, what);
    const Handle memory_space(H5Screate_simple(rank, extent.data(), nullptr), H5Sclose, what);
    if (!found.shape.empty()) {
      check(H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr), what);
    }
    std::byte* to = bytes.data() + (first - rows.begin) * row_bytes;
    check(H5Dread(handle.get(), stored.get(), memory_space.get(), file_space.get(), H5P_DEFAULT, to), what);
  }
  if (type == ElementType::kUint64 && found.type.element == ElementType::kInt64) {
    for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
      std::int64_t value = 0;
      std::memcpy(&value, bytes.data() + i, sizeof value);
      if (value < 0)
        throw InputError(fmt::format("{}: dataset {} holds the negative value {}", path_.string(), dataset, value));
    }
  }
}

std::vector<std::byte> InputFile::read_bytes(const std::string& dataset, IndexRange rows) const {
  const DatasetInfo found = info(dataset);
  require_rows(dataset, found, rows);
  std::vector<std::byte> bytes(rows.size() * found.row_bytes());
  read_rows(dataset, std::nullopt, rows, bytes);
  return bytes;
}

std::vector<std::string> InputFile::read_fixed_text(const std::string& dataset, IndexRange rows) const {
  const DatasetInfo found = info(dataset);
  const StoredType type = found.type;
  if (type.element != ElementType::kText) {
    throw InputError(fmt::format("{}: dataset {} holds {}, expected text", path_.string(), dataset, type.name()));
  }
  require_columns(dataset, 1);
  require_rows(dataset, found, rows);
  std::vector<char> bytes(rows.size() * type.bytes);
  read_rows(dataset, std::nullopt, rows, std::as_writable_bytes(std::span(bytes)));
  std::vector<std::string> texts;
  texts.reserve(rows.size());
  for (std::uint64_t i = 0; i < rows.size(); ++i) texts.push_back(trimmed(bytes.data() + i * type.bytes, type.bytes));
  return texts;
}

std::string InputFile::read_text(const std::string& dataset) const {
  std::vector<std::string> texts = read_fixed_text(dataset, {0, 1});
  return std::move(texts.front());
}

std::string escape_name(std::string_view name) {
  if (name == ".") return "%2E";
  std::string escaped;
  for (const char c : name) {
    if (c == '/')
      escaped += "%2F";
    else if (c == '%')
      escaped += "%25";
    else
      escaped += c;
  }
  return escaped;
}

}  // namespace rove::io::hdf5
