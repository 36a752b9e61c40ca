// A file that has its name only when it is whole: after a crash, a full disk or an error there is
// none under that name, or the one that was there before.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace sluice {

/// Until finish() it is PATH.part; destroyed before, it leaves no file. A symbolic link stays, and
/// what it leads to is written. What is no file, a pipe or a device, is written as it is. Not
/// thread-safe.
class WholeFile {
 public:
  /// kConflict while another process writes the same file; kInvalid for a folder.
  static Result<std::unique_ptr<WholeFile>> create(std::filesystem::path path);
  ~WholeFile();
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;

  Result<void> write(std::string_view bytes);
  /// Syncs it and gives it its name, also instead of a file that has it.
  Result<void> finish();

 private:
  explicit WholeFile(std::filesystem::path path);
  Result<void> open_part();

  const std::filesystem::path path_;
  const std::filesystem::path part_;
  FileDescriptor fd_;
  bool is_stream_ = false;  // a pipe or a device
  bool is_finished_ = false;
};

}  // namespace sluice
