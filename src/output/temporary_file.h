// Output files and their indexes before they are whole: their names, and how they get them.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <utility>

#include "base/file.h"

namespace sluice::output {

inline std::filesystem::path temporary_path(const std::filesystem::path& path) {
  return path.parent_path() / ("." + path.filename().string() + ".tmp");
}

inline std::filesystem::path index_path(const std::filesystem::path& path) {
  return path.string() + ".idx";
}

inline Result<void> rename_to(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return errno_error("cannot rename", from, errno);
  return {};
}

/// A data file and its index under their temporary names. Destroyed before finish(), it leaves
/// neither. Not thread-safe.
class UnfinishedFile {
 public:
  explicit UnfinishedFile(std::filesystem::path path)
      : path_(std::move(path)),
        data_path_(temporary_path(path_)),
        index_file_(temporary_path(index_path(path_))) {}
  ~UnfinishedFile() {
    if (is_finished_) return;
    ::unlink(data_path_.c_str());
    ::unlink(index_file_.c_str());
  }
  UnfinishedFile(const UnfinishedFile&) = delete;
  UnfinishedFile& operator=(const UnfinishedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const std::filesystem::path& data_path() const { return data_path_; }
  int fd() const { return fd_.get(); }
  bool is_finished() const { return is_finished_; }

  Result<void> create() {
    SLUICE_ASSIGN_OR_RETURN(fd_, create_file(data_path_));
    return {};
  }
  Result<void> write(std::string_view bytes) { return write_all(fd(), bytes, data_path_); }
  /// All of an index that does not stand in the data file.
  Result<void> write_index(std::string_view bytes) {
    SLUICE_ASSIGN_OR_RETURN(index_fd_, create_file(index_file_));
    return write_all(index_fd_.get(), bytes, index_file_);
  }
  /// Syncs them and gives them their names.
  Result<void> finish() {
    SLUICE_RETURN_IF_ERROR(sync_file(fd(), data_path_));
    // The index first: a data file under its name always has one.
    if (index_fd_) {
      SLUICE_RETURN_IF_ERROR(sync_file(index_fd_.get(), index_file_));
      SLUICE_RETURN_IF_ERROR(rename_to(index_file_, index_path(path_)));
    }
    SLUICE_RETURN_IF_ERROR(rename_to(data_path_, path_));
    is_finished_ = true;
    return {};
  }

 private:
  const std::filesystem::path path_;
  const std::filesystem::path data_path_;
  const std::filesystem::path index_file_;
  FileDescriptor fd_;
  FileDescriptor index_fd_;
  bool is_finished_ = false;
};

}  // namespace sluice::output
