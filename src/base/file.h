// Files by descriptor: owned descriptors, whole reads and writes, durable renames.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace sluice {

/// Owns a file descriptor and closes it.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~FileDescriptor() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

/// When to try again what had no room: on the disk, or among the descriptors of the process.
inline constexpr std::chrono::seconds kRoomRetry{10};

/// errno as a kStorage error whose detail is "<what> <path>: <strerror>". kNotFound for ENOENT.
/// Errors that end when there is room again (a full disk, no descriptors left) have `retry_after`.
Error errno_error(std::string_view what, const std::filesystem::path& path, int error_number);

Result<FileDescriptor> open_for_reading(const std::filesystem::path& path);
/// Creates or truncates, mode 0600.
Result<FileDescriptor> create_file(const std::filesystem::path& path);
/// Writes all of `bytes`, also across EINTR and short writes.
Result<void> write_all(int fd, std::string_view bytes, const std::filesystem::path& path);
/// Reads up to `buffer.size()` bytes at `offset`; fewer only at the end of the file.
Result<std::size_t> read_at(int fd, std::uint64_t offset, std::span<char> buffer,
                            const std::filesystem::path& path);
Result<std::string> read_file(const std::filesystem::path& path);
/// fsync of the file itself / of a folder, so that names in it are durable.
Result<void> sync_file(int fd, const std::filesystem::path& path);
Result<void> sync_folder(const std::filesystem::path& folder);
/// Creates the folder and its parents (mode 0700). No error if it exists.
Result<void> make_folder(const std::filesystem::path& folder);

/// What is left free of a file system, so that what must be written (the end of a job, a deletion)
/// still can be.
inline constexpr std::uint64_t kDiskReserve = 64u << 20;
/// kStorage, to be tried again, when the file system of `path` has less than `bytes` free.
Result<void> check_room(const std::filesystem::path& path, std::uint64_t bytes);

}  // namespace sluice
