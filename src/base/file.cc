#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice {

namespace {

// What passes without anybody mending anything but making room; empty for other errors.
std::string_view lack_of_room(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:  // by a limit of the process
      return "the disk is full";
    case EMFILE:
    case ENFILE:
      return "too many files are open";
    case ENOMEM:
      return "there is no memory";
    default:
      return {};
  }
}

}  // namespace

void FileDescriptor::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Error errno_error(std::string_view what, const std::filesystem::path& path, int error_number) {
  const ErrorKind kind = error_number == ENOENT ? ErrorKind::kNotFound : ErrorKind::kStorage;
  char buffer[128];
  Error error{kind, std::string(what),
              fmt::format("{} {}: {}", what, path.string(),
                          ::strerror_r(error_number, buffer, sizeof buffer))};
  if (const auto why = lack_of_room(error_number); !why.empty()) {
    error.message = fmt::format("{}: {}", what, why);
    error.retry_after = kRoomRetry;
  }
  return error;
}

Result<FileDescriptor> open_for_reading(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno_error("cannot open", path, errno);
  return FileDescriptor(fd);
}

Result<FileDescriptor> create_file(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return errno_error("cannot create", path, errno);
  return FileDescriptor(fd);
}

Result<void> write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return errno_error("cannot write", path, errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<std::size_t> read_at(int fd, std::uint64_t offset, std::span<char> buffer,
                            const std::filesystem::path& path) {
  std::size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t n =
        ::pread(fd, buffer.data() + done, buffer.size() - done, static_cast<off_t>(offset + done));
    if (n < 0) {
      if (errno == EINTR) continue;
      return errno_error("cannot read", path, errno);
    }
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

Result<std::string> read_file(const std::filesystem::path& path) {
  SLUICE_ASSIGN_OR_RETURN(const FileDescriptor fd, open_for_reading(path));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return errno_error("cannot stat", path, errno);
  std::string content(static_cast<std::size_t>(status.st_size), '\0');
  SLUICE_ASSIGN_OR_RETURN(const std::size_t n, read_at(fd.get(), 0, content, path));
  content.resize(n);
  return content;
}

Result<void> sync_file(int fd, const std::filesystem::path& path) {
  if (::fsync(fd) != 0) return errno_error("cannot sync", path, errno);
  return {};
}

Result<void> sync_folder(const std::filesystem::path& folder) {
  SLUICE_ASSIGN_OR_RETURN(const FileDescriptor fd, open_for_reading(folder));
  return sync_file(fd.get(), folder);
}

Result<void> make_folder(const std::filesystem::path& folder) {
  if (folder.has_parent_path() && folder.parent_path() != folder &&
      !std::filesystem::exists(folder.parent_path()))
    SLUICE_RETURN_IF_ERROR(make_folder(folder.parent_path()));
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return errno_error("cannot create folder", folder, errno);
  return {};
}

Result<void> check_room(const std::filesystem::path& path, std::uint64_t bytes) {
  struct statvfs status {};
  if (::statvfs(path.c_str(), &status) != 0) return errno_error("cannot stat", path, errno);
  const std::uint64_t room = std::uint64_t{status.f_bavail} * status.f_frsize;
  if (room >= bytes) return {};
  return Error{
      ErrorKind::kStorage, "the disk is full",
      fmt::format("{} MB left, {} MB wanted on {}", room >> 20, bytes >> 20, path.string()),
      kRoomRetry};
}

}  // namespace sluice
