// Memory that comes from the system in whole pages and goes back to it at once. malloc keeps what
// is freed between other blocks, so that thousands of buffers that come and go would leave the
// process far larger than what it holds.
#pragma once

#include <cstddef>
#include <utility>

namespace sluice {

/// Bytes that are zero at first; a page takes no memory before it is written.
class PageBuffer {
 public:
  PageBuffer() = default;
  /// Throws std::bad_alloc when the system has none.
  explicit PageBuffer(std::size_t size);
  PageBuffer(PageBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  PageBuffer& operator=(PageBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~PageBuffer();

  char* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace sluice
