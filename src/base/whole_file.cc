#include "base/whole_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace sluice {

WholeFile::WholeFile(std::filesystem::path path)
    : path_(std::move(path)), part_(path_.string() + ".part") {}

WholeFile::~WholeFile() {
  if (fd_ && !is_finished_) ::unlink(part_.c_str());
}

Result<std::unique_ptr<WholeFile>> WholeFile::create(std::filesystem::path path) {
  std::unique_ptr<WholeFile> file(new WholeFile(std::move(path)));
  SLUICE_ASSIGN_OR_RETURN(file->fd_, create_file(file->part_));
  return file;
}

Result<void> WholeFile::write(std::string_view bytes) {
  return write_all(fd_.get(), bytes, part_);
}

Result<void> WholeFile::finish() {
  SLUICE_RETURN_IF_ERROR(sync_file(fd_.get(), part_));
  if (::rename(part_.c_str(), path_.c_str()) != 0)
    return errno_error("cannot rename", part_, errno);
  is_finished_ = true;
  const auto folder = path_.parent_path();
  return sync_folder(folder.empty() ? "." : folder);
}

}  // namespace sluice
