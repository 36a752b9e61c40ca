#include "base/whole_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr int kLinksMax = 40;  // as Linux has it

// Where a chain of symbolic links ends; there need not be a file.
fs::path behind_links(fs::path path) {
  std::error_code failed;
  for (int i = 0; i < kLinksMax && fs::is_symlink(path, failed); ++i) {
    const fs::path to = fs::read_symlink(path, failed);
    if (failed) break;
    path = path.parent_path() / to;
  }
  return path;
}

bool is_same_file(int fd, const fs::path& path) {
  struct stat open {};
  struct stat named {};
  return ::fstat(fd, &open) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

}  // namespace

WholeFile::WholeFile(fs::path path) : path_(std::move(path)), part_(path_.string() + ".part") {}

WholeFile::~WholeFile() {
  if (fd_ && !is_stream_ && !is_finished_) ::unlink(part_.c_str());
}

Result<std::unique_ptr<WholeFile>> WholeFile::create(fs::path path) {
  struct stat named {};
  const bool exists = ::stat(path.c_str(), &named) == 0;
  if (exists && S_ISDIR(named.st_mode)) return invalid(path.string() + " is a folder");
  if (exists && !S_ISREG(named.st_mode)) {
    std::unique_ptr<WholeFile> file(new WholeFile(std::move(path)));
    file->is_stream_ = true;
    file->fd_ = FileDescriptor(::open(file->path_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    if (!file->fd_) return errno_error("cannot open", file->path_, errno);
    return file;
  }
  std::unique_ptr<WholeFile> file(new WholeFile(behind_links(std::move(path))));
  SLUICE_RETURN_IF_ERROR(file->open_part());
  return file;
}

// The lock goes with the process that holds it: what a killed one left is written over.
Result<void> WholeFile::open_part() {
  for (;;) {
    FileDescriptor fd(::open(part_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return errno_error("cannot create", part_, errno);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
      return errno == EWOULDBLOCK
                 ? Error{ErrorKind::kConflict, "another process writes " + path_.string()}
                 : errno_error("cannot lock", part_, errno);
    // Its writer may have finished it, or given it up, in the meantime.
    if (!is_same_file(fd.get(), part_)) continue;
    if (::ftruncate(fd.get(), 0) != 0) return errno_error("cannot write", part_, errno);
    fd_ = std::move(fd);
    return {};
  }
}

Result<void> WholeFile::write(std::string_view bytes) {
  return write_all(fd_.get(), bytes, is_stream_ ? path_ : part_);
}

Result<void> WholeFile::finish() {
  is_finished_ = is_stream_;
  if (is_stream_) return {};
  SLUICE_RETURN_IF_ERROR(sync_file(fd_.get(), part_));
  if (::rename(part_.c_str(), path_.c_str()) != 0)
    return errno_error("cannot rename", part_, errno);
  is_finished_ = true;
  const auto folder = path_.parent_path();
  return sync_folder(folder.empty() ? "." : folder);
}

}  // namespace sluice
