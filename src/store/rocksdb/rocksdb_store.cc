#include "store/rocksdb/rocksdb_store.h"

#include <fmt/format.h>
#include <rocksdb/convenience.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/rocksdb/as_of.h"
#include "store/rocksdb/attachment_rows.h"
#include "store/rocksdb/clock_watch.h"
#include "store/rocksdb/counters.h"
#include "store/rocksdb/database.h"
#include "store/rocksdb/devices_upgrade.h"
#include "store/rocksdb/key_split.h"
#include "store/rocksdb/member_rows.h"
#include "store/rocksdb/open_with_env.h"
#include "store/rocksdb/record_format.h"
#include "store/rocksdb/resume.h"
#include "store/rocksdb/rocksdb_documents.h"
#include "store/rocksdb/rocksdb_scan.h"
#include "store/rocksdb/target_rows.h"
#include "store/rocksdb/transaction_batch.h"
#include "store/rocksdb/versions.h"
#include "store/rocksdb/wal_sync.h"
#include "store/store_metrics.h"

namespace sluice::store {
namespace {

constexpr std::string_view kResumeKey = "resume";  // see prepare_resume()
constexpr int kResumesMax = 5;                     // of one write

prometheus::Histogram& write_seconds(Metrics& metrics, const std::string& durable) {
  return metrics
      .histograms("sluice_store_write_seconds",
                  "What committed transactions took, waiting for their turn and for the disk too.")
      .Add({{"durable", durable}},
           std::vector<double>{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10});
}

class RocksdbStore final : public Store {
 public:
  RocksdbStore(std::unique_ptr<Database> database, const Clock& clock,
               const RocksdbStoreOptions& options)
      : database_(std::move(database)),
        clock_(clock),
        points_(*database_),
        wal_sync_(*database_),
        reserve_(options.reserve),
        resume_patience_(options.resume_patience),
        metrics_(options.metrics),
        durable_seconds_(write_seconds(*metrics_, "true")),
        other_seconds_(write_seconds(*metrics_, "false")) {}

  /// Finds the newest transaction and the counters, and ends an upgrade.
  Result<void> start();
  /// After start().
  void show_metrics() {
    shown_ = metrics_->add([this] { return read_metrics(*this); });
  }

  Result<WriteOutcome> write(const Transaction& transaction) override;

  Commit last_commit() const override {
    const std::lock_guard lock(published_mutex_);
    return published_.commit;
  }
  Result<Commit> commit_at(Instant instant) const override;
  Result<std::optional<Commit>> commit_of(Sequence sequence) const override;

  Result<std::optional<Record>> read(const fhir::ResourceId& key, Sequence as_of) const override {
    return points_.read(key, no_later(as_of));
  }
  Result<std::optional<Record>> read_of(std::string_view owner, const fhir::ResourceId& key,
                                        Sequence as_of) const override {
    return points_.read_of(owner, key, no_later(as_of));
  }
  Result<std::vector<Version>> versions(const fhir::ResourceId& key, std::uint32_t before,
                                        std::size_t limit) const override {
    return read_versions(*database_, key, before, limit);
  }
  Result<std::optional<std::string>> owners(const fhir::ResourceId& key,
                                            Sequence as_of) const override {
    return points_.owners(key, no_later(as_of));
  }
  Result<std::vector<bool>> exist(fhir::ResourceType type, const std::vector<std::string>& ids,
                                  Sequence as_of) const override {
    return points_.exist(type, ids, no_later(as_of));
  }
  Result<std::unique_ptr<Scan>> scan(const KeyRange& range, Sequence as_of) const override {
    return make_range_scan(*database_, range, no_later(as_of));
  }
  Result<std::unique_ptr<ChangeScan>> changes(Sequence after, Sequence up_to) const override {
    return make_change_scan(*database_, after, no_later(up_to));
  }
  Result<std::unique_ptr<ChangeScan>> changes_newest_first(ChangeCursor before,
                                                           Sequence after) const override {
    const ChangeCursor end{{last_commit().sequence.value + 1}, 0};
    return make_backward_change_scan(*database_, std::min(before, end), after);
  }
  Result<std::optional<Version>> version_of(const Change& change) const override {
    return read_version_of(*database_, change);
  }
  Sequence former_owners_from() const override { return database_->former_owners_from(); }
  Result<std::uint64_t> change_count(Sequence after, Sequence up_to) const override;

  Result<std::unique_ptr<MemberScan>> members(std::string_view group_id, fhir::ResourceType type,
                                              Sequence as_of) const override {
    return make_member_scan(*database_, group_id, type, no_later(as_of));
  }

