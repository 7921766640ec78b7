// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/output_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "engine/base/fault.hpp"
#include "engine/base/hash.hpp"
#include "io/hdf5/detail/handle.hpp"
#include "io/hdf5/detail/mpi_access.hpp"
#include "io/hdf5/digest.hpp"
#include "io/hdf5/file_structure.hpp"
#include "io/publish/file_system.hpp"

namespace rove::io::hdf5 {

namespace fs = std::filesystem;
using detail::check;
using detail::Handle;

namespace {

/// Vectors that start on a page can be mapped and read with direct I/O; small datasets stay packed.
constexpr hsize_t kAlignment = 4096;

void require_writable_directory(const fs::path& path) {
  const fs::path directory = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    throw IoError(fmt::format("cannot write {}: directory {}: {}", path.string(), directory.string(),
                              std::generic_category().message(errno)));
  }
}

/// The file, and what MPI may have laid beside it ("<name>-<number>.lock").
void remove_with_companions(const fs::path& part) {
  std::error_code ignored;
  const fs::path directory = part.has_parent_path() ? part.parent_path() : fs::path(".");
  std::vector<fs::path> found;
  for (fs::directory_iterator entry(directory, ignored), end; entry != end; entry.increment(ignored)) {
    if (entry->path().filename().string().starts_with(part.filename().string())) found.push_back(entry->path());
  }
  for (const fs::path& path : found) fs::remove(path, ignored);
}

/// Keeps the names and attributes of a file or group, up to a thousand, in object headers, which have a checksum;
/// where HDF5 moves more than eight of them by itself there is none.
void keep_in_headers(const Handle& creation) {
  constexpr unsigned kAtMost = 1024;
  check(H5Pset_attr_phase_change(creation.get(), kAtMost, 0), "keep attributes in headers");
  check(H5Pset_link_phase_change(creation.get(), kAtMost, 0), "keep names in headers");
}

Handle attribute_type(const AttributeValue& value) {
  // Of variable length: h5py hands such attributes out as str, fixed-width ones as bytes.
  if (std::holds_alternative<std::string>(value)) return detail::utf8_type(detail::kVariableWidth);
  if (std::holds_alternative<bool>(value)) return detail::bool_type();
  const auto type = std::holds_alternative<double>(value) ? ElementType::kFloat64 : ElementType::kInt64;
  return Handle(H5Tcopy(detail::file_type(type)), H5Tclose, "copy a number type");
}

Handle stored_element(StoredType type, const std::string& what) {
  if (type.element == ElementType::kText) return detail::utf8_type(type.bytes);
  return Handle(H5Tcopy(detail::file_type(type.element)), H5Tclose, what);
}

}  // namespace

struct OutputFile::State {
  Handle file;
  std::map<std::string, Handle> open;          ///< datasets being written
  std::map<std::string, std::string> digests;  ///< dataset name to "<type and shape> <digest>"
  FileStructure structure;
};

OutputFile::OutputFile(const comm::Communicator& comm, fs::path path) : OutputFile(comm, std::move(path), Options{}) {}

OutputFile::OutputFile(const comm::Communicator& comm, fs::path path, Options options)
    : comm_(comm),
      path_(std::move(path)),
      part_(path_.string() + ".part"),
      options_(options),
      state_(std::make_unique<State>()) {
  comm_.agree([&] {
    detail::initialise_library();
    fault::point("io.open");
    require_writable_directory(path_);
    if (fs::is_directory(path_)) throw IoError(fmt::format("cannot write {}: it is a directory", path_.string()));
  });
  comm_.agree([&] {
    const Handle access = detail::mpi_file_access(comm_);
    check(H5Pset_alignment(access.get(), kAlignment, kAlignment), "align datasets");
    check(H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_V110), "choose the file's library version");
    const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "make a file creation list");
    check(H5Pset_link_creation_order(creation.get(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED),
          "track the order of groups");
    keep_in_headers(creation);
    const std::string what = "create " + part_.string();
    state_->file = Handle(H5Fcreate(part_.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose, what);
  });
}

OutputFile::~OutputFile() {
  if (!state_ || state_->file.get() < 0) return;
  // Closing a parallel file is collective, and this rank may be the only one that unwinds: leave it to the end of the
  // process rather than wait for the others.
  // The rank whose writing failed may be the only one that gets here.
  if (comm_.is_root() || comm_.leaves_without_finalize()) remove_with_companions(part_);
  if (comm_.size() == 1 && !comm_.leaves_without_finalize()) {
    state_->open.clear();
    return;
  }
  for (auto& [name, dataset] : state_->open) dataset.release();
  state_->file.release();
}

void OutputFile::guarded(const char* point, const std::function<void()>& call) const {
  comm_.agree([&] { fault::point(point); });
  // Nobody can be told of a failure inside HDF5's collective call by a message: others may wait there for this rank.
  giving_up_on_error(call);
}

