// Where output files live: folders of named files. A folder belongs to one job and goes as a whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "output/raw_file_writer.h"
#include "output/seekable_gzip.h"

namespace sluice::output {

/// Files whose names begin with it are internal; no client gets one.
inline constexpr char kInternalFilePrefix = '_';

/// Thread-safe. Folder and file names are 1 to 128 of A-Z a-z 0-9 - _ and '.', not starting with
/// '.'; anything else is kInvalid without access to the file system.
class FileStore {
 public:
  virtual ~FileStore() = default;
  /// Starts a new file; an unfinished or finished one of that name is replaced when it finishes.
  virtual Result<std::unique_ptr<SeekableGzipWriter>> create(std::string_view folder,
                                                             std::string_view name) = 0;
  /// The same for a file that is stored as it is written.
  virtual Result<std::unique_ptr<RawFileWriter>> create_raw(std::string_view folder,
                                                            std::string_view name) = 0;
  /// Finishes files side by side, which takes little longer than one of them: what takes the time
  /// is waiting for the disk. The first error, after all had their turn.
  virtual Result<void> finish_all(std::span<const std::unique_ptr<FileWriter>> writers) = 0;
  /// kNotFound when there is no finished file of that name. As long as the returned file is held,
  /// the folder counts as in use.
  virtual Result<std::shared_ptr<const SeekableGzipFile>> open(std::string_view folder,
                                                               std::string_view name) = 0;
  /// After it, the finished files of the folder survive a crash.
  virtual Result<void> sync_folder(std::string_view folder) = 0;
  virtual Result<void> remove_file(std::string_view folder, std::string_view name) = 0;
  /// Removes a folder and all its files. Downloads that have a file open continue to their end.
  virtual Result<void> remove_folder(std::string_view folder) = 0;
  /// How many open() results of the folder are still held.
  virtual std::size_t open_files(std::string_view folder) const = 0;
  /// The names of the folders, in no order; ignores anything else in the store's folder.
  virtual Result<std::vector<std::string>> folders() const = 0;
};

/// A file store in a folder of the local file system. Removes temporary files that a crash left
/// when it is opened.
Result<std::unique_ptr<FileStore>> open_local_file_store(const std::filesystem::path& root,
                                                         const GzipOptions& options = {});

}  // namespace sluice::output
