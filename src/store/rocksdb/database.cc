#include "store/rocksdb/database.h"

#include <fmt/format.h>
#include <rocksdb/convenience.h>
#include <rocksdb/env.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/file.h"
#include "base/log.h"
#include "store/rocksdb/attachment_rows.h"
#include "store/rocksdb/info_log.h"
#include "store/rocksdb/log_check.h"
#include "store/rocksdb/members_upgrade.h"
#include "store/rocksdb/record_format.h"
#include "store/rocksdb/target_rows.h"
#include "store/rocksdb/tuning.h"

namespace sluice::store {
namespace {

constexpr const char* kFormatKey = "format";
constexpr const char* kFormerOwnersKey = "former-owners";
constexpr const char* kHorizonKey = "history-horizon";

bool is_locked(const rocksdb::Status& status) {
  // RocksDB has no code of its own for this; both of its texts (this process, another) say "lock".
  return status.IsIOError() && status.ToString().find("lock") != std::string::npos;
}

Error unknown_format(std::string_view found) {
  return {ErrorKind::kUnsupported,
          fmt::format("the store has format version {}; this program knows versions {} to {}",
                      found, kFormatWithoutMembers, kFormatVersion)};
}

// The version in a database whose column families are not ours. Read-only: nothing is changed.
std::string foreign_version(const std::string& path) {
  rocksdb::DB* raw = nullptr;
  if (!rocksdb::DB::OpenForReadOnly(rocksdb::Options(), path, &raw).ok()) return "unknown";
  const std::unique_ptr<rocksdb::DB> db(raw);
  std::string value;
  if (!db->Get(rocksdb::ReadOptions(), kFormatKey, &value).ok()) return "unknown";
  const auto number = parse_number(value);
  return number ? std::to_string(*number) : "unknown";
}

// A write that the disk refused leaves half a record at the end of its write-ahead log, and the
// store goes on with a new log. As long as the old one is there, RocksDB's usual recovery stops at
// the half record and calls what came later a contradiction, or leaves it out. This one takes every
// log to its last whole record. It cannot be the usual one: after a power loss the newest log may
// end in garbage, not half a record. Neither of them is trusted with damage: see log_check.h.
rocksdb::DBOptions tolerate_cut_logs(rocksdb::DBOptions database) {
  database.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  return database;
}

// Reads the logs before RocksDB does, under the lock of the database: a log that another process is
// writing ends anywhere.
Result<LogCheck> check_unlocked_logs(const std::filesystem::path& folder, rocksdb::Env& env) {
  rocksdb::FileLock* lock = nullptr;
  const std::string name = (folder / "LOCK").string();
  if (!env.LockFile(name, &lock).ok()) return LogCheck();  // opening will tell
  auto check = check_logs(folder, env);
  env.UnlockFile(lock).PermitUncheckedError();
  return check;
}

void report_torn(const LogCheck& check) {
  for (const auto& torn : check.torn)
    spdlog::warn(
        "write-ahead log ends within a record, as after a crash or a failed write log={} byte={} "
        "dropped_bytes={} last_transaction={}",
        torn.name, torn.offset, torn.dropped, check.last_transaction);
}

bool has_only_our_families(const std::vector<std::string>& names) {
  return std::all_of(names.begin(), names.end(), [](const std::string& name) {
    const auto& ours = column_families();
    return std::any_of(ours.begin(), ours.end(),
                       [&](const ColumnFamily& family) { return name == family.name; });
  });
}

}  // namespace

Error database_error(const rocksdb::Status& status, std::string_view what) {
  Error error{status.IsCorruption() ? ErrorKind::kCorrupt : ErrorKind::kStorage, std::string(what),
              status.ToString()};
  // RocksDB has a code for a full disk, and of the rest what errno said as text.
  for (const int lack : {ENOSPC, EDQUOT, EFBIG, EMFILE, ENFILE})
    if (status.IsIOError() &&
        (status.IsNoSpace() ||
         error.detail.find(std::generic_category().message(lack)) != std::string::npos))
      error.retry_after = kRoomRetry;
  return error;
}

Error read_error(const rocksdb::Status& status) {
  return database_error(status, "the store could not be read");
}

Error write_error(const rocksdb::Status& status) {
  return database_error(status, "the store could not be written");
}

Error corrupt_value(std::string_view what) {
  return corrupt("the store holds something it did not write", std::string(what));
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& folder,
                                                 const RocksdbStoreOptions& options,
                                                 rocksdb::Env* env) {
  const std::string path = folder.string();
  std::error_code ignored;  // a folder that cannot be looked at cannot be opened either
  const bool exists = std::filesystem::exists(folder / "CURRENT", ignored);
  if (!exists) {
    if (!options.create_if_missing) return not_found(fmt::format("there is no store in {}", path));
    SLUICE_RETURN_IF_ERROR(make_folder(folder));
    if (options.reserve != 0) SLUICE_RETURN_IF_ERROR(check_room(folder, options.reserve));
    SLUICE_RETURN_IF_ERROR(sync_folder(folder.parent_path()));
  }
  auto database = database_options(options, env);
  database.info_log = std::make_shared<InfoLog>(folder);
  std::vector<std::string> names;
  LogCheck logs;
  if (exists) {
    SLUICE_ASSIGN_OR_RETURN(logs, check_unlocked_logs(folder, *database.env));
    const auto listed = rocksdb::DB::ListColumnFamilies(database, path, &names);
    if (!listed.ok()) return database_error(listed, "the store could not be opened");
    if (!has_only_our_families(names)) return unknown_format(foreign_version(path));
  }

  std::unique_ptr<Database> self(new Database);
  self->folder_ = folder;
  self->horizon_ = std::make_shared<Horizon>(0);
  rocksdb::DB* raw = nullptr;
  const auto families = column_family_options(options, self->horizon_);
  const auto tolerant = tolerate_cut_logs(database);
  const auto& first = logs.is_torn_before_last ? tolerant : database;
  const auto& second = logs.is_torn_before_last ? database : tolerant;
  auto status = rocksdb::DB::Open(first, path, families, &self->handles_, &raw);
  if (status.IsCorruption() &&
      rocksdb::DB::Open(second, path, families, &self->handles_, &raw).ok()) {
    spdlog::warn("store opened over a write-ahead log that a failed write cut off: {}",
                 status.ToString());
    status = rocksdb::Status::OK();
  }
  if (is_locked(status))
    return Error{ErrorKind::kConflict,
                 fmt::format("{} is already open in another process (or twice in this one)", path),
                 status.ToString()};
  if (!status.ok()) return database_error(status, "the store could not be opened");
  self->db_.reset(raw);
  self->last_logged_transaction_ = logs.last_transaction;
  report_torn(logs);
  for (std::size_t i = 0; i < self->handles_.size(); ++i)
    self.get()->*column_families()[i].handle = self->handles_[i];
  SLUICE_RETURN_IF_ERROR(self->check_format());
  // Until now no compaction drops anything.
  SLUICE_ASSIGN_OR_RETURN(*self->horizon_, self->read_number(kHorizonKey));
  return self;
}

Result<void> Database::check_format() {
  std::string value;
  const auto status = db_->Get(rocksdb::ReadOptions(), metadata, kFormatKey, &value);
  if (status.IsNotFound()) {
    // New, or the very first opening ended between making the files and this.
    found_format_ = kFormatVersion;
    return write_format(rocksdb::WriteBatch());
  }
  if (!status.ok()) return read_error(status);
  const auto version = parse_number(value);
  if (!version) return corrupt_value("format version");
  found_format_ = *version;
  if (*version == kFormatVersion) return read_former_owners_from();
  if (*version < kFormatWithoutMembers || *version > kFormatVersion)
    return unknown_format(std::to_string(*version));
  spdlog::info("store upgrade from={} to={}", *version, kFormatVersion);
  if (*version <= kFormatWithoutMembers)
    SLUICE_RETURN_IF_ERROR(remember_members_of_all_groups(*this));
  if (*version <= kFormatWithoutTargets)
    SLUICE_RETURN_IF_ERROR(remember_targets_of_all_provenances(*this));
  if (*version <= kFormatWithoutAttachments)
    SLUICE_RETURN_IF_ERROR(remember_all_attachments(*this));
  return {};
}

Result<void> Database::read_former_owners_from() {
  SLUICE_ASSIGN_OR_RETURN(former_owners_from_.value, read_number(kFormerOwnersKey));
  return {};
}

Result<std::uint64_t> Database::read_number(const char* key) const {
  std::string value;
  const auto status = db_->Get(rocksdb::ReadOptions(), metadata, key, &value);
  if (status.IsNotFound()) return 0;
  if (!status.ok()) return read_error(status);
  const auto number = parse_number(value);
  return number ? Result<std::uint64_t>(*number) : corrupt_value(key);
}

Result<void> Database::remember_horizon(Sequence horizon) {
  rocksdb::WriteOptions durable;
  durable.sync = true;
  const auto written = db_->Put(durable, metadata, kHorizonKey, encode_number(horizon.value));
  return written.ok() ? Result<void>() : write_error(written);
}

Result<void> Database::finish_upgrade(Sequence former_owners_from) {
  rocksdb::WriteBatch batch;
  batch.Put(metadata, kFormerOwnersKey, encode_number(former_owners_from.value))
      .PermitUncheckedError();
  SLUICE_RETURN_IF_ERROR(write_format(std::move(batch)));
  former_owners_from_ = former_owners_from;
  found_format_ = kFormatVersion;
  return {};
}

Result<void> Database::write_format(rocksdb::WriteBatch batch) {
  rocksdb::WriteOptions durable;
  durable.sync = true;
  // Into a batch without limits everything goes; its Status says nothing.
  batch.Put(metadata, kFormatKey, encode_number(kFormatVersion)).PermitUncheckedError();
  const auto written = db_->Write(durable, &batch);
  log_spoilt_ = !written.ok();
  if (!written.ok()) return write_error(written);
  return {};
}

Result<void> Database::try_disk() const {
  const std::string path = (folder_ / "try-disk.tmp").string();
  rocksdb::Env* env = db_->GetEnv();
  const auto written = rocksdb::WriteStringToFile(env, std::string(4096, '.'), path, true);
  // Whether it is there or not, the next try writes over it.
  env->DeleteFile(path).PermitUncheckedError();
  if (!written.ok()) return write_error(written);
  return {};
}

Database::~Database() {
  if (!db_) return;
  // Whatever cannot be flushed is in the write-ahead log and will be replayed.
  if (!log_spoilt_) {
    rocksdb::FlushOptions flush;
    flush.allow_write_stall = true;
    const auto flushed = db_->Flush(flush, handles_);
    if (!flushed.ok()) spdlog::warn("store not flushed at closing: {}", flushed.ToString());
  }
  for (auto* handle : handles_) db_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  const auto closed = db_->Close();
  if (!closed.ok()) spdlog::warn("store not closed cleanly: {}", closed.ToString());
}

}  // namespace sluice::store
