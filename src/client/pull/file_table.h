// The state of a round's files. The journal holds it; memory holds the positions in the journal and
// the progress of current downloads: about thirty bytes for each of two million files (L-15).
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "client/files/downloader.h"
#include "client/protocol/manifest_reader.h"

namespace sluice::client {

/// One file of a round.
struct FileState {
  ManifestItem item;
  std::string name;  ///< relative to the round's folder, without ".gz"
  FileValidator validator;
  std::uint64_t synced = 0;  ///< bytes of the part that are on disk for sure
  bool is_done = false;
  bool is_dropped = false;  ///< the manifest names it no longer
  FileSummary summary;      ///< when done
};

/// The record of a file as the journal has it.
boost::json::object file_record(std::size_t index, const FileState& file);

/// Thread-safe.
class FileTable {
 public:
  /// Reads the record of the journal that begins at an offset.
  using ReadRecord = std::function<Result<boost::json::object>(std::uint64_t at)>;
  explicit FileTable(ReadRecord read) : read_(std::move(read)) {}

  std::size_t size() const;
  /// kCorrupt when the journal does not say it any more.
  Result<FileState> at(std::size_t index) const;
  /// Of a table that is not sealed.
  FileKind kind(std::size_t index) const;
  /// Whether nothing is left to receive: it is done or dropped.
  bool is_done(std::size_t index) const;
  /// All files in order, without those that were dropped.
  Result<void> each(const std::function<Result<void>(std::size_t, const FileState&)>& take) const;
  /// The file with this URL that was not dropped.
  Result<std::optional<std::size_t>> find(const std::string& url) const;

  /// Takes records of the journal, at position `at`. kCorrupt for an unknown file.
  Result<void> take_file(const boost::json::object& record, std::uint64_t at);
  Result<void> take_event(const std::string& event, const boost::json::object& record,
                          std::uint64_t at);
  void clear();
  /// Ends a round, after which no URL is looked up: moves the rest of a long table from memory into
  /// an unnamed file of `folder`. If that fails, it stays in memory.
  void seal(const std::filesystem::path& folder);

 private:
  struct Row {
    std::uint64_t file_at = 0;
    std::uint64_t done_at : 62 = 0;
    std::uint64_t kind : 2 = 0;
  };
  // Of a file that is partly downloaded.
  struct Progress {
    FileValidator validator;
    std::uint64_t synced = 0;
  };

  // The row at `index`, which must be there.
  Result<Row> row_at(std::size_t index) const;
  std::size_t row_count() const { return sealed_ ? sealed_count_ : rows_.size(); }
  Result<FileState> read_file(const Row& row, std::size_t index) const;
  void note_url(std::size_t index, std::string_view url);
  void grow();

  const ReadRecord read_;
  mutable std::mutex mutex_;
  std::deque<Row> rows_;
  bool is_sealed_ = false;
  FileDescriptor sealed_;  // the rows, in place of rows_; not of a short table
  std::size_t sealed_count_ = 0;
  std::deque<std::uint32_t> hashes_;    // of the URLs, by file
  std::vector<std::uint32_t> by_hash_;  // open addressing: index + 1
  std::size_t entries_ = 0;             // of by_hash_, with those of former URLs
  std::map<std::size_t, Progress> progress_;
  std::map<std::size_t, std::uint64_t> urls_at_;  // of journals that had records for fresh URLs
};

}  // namespace sluice::client
