// The RocksDB below the store: its column families, how it is tuned, opened and closed, and how its
// errors become ours. Apart from what is stored in it (record_format.h).
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "store/rocksdb/rocksdb_store.h"

namespace sluice::store {

/// The oldest sequence that reads may still ask for; shared with the compaction filters, which may
/// outlive the store's other parts for a moment.
using Horizon = std::atomic<std::uint64_t>;

/// An open database. Closing flushes what is in memory, so that the next opening replays nothing.
class Database {
 public:
  /// Errors as open_rocksdb_store. `env` is the file system; null for the machine's.
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& folder,
                                                const RocksdbStoreOptions& options,
                                                rocksdb::Env* env);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  rocksdb::DB& db() const { return *db_; }
  const std::filesystem::path& folder() const { return folder_; }
  /// As it was remembered, when the database is opened.
  Horizon& horizon() const { return *horizon_; }
  /// Durable when it returns.
  Result<void> remember_horizon(Sequence horizon);

  /// The format version that was found. If it is not kFormatVersion, opening is not complete before
  /// finish_upgrade().
  std::uint64_t found_format() const { return found_format_; }
  /// Records the new version, and from which sequence on the change log has former owners.
  Result<void> finish_upgrade(Sequence former_owners_from);
  Sequence former_owners_from() const { return former_owners_from_; }

  /// Whether a write failed, so that the write-ahead log must not be written, synced or flushed at
  /// closing until DB::Resume has begun another. Debian's RocksDB is built with assertions, and has
  /// one there.
  bool is_log_spoilt() const { return log_spoilt_; }
  void set_log_spoilt(bool spoilt) { log_spoilt_ = spoilt; }
  /// The newest transaction that was complete in the logs when they were opened; 0: none.
  std::uint64_t last_logged_transaction() const { return last_logged_transaction_; }
  /// Whether a file can be written to the disk now: kStorage when not.
  Result<void> try_disk() const;

  rocksdb::ColumnFamilyHandle* metadata = nullptr;
  rocksdb::ColumnFamilyHandle* current = nullptr;
  rocksdb::ColumnFamilyHandle* history = nullptr;
  rocksdb::ColumnFamilyHandle* locator = nullptr;
  rocksdb::ColumnFamilyHandle* changes = nullptr;
  rocksdb::ColumnFamilyHandle* transactions = nullptr;
  rocksdb::ColumnFamilyHandle* documents = nullptr;
  rocksdb::ColumnFamilyHandle* members = nullptr;
  rocksdb::ColumnFamilyHandle* targets = nullptr;
  rocksdb::ColumnFamilyHandle* attachments = nullptr;
  const std::vector<rocksdb::ColumnFamilyHandle*>& all_families() const { return handles_; }

 private:
  Database() = default;
  /// Writes the version into a new database, checks it in an old one, and upgrades what an earlier
  /// program wrote as far as that needs no transactions.
  Result<void> check_format();
  Result<void> read_former_owners_from();
  /// 0 when there is none.
  Result<std::uint64_t> read_number(const char* key) const;
  Result<void> write_format(rocksdb::WriteBatch batch);

  std::filesystem::path folder_;
  std::atomic<bool> log_spoilt_ = false;
  std::uint64_t last_logged_transaction_ = 0;
  std::uint64_t found_format_ = 0;
  Sequence former_owners_from_;
  std::shared_ptr<Horizon> horizon_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

/// An error of RocksDB as ours: kCorrupt or kStorage. `what` is what could not be done, for the
/// caller ("the store could not be read").
Error database_error(const rocksdb::Status& status, std::string_view what);
Error read_error(const rocksdb::Status& status);
Error write_error(const rocksdb::Status& status);
/// A value that is not what this program writes. `what` names the kind of value, not its content.
Error corrupt_value(std::string_view what);

inline std::string_view to_view(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

}  // namespace sluice::store
