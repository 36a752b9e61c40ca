// Writes an NDJSON file that counts only when it is whole: under another name until it is synced.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace sluice::client {

class NdjsonWriter {
 public:
  /// Creates or replaces `path`; as one gzip member when asked to.
  static Result<std::unique_ptr<NdjsonWriter>> create(const std::filesystem::path& path,
                                                      bool is_gzip);
  ~NdjsonWriter();
  /// Appends `line` and a line break.
  Result<void> append(std::string_view line);
  /// Writes the remaining bytes and syncs the file.
  Result<void> finish();

 private:
  struct Impl;
  explicit NdjsonWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::client
