// RocksDB's own log, the file LOG in the store's folder.
#pragma once

#include <rocksdb/env.h>

#include <cstdarg>
#include <filesystem>
#include <mutex>

#include "base/file.h"

namespace sluice::store {

/// What cannot be written is left out. RocksDB's own logger must not be used: once a write of it
/// has failed, as on a full disk, its next line ends the process (an assertion of
/// WritableFileWriter, which Debian's library has). Thread-safe.
class InfoLog final : public rocksdb::Logger {
 public:
  static constexpr std::size_t kSizeMax = 1u << 20;

  /// Appends to `folder`/LOG, and from kSizeMax on begins anew; the file before it is LOG.old.
  explicit InfoLog(const std::filesystem::path& folder);

  using Logger::Logv;
  void Logv(const char* format, std::va_list arguments) override;
  /// Nothing but warnings and errors: options are in files of their own.
  void LogHeader(const char*, std::va_list) override {}

 private:
  void open();
  void begin_anew();

  const std::filesystem::path path_;
  std::mutex mutex_;
  FileDescriptor file_;   // guarded by mutex_
  std::size_t size_ = 0;  // guarded by mutex_
};

}  // namespace sluice::store
