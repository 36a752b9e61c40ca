// The embedded store: RocksDB in the data folder.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/file.h"
#include "base/instant.h"
#include "base/metrics.h"
#include "store/store.h"

namespace sluice::store {

struct RocksdbStoreOptions {
  std::size_t block_cache_size = 96u << 20;   ///< bytes
  std::size_t write_buffer_size = 32u << 20;  ///< bytes for each memtable
  int background_threads = 2;
  bool create_if_missing = true;
  /// Bytes of the file system that writes leave free: with less, kStorage. An eighth of it for
  /// documents. 0: none.
  std::uint64_t reserve = kDiskReserve;
  /// How long a store that takes up writes again after an error of the disk may do nothing before
  /// it is closed for writes until the next opening.
  std::chrono::milliseconds resume_patience{10'000};
  /// Shared with whoever shows them; may not be null.
  std::shared_ptr<Metrics> metrics = std::make_shared<Metrics>();
};

/// Opens or creates the store below `folder` (its own sub-folder "store"). Errors: kConflict when
/// another process has it open (the message says so and names the folder), kUnsupported for a
/// format version this program does not know, kNotFound when missing and not to be created,
/// kStorage else. `clock` must outlive the store.
Result<std::unique_ptr<Store>> open_rocksdb_store(const std::filesystem::path& folder,
                                                  const Clock& clock,
                                                  const RocksdbStoreOptions& options = {});

}  // namespace sluice::store
