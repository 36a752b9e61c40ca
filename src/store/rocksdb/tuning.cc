#include "store/rocksdb/tuning.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include "store/rocksdb/history_filter.h"

namespace sluice::store {
namespace {

constexpr std::size_t kKiB = 1u << 10;
constexpr std::size_t kMiB = 1u << 20;

// Resources are read in order: large blocks compress better and cost one checksum for many records.
// Much larger ones would make a seek to one patient unpack too much.
constexpr std::size_t kScanBlockSize = 32 * kKiB;
constexpr std::size_t kPointBlockSize = 4 * kKiB;

/// Makes errors of the disk ones that DB::Resume can clear. RocksDB would try again by itself only
/// for a full disk, every five seconds, and call others fatal until the program is restarted; the
/// store resumes with the next write instead. Resuming writes all that is in memory to new files,
/// so nothing depends on the one that failed.
class ResumableErrors final : public rocksdb::EventListener {
 public:
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* error) override {
    if (error->IsIOError() && error->severity() == rocksdb::Status::Severity::kFatalError)
      *error = rocksdb::Status(*error, rocksdb::Status::Severity::kHardError);
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason reason, rocksdb::Status,
                            bool* automatic) override {
    // A compaction that failed stops no writes, so that none would come and resume it.
    if (reason != rocksdb::BackgroundErrorReason::kCompaction) *automatic = false;
  }
};

void set_table(rocksdb::ColumnFamilyOptions& family, const std::shared_ptr<rocksdb::Cache>& cache,
               std::size_t block_size, bool bloom) {
  rocksdb::BlockBasedTableOptions table;
  table.format_version = 5;
  table.block_size = block_size;
  table.block_cache = cache;
  // In the cache, so that memory does not grow with the number of files; in partitions, so that a
  // small part of a large store's indexes needs to be there.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.metadata_block_size = 16 * kKiB;
  // Faster than XXH3 in a library that is built for every processor.
  table.checksum = rocksdb::kxxHash64;
  if (bloom) {
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    table.partition_filters = true;
    table.optimize_filters_for_memory = true;
  }
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
}

rocksdb::ColumnFamilyOptions common(std::size_t write_buffer_size) {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = write_buffer_size;
  family.max_write_buffer_number = 3;
  family.level_compaction_dynamic_level_bytes = true;
  family.level0_file_num_compaction_trigger = 4;
  family.level0_slowdown_writes_trigger = 24;
  family.level0_stop_writes_trigger = 40;
  family.target_file_size_base = 64 * kMiB;
  family.max_bytes_for_level_base = 256 * kMiB;
  // Level 0 is rewritten at once; packing it would only slow the load.
  family.compression_per_level = {rocksdb::kNoCompression, rocksdb::kLZ4Compression};
  family.compression = rocksdb::kLZ4Compression;
  return family;
}

}  // namespace

const std::vector<ColumnFamily>& column_families() {
  static const std::vector<ColumnFamily> families = {
      {"default", &Database::metadata},    {"current", &Database::current},
      {"history", &Database::history},     {"locator", &Database::locator},
      {"changes", &Database::changes},     {"transactions", &Database::transactions},
      {"documents", &Database::documents}, {"members", &Database::members},
      {"targets", &Database::targets},     {"attachments", &Database::attachments},
  };
  return families;
}

rocksdb::DBOptions database_options(const RocksdbStoreOptions& options, rocksdb::Env* env) {
  rocksdb::DBOptions database;
  if (env != nullptr) database.env = env;
  database.create_if_missing = true;
  database.create_missing_column_families = true;
  database.max_background_jobs = options.background_threads;
  database.max_subcompactions = static_cast<std::uint32_t>(options.background_threads);
  database.max_open_files = 512;
  database.max_total_wal_size = 192 * kMiB;
  database.db_write_buffer_size = 4 * options.write_buffer_size;
  database.bytes_per_sync = kMiB;
  database.wal_bytes_per_sync = kMiB;
  database.stats_dump_period_sec = 0;
  database.stats_persist_period_sec = 0;
  database.skip_stats_update_on_db_open = true;
  database.max_bgerror_resume_count = 0;
  database.avoid_flush_during_shutdown = true;  // ~Database does it, unless it must not
  database.listeners.push_back(std::make_shared<ResumableErrors>());
  return database;
}

std::vector<rocksdb::ColumnFamilyDescriptor> column_family_options(
    const RocksdbStoreOptions& options, const std::shared_ptr<Horizon>& horizon) {
  const auto cache = rocksdb::NewLRUCache(options.block_cache_size);
  const std::size_t small = std::max<std::size_t>(options.write_buffer_size / 8, 64 * kKiB);

  auto current = common(options.write_buffer_size);
  set_table(current, cache, kScanBlockSize, false);
  current.compaction_filter_factory = tombstone_filter(horizon);
  // Loads bring one type after the other, patient by patient: start each insertion at the last one.
  current.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(2));

  auto history = common(options.write_buffer_size / 2);
  set_table(history, cache, kScanBlockSize, false);
  history.compaction_filter_factory = history_filter(horizon);

  auto locator = common(options.write_buffer_size / 2);
  set_table(locator, cache, kPointBlockSize, true);
  locator.memtable_prefix_bloom_size_ratio = 0.02;
  locator.memtable_whole_key_filtering = true;

  // A row that was superseded goes as a version does, and its value begins as one's.
  auto members = common(options.write_buffer_size / 2);
  set_table(members, cache, kScanBlockSize, false);
  members.compaction_filter_factory = history_filter(horizon);

  // Likewise. Seeks for single resources, most of which have no row.
  auto targets = common(options.write_buffer_size / 2);
  set_table(targets, cache, kPointBlockSize, false);
  targets.compaction_filter_factory = history_filter(horizon);

  auto other = common(small);
  set_table(other, cache, kPointBlockSize, false);

  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const auto& family : column_families()) {
    const auto& chosen = family.handle == &Database::current   ? current
                         : family.handle == &Database::history ? history
                         : family.handle == &Database::locator ? locator
                         : family.handle == &Database::members ? members
                         : family.handle == &Database::targets ? targets
                                                               : other;
    descriptors.emplace_back(family.name, chosen);
  }
  return descriptors;
}

}  // namespace sluice::store
