// A file being received: NAME.part holds the bytes as received; another thread reads them after the
// receiver, inflates, counts and checks them; the file is renamed only when it is complete.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "client/files/line_check.h"

namespace sluice::client {

/// What a file is to become.
struct FilePlan {
  std::filesystem::path path;  ///< without ".gz"
  bool keeps_gzip = false;     ///< received gzip stays gzip, as PATH.gz
  bool is_ndjson = true;       ///< lines are counted and checked
  std::string type = {};       ///< of each line's resource; empty: any
  LineKind lines = LineKind::kResources;
  /// Where lines go that do not belong into the file. Empty: a file with such lines is none.
  std::filesystem::path stray_path = {};
  bool is_opaque = false;   ///< bytes as they are, also if they look like gzip
  bool is_parquet = false;  ///< opaque; looked at as a whole, and its rows count as lines
  std::optional<std::uint64_t> count = std::nullopt;  ///< lines or rows that the manifest promises
  std::optional<std::uint64_t> size = std::nullopt;   ///< bytes of NDJSON that it promises
};

struct FileSummary {
  std::string name;                           ///< of the finished file, without folder
  std::uint64_t lines = 0;                    ///< that belong into it
  std::uint64_t size = 0;                     ///< uncompressed
  std::uint64_t received_size = 0;            ///< as on the wire
  std::uint64_t strays = 0;                   ///< lines that went to the plan's stray_path
  std::vector<std::string> stray_texts = {};  ///< what the first few of them are
};

/// PATH.part.
std::filesystem::path part_path(const FilePlan& plan);

/// The receiving thread calls append() and end(); everything else happens on the pool.
class ReceivedFile : public std::enable_shared_from_this<ReceivedFile> {
 public:
  struct Events {
    /// Once, before the part goes: the finished file, or why it is none (kCorrupt: its content;
    /// kTooLarge: more than it may be; kStorage).
    std::function<void(Result<FileSummary>)> on_end;
    /// This many bytes of the part are on disk.
    std::function<void(std::uint64_t bytes)> on_checkpoint;
  };

  /// Opens PATH.part and keeps its first `resume_at` bytes (fewer, if there are no more); they are
  /// read again from disk.
  static Result<std::shared_ptr<ReceivedFile>> open(FilePlan plan, std::uint64_t resume_at,
                                                    WorkerPool& pool, Events events);
  /// After a crash between the rename and its record: makes a finished file that the journal does
  /// not know a part again.
  static void take_back(const FilePlan& plan);
  ~ReceivedFile();

  std::uint64_t received() const { return received_.load(std::memory_order_relaxed); }
  Result<void> append(std::string_view bytes);
  /// Ends the input: checks the remaining bytes and renames the file.
  void end();
  /// Nothing is called any more when it returns; the part stays. Not from within an event.
  void cancel();

 private:
  struct Content;
  ReceivedFile(FilePlan plan, FileDescriptor part, WorkerPool& pool, Events events);
  void schedule();
  void work();
  Result<bool> step();
  Result<FileSummary> finish();
  Result<std::uint64_t> check_parquet() const;
  bool is_cancelled();
  Result<std::filesystem::path> sort_out(const std::filesystem::path& source, bool is_gzip);
  Result<void> checkpoint();

  const FilePlan plan_;
  const std::filesystem::path part_path_;
  const FileDescriptor part_;
  WorkerPool& pool_;
  const Events events_;
  std::unique_ptr<Content> content_;  // of the pool's thread
  std::atomic<std::uint64_t> received_ = 0;
  std::mutex work_mutex_;  // held for one step; before mutex_
  std::mutex mutex_;
  bool is_scheduled_ = false;  // guarded by mutex_
  bool is_ended_ = false;      // guarded by mutex_
  bool is_cancelled_ = false;  // guarded by mutex_
  bool is_told_ = false;       // guarded by mutex_: on_end was called
};

}  // namespace sluice::client