void OutputFile::giving_up_on_error(const std::function<void()>& call) const {
  try {
    call();
  } catch (const IoError&) {
    // Nor can the file be closed: HDF5 writes what it still holds, together with all ranks.
    comm_.leave_without_finalize();
    publish::require_space(part_);  // HDF5 does not say why
    throw;
  }
}

// Groups and attributes stay in HDF5's memory until the file is flushed: nothing can fail on one rank before the call,
// so one agreement does.
void OutputFile::make_group(const std::string& path) {
  if (path.empty() || state_->structure.contains(path)) return;
  make_group(path.substr(0, path.rfind('/')));
  comm_.agree([&] {
    const std::string what = fmt::format("make group {} in {}", path, part_.string());
    const Handle creation(H5Pcreate(H5P_GROUP_CREATE), H5Pclose, what);
    keep_in_headers(creation);
    const Handle group(H5Gcreate2(state_->file.get(), path.c_str(), H5P_DEFAULT, creation.get(), H5P_DEFAULT), H5Gclose,
                       what);
  });
  state_->structure.add_group(path);
}

void OutputFile::set_attribute(const std::string& object, const std::string& name, const AttributeValue& value) {
  comm_.agree([&] {
    const std::string what = fmt::format("write attribute {} of {} in {}", name, object, part_.string());
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose, what);
    const Handle type = attribute_type(value);
    const Handle attribute(H5Acreate_by_name(state_->file.get(), object.c_str(), name.c_str(), type.get(), space.get(),
                                             H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                           H5Aclose, what);
    if (const auto* text = std::get_if<std::string>(&value)) {
      const char* pointer = text->c_str();
      check(H5Awrite(attribute.get(), type.get(), &pointer), what);
    } else if (const auto* flag = std::get_if<bool>(&value)) {
      const std::int8_t byte = *flag ? 1 : 0;
      check(H5Awrite(attribute.get(), type.get(), &byte), what);
    } else if (const auto* number = std::get_if<double>(&value)) {
      check(H5Awrite(attribute.get(), H5T_NATIVE_DOUBLE, number), what);
    } else {
      check(H5Awrite(attribute.get(), H5T_NATIVE_INT64, &std::get<std::int64_t>(value)), what);
    }
  });
  state_->structure.add_attribute(object, name, value);
}

void OutputFile::write_rows(const std::string& name, StoredType type, std::uint64_t width,
                            std::span<const std::byte> bytes) {
  const std::uint64_t row_bytes = std::max<std::uint64_t>(width, 1) * type.bytes;
  const std::uint64_t rows = bytes.size() / row_bytes;
  const std::uint64_t begin = comm_.exclusive_scan(rows);
  const std::uint64_t total = comm_.all_reduce(rows, comm::ReduceOp::kSum);
  create_dataset(name, type, width, total);
  write_slab(name, type, width, begin, bytes);
  finish_dataset(name, type, width, total, digest_rows(comm_, bytes, row_bytes));
}

void OutputFile::create_dataset(const std::string& name, StoredType type, std::uint64_t width,
                                std::uint64_t total_rows) {
  const std::string what = fmt::format("make dataset {} in {}", name, part_.string());
  const std::array<hsize_t, 2> shape{total_rows, width};
  make_group(name.substr(0, name.rfind('/')));
  guarded("io.write", [&] {
    const Handle element = stored_element(type, what);
    const Handle space(H5Screate_simple(width > 0 ? 2 : 1, shape.data(), nullptr), H5Sclose, what);
    const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, what);
    check(H5Pset_layout(creation.get(), H5D_CONTIGUOUS), what);
    check(H5Pset_alloc_time(creation.get(), H5D_ALLOC_TIME_EARLY), what);
    check(H5Pset_fill_time(creation.get(), H5D_FILL_TIME_NEVER), what);
    check(H5Pset_obj_track_times(creation.get(), false), what);
    state_->open[name] = Handle(H5Dcreate2(state_->file.get(), name.c_str(), element.get(), space.get(), H5P_DEFAULT,
                                           creation.get(), H5P_DEFAULT),
                                H5Dclose, what);
  });
}

