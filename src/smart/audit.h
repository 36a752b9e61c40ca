// The audit log: files that are only ever appended to, "audit-YYYYMMDD-NNN.ndjson" (days in UTC),
// each line a FHIR AuditEvent.
//
// Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>

#include "base/file.h"
#include "base/instant.h"
#include "base/result.h"
#include "smart/audit_event.h"

namespace sluice::smart {

struct AuditOptions {
  std::uint64_t file_size_max = 64u << 20;  ///< bytes; then the next number of the day
  /// The longest time a line that was written waits for its fsync. The system's crash may lose that
  /// much; the program's crash loses nothing.
  std::chrono::milliseconds sync_every{1000};
  std::string source = "sluice";  ///< AuditEvent.source.observer
};

class AuditLog {
 public:
  /// Creates `folder` if needed and continues the last file of the day. Ends a line that a crash
  /// cut off, so that later lines can be read. kStorage when it cannot write.
  static Result<std::unique_ptr<AuditLog>> open(const std::filesystem::path& folder,
                                                const Clock& clock, AuditOptions options = {});
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  /// Appends the event; it has left the program when this returns. kStorage when it could not be
  /// written: then the caller refuses what was to be audited. After an fsync that failed it goes
  /// on in a new file, if that one can be synced.
  Result<void> write(const AuditEvent& event);
  /// The same for several events, with few writes: for a transaction of many entries.
  Result<void> write(std::span<const AuditEvent> events);
  /// Waits until all that was written is on disk.
  Result<void> sync();
  /// sync() and the end of the background thread. Idempotent; write() fails from now on.
  Result<void> stop();

 private:
  AuditLog(std::filesystem::path folder, const Clock& clock, AuditOptions options);
  Result<void> append(const std::string& lines);
  Result<void> open_file(const std::string& day, unsigned number);
  Result<void> make_ready(std::size_t line_size);
  Result<void> sync_held(std::unique_lock<std::mutex>& lock);
  void run();

  const std::filesystem::path folder_;
  const Clock& clock_;
  const AuditOptions options_;
  std::mutex mutex_;
  std::condition_variable wake_;
  // All below guarded by mutex_. The file is shared so that an fsync needs no lock.
  std::shared_ptr<FileDescriptor> file_;
  std::filesystem::path path_;
  std::string day_;  // "20261123"
  unsigned number_ = 0;
  std::uint64_t size_ = 0;
  bool torn_ = false;      // the file ends within a line
  bool unsynced_ = false;  // lines were written since the last fsync began
  bool failed_ = false;    // an fsync failed: what is on disk is unknown, a new file is needed
  bool stopping_ = false;
  std::thread syncer_;
};

}  // namespace sluice::smart
