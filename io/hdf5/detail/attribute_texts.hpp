// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

namespace rove::io::hdf5::detail {

/// Texts of variable length, such as our attributes, lie in global heaps: chains of objects, the one structure of the
/// files that Rove writes that has no checksum. HDF5 1.10 follows a damaged chain without end, or writes past its
/// buffer. So before it reads one, this follows the attributes of the objects whose headers begin at these bytes to
/// their heaps, and throws `InputError`, naming the file and the heap, unless each chain ends where its heap does and
/// holds the text at its length. Attributes in another storage than ours (versions of the format before 1.8, more of
/// them on an object than its header holds) are not looked at. Throws `IoError` when the file cannot be read. Cost: one
/// read for each object and heap.
///
/// Layouts as in the HDF Group's "HDF5 File Format Specification Version 3.0": IV.A.1.b (object headers), IV.A.2.m
/// (attribute message), III.E (global heap).
void require_sound_attribute_texts(const std::filesystem::path& path, std::span<const std::uint64_t> object_headers);

}  // namespace rove::io::hdf5::detail
