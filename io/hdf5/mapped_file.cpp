// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/mapped_file.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/hdf5/digest.hpp"
#include "io/hdf5/file_structure.hpp"

namespace rove::io::hdf5 {

MappedFile::MappedFile(const std::filesystem::path& path) : file_(path) {
  const auto fail = [&](const char* what) {
    throw IoError(fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(errno)));
  };
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail("open");
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) {
    ::close(descriptor);
    fail("look at");
  }
  size_ = static_cast<std::size_t>(status.st_size);
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, descriptor, 0);
  ::close(descriptor);
  if (address == MAP_FAILED) fail("map");
  begin_ = static_cast<const std::byte*>(address);
}

MappedFile::~MappedFile() {
  if (begin_ != nullptr) ::munmap(const_cast<std::byte*>(begin_), size_);
}

void MappedFile::read_ahead() const {
  // Advice only: a system that ignores it reads pages as they are touched.
  (void)::madvise(const_cast<std::byte*>(begin_), size_, MADV_WILLNEED);
}

void MappedFile::touch() const {
#ifdef MADV_POPULATE_READ
  if (::madvise(const_cast<std::byte*>(begin_), size_, MADV_POPULATE_READ) == 0) return;
#endif
  read_ahead();  // kernels before 5.14
}

void MappedFile::verify() const {
  if (const auto problem = structure_problem(file_)) {
    throw InputError(fmt::format("{}: {}", file_.path().string(), *problem));
  }
  for (const std::string& name : file_.datasets()) {
    if (!file_.find_attribute(name, "xxh3")) continue;
    const DatasetInfo info = file_.info(name);
    DatasetDigest digest;
    if (info.bytes() > 0) digest.add_blocks(0, bytes(name, info.type.element), info.row_bytes());
    if (digest.text() == file_.attribute<std::string>(name, "xxh3")) continue;
    throw InputError(fmt::format("{}: the bytes of {} are not those that were written; `rove verify` says more",
                                 file_.path().string(), name));
  }
}

std::span<const std::byte> MappedFile::bytes(const std::string& dataset, ElementType type) const {
  const DatasetInfo info = file_.info(dataset);
  const bool as_unsigned = type == ElementType::kUint64 && info.type.element == ElementType::kInt64;
  if (info.type.element != type && !as_unsigned) {
    throw InputError(fmt::format("{}: dataset {} holds {}, which is not what is expected there", file_.path().string(),
                                 dataset, info.text()));
  }
  if (info.bytes() == 0) return {};
  const std::uint64_t offset = file_.offset(dataset);
  if (offset > size_ || info.bytes() > size_ - offset) {
    throw InputError(fmt::format("{}: dataset {} ends beyond the end of the file", file_.path().string(), dataset));
  }
  const std::span<const std::byte> mapped(begin_ + offset, info.bytes());
  if (offset % alignof(std::uint64_t) == 0 || type == ElementType::kText) return mapped;
  // Only small datasets lie anywhere (see `OutputFile`).
  copies_.emplace_back(mapped.begin(), mapped.end());
  return copies_.back();
}

}  // namespace rove::io::hdf5
