// Where a load's bytes come from: files, gzip, standard input; cut into pieces that can be read
// apart.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::bulk {

/// A piece of input: whole lines of NDJSON, or one document (a Bundle, a resource over several
/// lines).
struct LoadChunk {
  std::string path;
  std::uint64_t first_line = 1;  ///< of `text`
  std::string text;
  bool is_document = false;
  std::string problem;  ///< what is wrong with the input from here on; then `text` is empty
};

/// All files to load, in order: folders walked by name, "-" for standard input. kNotFound names a
/// path that is not there.
Result<std::vector<std::string>> list_load_files(const std::vector<std::string>& paths);

/// Reads one file front to back. One thread.
class LoadSource {
 public:
  /// `fd` is used instead of opening `path` when it is not negative; it is not closed.
  static Result<std::unique_ptr<LoadSource>> open(const std::string& path, int fd = -1);
  ~LoadSource();

  /// The next piece; false at the end. Errors are of the disk only: what is wrong with the content
  /// is a chunk's `problem`.
  Result<bool> next(LoadChunk& chunk);
  /// Bytes read of the file as it is stored.
  std::uint64_t bytes_read() const;

 private:
  struct Impl;
  explicit LoadSource(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  std::string pending_problem_;  ///< comes after the whole lines before it
};

}  // namespace sluice::bulk