  std::unique_ptr<ProvenanceFinder> provenance_finder(Sequence as_of) const override {
    return make_provenance_finder(*database_, no_later(as_of));
  }

  Result<std::vector<fhir::ResourceId>> attached_to(std::string_view binary_id,
                                                    std::size_t limit) const override {
    return read_attached_to(*database_, binary_id, limit);
  }

  Result<std::uint64_t> approximate_size(const KeyRange& range) const override {
    return store::approximate_size(*database_, range, counters_.of(range.type).bytes);
  }
  Result<std::vector<KeyRange>> split(const KeyRange& range,
                                      std::uint64_t part_size) const override {
    return split_range(*database_, range, part_size, counters_.of(range.type).bytes);
  }
  Result<std::vector<TypeStatistics>> statistics() const override { return counters_.all(); }

  Result<std::optional<std::string>> document(std::string_view key) const override {
    return read_document(*database_, key);
  }
  Result<std::vector<Document>> documents(std::string_view prefix, std::string_view after,
                                          std::size_t limit) const override {
    return list_documents(*database_, prefix, after, limit);
  }

  void set_history_horizon(Sequence oldest) override;
  Sequence history_horizon() const override { return {database_->horizon()}; }
  Result<void> compact() override;
  Result<std::uint64_t> size_on_disk() const override;

 private:
  struct Published {
    Commit commit;
    std::uint64_t changes = 0;  ///< of all transactions
  };

  // Nothing later than the newest commit has happened yet: who asks for it reads the newest.
  Sequence no_later(Sequence sequence) const { return std::min(sequence, last_commit().sequence); }

  /// The instant of the next commit; needs write_mutex_.
  Instant next_instant(bool seals);
  /// Commits; needs write_mutex_.
  Result<WriteOutcome> commit(const Transaction& transaction);
  /// After an error of the disk: makes RocksDB take writes again, if it can.
  Result<void> resume();
  /// Puts something into memory that resume() can flush; needs write_mutex_.
  Result<void> prepare_resume();
  /// Makes the next opening know the horizon; needs write_mutex_.
  Result<void> remember_horizon(Sequence horizon);
  /// Refuses what the disk has no room for before RocksDB meets the end of it.
  Result<void> check_room(const Transaction& transaction) const;
  Result<TransactionEntry> transaction_entry(Sequence sequence) const;

  const std::unique_ptr<Database> database_;
  const Clock& clock_;
  const PointReader points_;
  Counters counters_;
  WalSync wal_sync_;

  const std::uint64_t reserve_;
  const std::chrono::milliseconds resume_patience_;
  std::mutex write_mutex_;
  bool resumable_ = false;  // guarded by write_mutex_: see prepare_resume()
  // Whether the newest commit has its instant alone; guarded by write_mutex_. It may have, when the
  // store was opened, and then the one that tells of it may be gone.
  bool is_sealed_ = true;
  ClockWatch clock_watch_;  // guarded by write_mutex_

  mutable std::mutex published_mutex_;
  Published published_;  // guarded by published_mutex_; changes under write_mutex_ too