void OutputFile::write_slab(const std::string& name, StoredType type, std::uint64_t width, std::uint64_t first_row,
                            std::span<const std::byte> bytes) {
  const std::uint64_t row_bytes = std::max<std::uint64_t>(width, 1) * type.bytes;
  const std::uint64_t rows = bytes.size() / row_bytes;
  const std::uint64_t rows_per_call = std::max<std::uint64_t>(1, options_.bytes_per_call / row_bytes);
  const std::uint64_t calls = comm_.all_reduce((rows + rows_per_call - 1) / rows_per_call, comm::ReduceOp::kMax);
  const std::string what = fmt::format("write dataset {} in {}", name, part_.string());
  const Handle& dataset = state_->open.at(name);
  const Handle element = stored_element(type, what);
  const Handle transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose, what);
  check(H5Pset_dxpl_mpio(transfer.get(), H5FD_MPIO_COLLECTIVE), what);
  const int rank = width > 0 ? 2 : 1;
  for (std::uint64_t call = 0; call < calls; ++call) {
    const std::uint64_t first = std::min(rows, call * rows_per_call);
    const std::uint64_t count = std::min(rows - first, rows_per_call);
    guarded("io.write", [&] {
      const std::array<hsize_t, 2> start{first_row + first, 0};
      const std::array<hsize_t, 2> extent{count, width};
      const Handle file_space(H5Dget_space(dataset.get()), H5Sclose, what);
      const Handle memory_space(H5Screate_simple(rank, extent.data(), nullptr), H5Sclose, what);
      if (count == 0) {
        check(H5Sselect_none(file_space.get()), what);
        check(H5Sselect_none(memory_space.get()), what);
      } else {
        check(H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr),
              what);
      }
      const std::byte nothing{};
      const void* data = count == 0 ? &nothing : bytes.data() + first * row_bytes;
      check(H5Dwrite(dataset.get(), element.get(), memory_space.get(), file_space.get(), transfer.get(), data), what);
    });
  }
}

void OutputFile::finish_dataset(const std::string& name, StoredType type, std::uint64_t width, std::uint64_t total_rows,
                                const DatasetDigest& digest) {
  comm_.agree([&] {
    giving_up_on_error(
        [&] { state_->open.at(name).close(fmt::format("close dataset {} in {}", name, part_.string())); });
  });
  state_->open.erase(name);
  DatasetInfo info{type, {total_rows}};
  if (width > 0) info.shape.push_back(width);
  state_->structure.add_dataset(name, info);
  set_attribute(name, "xxh3", digest.text());
  state_->digests[name] = info.text() + " " + digest.text();
}

std::string OutputFile::content_digest() const {
  std::string listing;
  for (const auto& [name, digest] : state_->digests) listing += fmt::format("{} {}\n", name, digest);
  const Digest128 digest = digest128(std::as_bytes(std::span(listing)));
  return fmt::format("{:016x}{:016x}", digest.high, digest.low);
}

void OutputFile::write_as_int64(const std::string& name, std::span<const std::uint64_t> values) {
  write_rows(name, {ElementType::kInt64, 8}, 0, std::as_bytes(values));
}

void OutputFile::write_indptr(const std::string& name, std::span<const std::uint64_t> offsets) {
  const std::uint64_t base = comm_.exclusive_scan(offsets.back());
  const bool is_last = comm_.rank().value() + 1 == comm_.size();
  std::vector<std::uint64_t> global(offsets.begin(), is_last ? offsets.end() : offsets.end() - 1);
  for (std::uint64_t& offset : global) offset += base;
  write_as_int64(name, global);
}

void OutputFile::write_fixed_text(const std::string& name, std::span<const char> bytes, std::uint64_t width) {
  write_rows(name, {ElementType::kText, width}, 0, std::as_bytes(bytes));
}

void OutputFile::write_text(const std::string& name, std::string_view text) {
  make_group(name.substr(0, name.rfind('/')));
  guarded("io.write", [&] {
    const std::string what = fmt::format("write text {} in {}", name, part_.string());
    const Handle type = detail::utf8_type(std::max<std::size_t>(1, text.size()));
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose, what);
    const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, what);
    check(H5Pset_alloc_time(creation.get(), H5D_ALLOC_TIME_EARLY), what);
    check(H5Pset_obj_track_times(creation.get(), false), what);
    Handle dataset(
        H5Dcreate2(state_->file.get(), name.c_str(), type.get(), space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
        H5Dclose, what);
    const Handle transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose, what);
    check(H5Pset_dxpl_mpio(transfer.get(), H5FD_MPIO_COLLECTIVE), what);
    const std::string terminated(text);
    check(H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, transfer.get(), terminated.c_str()), what);
    dataset.close(what);
  });
  state_->structure.add_text(name, text);
}

void OutputFile::commit() {
  const std::string structure = state_->structure.digest();
  const std::string of_root = comm_.broadcast_text(structure, Rank{0});
  comm_.agree([&] {
    if (structure == of_root) return;
    // HDF5 would write the values of whichever rank owns the object.
    throw InternalError(fmt::format("the ranks do not give {} the same names, shapes and attributes", path_.string()));
  });
  set_attribute("/", "xxh3", structure);
  guarded("io.write", [&] {
    check(H5Fflush(state_->file.get(), H5F_SCOPE_GLOBAL), "flush " + part_.string());
    state_->file.close("close " + part_.string());
  });
  comm_.agree([&] {
    if (!comm_.is_root()) return;
    try {
      publish::sync_file(part_);
      publish::rename_durably(part_, path_);
    } catch (...) {
      std::error_code ignored;
      fs::remove(part_, ignored);
      throw;
    }
  });
}

}  // namespace rove::io::hdf5
