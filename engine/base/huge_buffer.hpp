// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

namespace rove {

namespace detail {
/// Zeroed private memory aligned to 2 MiB, with huge pages asked for; nullptr for 0 bytes. Throws `DoesNotFitError`.
[[nodiscard]] void* map_huge(std::size_t bytes);
void unmap_huge(void* address, std::size_t bytes) noexcept;
}  // namespace detail

/// Fixed-size array of zero bytes on private huge pages, for what is read at random (adjacency, embeddings): 2 MiB
/// pages save most TLB misses. Where the system grants no huge pages, or the array is smaller than one, it lies on
/// ordinary pages, with the same content. Pages are taken at first touch, on the toucher's memory node. Move-only; not
/// thread-safe beyond what a plain array is.
template <class T>
class HugeBuffer {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  HugeBuffer() = default;
  /// Throws `DoesNotFitError` when the system refuses the memory.
  explicit HugeBuffer(std::size_t size)
      : data_(static_cast<T*>(detail::map_huge(size <= std::numeric_limits<std::size_t>::max() / sizeof(T)
                                                   ? size * sizeof(T)
                                                   : std::numeric_limits<std::size_t>::max()))),
        size_(size) {}
  HugeBuffer(HugeBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  HugeBuffer& operator=(HugeBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  HugeBuffer(const HugeBuffer&) = delete;
  HugeBuffer& operator=(const HugeBuffer&) = delete;
  ~HugeBuffer() { detail::unmap_huge(data_, size_ * sizeof(T)); }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] T* data() { return data_; }
  [[nodiscard]] const T* data() const { return data_; }
  [[nodiscard]] T& operator[](std::size_t i) { return data_[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const { return data_[i]; }
  [[nodiscard]] T* begin() { return data_; }
  [[nodiscard]] T* end() { return data_ + size_; }
  [[nodiscard]] const T* begin() const { return data_; }
  [[nodiscard]] const T* end() const { return data_ + size_; }
  [[nodiscard]] std::span<T> span() { return {data_, size_}; }
  [[nodiscard]] std::span<const T> span() const { return {data_, size_}; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace rove