  const std::shared_ptr<Metrics> metrics_;
  prometheus::Histogram& durable_seconds_;
  prometheus::Histogram& other_seconds_;
  Metrics::Registration shown_;  // last: it reads the others
};

Result<void> RocksdbStore::start() {
  const std::unique_ptr<rocksdb::Iterator> it(
      database_->db().NewIterator(rocksdb::ReadOptions(), database_->transactions));
  const std::string last = transaction_key({~std::uint64_t{0}});
  it->SeekForPrev(last);
  if (!it->status().ok()) return read_error(it->status());
  if (it->Valid() && it->key().size() == last.size() && it->key()[0] == last[0]) {
    TransactionEntry entry;
    if (!parse_transaction(to_view(it->value()), entry)) return corrupt_value("transaction");
    published_.commit = {{read_be64(it->key().data() + 1)}, entry.instant};
    published_.changes = entry.changes;
    clock_watch_.look(published_.commit.instant, clock_.now());
  }
  const std::uint64_t logged = database_->last_logged_transaction();
  if (published_.commit.sequence.value < logged)
    return corrupt(
        fmt::format("the store was opened without transactions {} to {}, which its "
                    "write-ahead log holds; restore the data folder from a copy",
                    published_.commit.sequence.value + 1, logged));
  SLUICE_RETURN_IF_ERROR(counters_.read(*database_));
  if (database_->found_format() == kFormatVersion) return {};
  const Sequence first{published_.commit.sequence.value + 1};
  SLUICE_RETURN_IF_ERROR(give_devices_their_owners(*database_, *this));
  return database_->finish_upgrade(first);
}

Result<WriteOutcome> RocksdbStore::write(const Transaction& transaction) {
  const auto began = std::chrono::steady_clock::now();
  std::unique_lock lock(write_mutex_);
  SLUICE_RETURN_IF_ERROR(check_room(transaction));
  SLUICE_RETURN_IF_ERROR(resume());
  SLUICE_RETURN_IF_ERROR(prepare_resume());
  SLUICE_ASSIGN_OR_RETURN(auto outcome, commit(transaction));
  lock.unlock();
  if (transaction.durable) {
    auto synced =
        wal_sync_.wait_for(outcome.commit.sequence, [this] { return last_commit().sequence; });
    if (!synced) {
      database_->set_log_spoilt(true);
      return std::move(synced).error();
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  (transaction.durable ? durable_seconds_ : other_seconds_).Observe(took.count());
  return outcome;
}

Instant RocksdbStore::next_instant(bool seals) {
  const Instant newest = published_.commit.instant;
  const bool is_later = (seals || is_sealed_) && published_.commit.sequence.value != 0;
  const Instant least = newest + std::chrono::milliseconds(is_later ? 1 : 0);
  const Instant now = wait_for_clock(clock_, least);
  clock_watch_.look(newest, now);
  return std::max(now, least);
}

Result<WriteOutcome> RocksdbStore::commit(const Transaction& transaction) {
  Published next = published_;
  next.commit.sequence.value += 1;
  next.commit.instant = next_instant(transaction.seals_instant);
  TransactionBatch built(*database_, next.commit, transaction);
  SLUICE_ASSIGN_OR_RETURN(auto outcome, built.build());
  next.changes += built.change_count();

  auto& batch = built.batch();
  counters_.put(built.counters(), *database_, batch);
  batch
      .Put(database_->transactions, transaction_key(next.commit.sequence),
           encode(TransactionEntry{next.commit.instant, next.changes}))
      .PermitUncheckedError();
  batch
      .Put(database_->transactions, instant_key(next.commit.instant),
           encode_number(next.commit.sequence.value))
      .PermitUncheckedError();
  const auto status = database_->db().Write(rocksdb::WriteOptions(), &batch);
  if (!status.ok()) {
    database_->set_log_spoilt(true);
    return write_error(status);
  }
  counters_.apply(built.counters());
  is_sealed_ = transaction.seals_instant;
  const std::lock_guard lock(published_mutex_);
  published_ = next;
  return outcome;
}

Result<void> RocksdbStore::resume() {
  if (!database_->is_log_spoilt()) return {};
  // A flush that fails while RocksDB resumes can leave it waiting for ever.
  SLUICE_RETURN_IF_ERROR(database_->try_disk());
  auto status = store::resume(database_->db(), resume_patience_);
  // It may still report what a flush met while the disk was not well, or be at it by itself.
  for (int i = 0; i < kResumesMax && (status.IsIOError() || status.IsBusy()); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    status = store::resume(database_->db(), resume_patience_);
  }
  if (status.IsShutdownInProgress())
    return Error{ErrorKind::kStorage,
                 "the store takes no writes after an error of the disk until it is opened again",
                 status.ToString(), kRoomRetry};
  if (!status.ok()) return write_error(status);
  spdlog::info("store takes writes again");
  database_->set_log_spoilt(false);
  resumable_ = false;
  return {};
}

// DB::Resume leaves a write-ahead log behind only when there is something in memory to flush. With
// nothing, the next write would go to the log whose end the failed one has spoilt; Debian's RocksDB
// even stops the process there.
Result<void> RocksdbStore::prepare_resume() {
  if (resumable_) return {};
  rocksdb::WriteOptions memory_only;
  memory_only.disableWAL = true;
  const auto status = database_->db().Put(memory_only, database_->metadata, kResumeKey, "");
  if (!status.ok()) {
    database_->set_log_spoilt(true);
    return write_error(status);
  }
  resumable_ = true;
  return {};
}

Result<void> RocksdbStore::check_room(const Transaction& transaction) const {
  if (reserve_ == 0) return {};
  // Forgetting a job needs a few bytes, and makes room.
  const bool is_small = transaction.puts.empty() && transaction.removals.empty();
  return sluice::check_room(database_->folder(), is_small ? reserve_ / 8 : reserve_);
}

void RocksdbStore::set_history_horizon(Sequence oldest) {
  const Sequence wanted = no_later(oldest);
  const std::lock_guard lock(write_mutex_);
  // What was dropped once stays dropped, and nothing is before it is remembered.
  if (wanted.value <= database_->horizon()) return;
  if (const auto remembered = remember_horizon(wanted)) {
    database_->horizon() = wanted.value;
  } else {
    spdlog::warn("history is kept, for its end cannot be remembered detail=\"{}\"",
                 remembered.error().detail);
  }
}

Result<void> RocksdbStore::remember_horizon(Sequence horizon) {
  if (database_->is_log_spoilt())
    return Error{ErrorKind::kStorage, "the disk takes no writes", "a write failed before"};
  SLUICE_RETURN_IF_ERROR(prepare_resume());
  auto remembered = database_->remember_horizon(horizon);
  if (!remembered) database_->set_log_spoilt(true);
  return remembered;
}

Result<Commit> RocksdbStore::commit_at(Instant instant) const {
  const Commit last = last_commit();
  if (last.instant <= instant) return last;
  const std::unique_ptr<rocksdb::Iterator> it(
      database_->db().NewIterator(rocksdb::ReadOptions(), database_->transactions));
  const std::string key = instant_key(instant);
  it->SeekForPrev(key);
  if (!it->status().ok()) return read_error(it->status());
  if (!it->Valid() || it->key().size() != key.size() || it->key()[0] != key[0]) return Commit();
  const auto sequence = parse_number(to_view(it->value()));
  if (!sequence) return corrupt_value("instant");
  SLUICE_ASSIGN_OR_RETURN(const auto entry, transaction_entry({*sequence}));
  return Commit{{*sequence}, entry.instant};
}

Result<std::optional<Commit>> RocksdbStore::commit_of(Sequence sequence) const {
  if (sequence.value == 0) return std::optional(Commit());
  if (sequence > last_commit().sequence) return std::optional<Commit>();
  SLUICE_ASSIGN_OR_RETURN(const auto entry, transaction_entry(sequence));
  return std::optional(Commit{sequence, entry.instant});
}

Result<TransactionEntry> RocksdbStore::transaction_entry(Sequence sequence) const {
  TransactionEntry entry;
  if (sequence.value == 0) return entry;
  rocksdb::PinnableSlice value;
  const auto status = database_->db().Get(rocksdb::ReadOptions(), database_->transactions,
                                          transaction_key(sequence), &value);
  if (status.IsNotFound()) return corrupt_value("a transaction is missing");
  if (!status.ok()) return read_error(status);
  if (!parse_transaction(to_view(value), entry)) return corrupt_value("transaction");
  return entry;
}

Result<std::uint64_t> RocksdbStore::change_count(Sequence after, Sequence up_to) const {
  SLUICE_ASSIGN_OR_RETURN(const auto first, transaction_entry(no_later(after)));
  SLUICE_ASSIGN_OR_RETURN(const auto last, transaction_entry(no_later(up_to)));
  return last.changes - std::min(first.changes, last.changes);
}

Result<void> RocksdbStore::compact() {
  rocksdb::CompactRangeOptions options;
  // Also files that are at the bottom already: what the horizon allows to drop is there, too.
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  for (auto* family : database_->all_families()) {
    const auto status = database_->db().CompactRange(options, family, nullptr, nullptr);
    if (!status.ok()) return write_error(status);
  }
  return {};
}

Result<std::uint64_t> RocksdbStore::size_on_disk() const {
  std::uint64_t size = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator it(database_->folder(), error), end; it != end && !error;
       it.increment(error)) {
    std::error_code vanished;  // a file that a compaction removed meanwhile has no size
    const auto file_size = it->file_size(vanished);
    if (!vanished) size += file_size;
  }
  if (error)
    return storage_error("the store could not be read",
                         database_->folder().string() + ": " + error.message());
  return size;
}

}  // namespace

Result<std::unique_ptr<Store>> open_rocksdb_store_with_env(const std::filesystem::path& folder,
                                                           const Clock& clock,
                                                           const RocksdbStoreOptions& options,
                                                           rocksdb::Env* env) {
  SLUICE_ASSIGN_OR_RETURN(auto database, Database::open(folder / "store", options, env));
  auto store = std::make_unique<RocksdbStore>(std::move(database), clock, options);
  SLUICE_RETURN_IF_ERROR(store->start());
  store->show_metrics();
  return store;
}

Result<std::unique_ptr<Store>> open_rocksdb_store(const std::filesystem::path& folder,
                                                  const Clock& clock,
                                                  const RocksdbStoreOptions& options) {
  return open_rocksdb_store_with_env(folder, clock, options, nullptr);
}

}  // namespace sluice::store
