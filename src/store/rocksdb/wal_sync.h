// Makes transactions durable: writers that wait at the same time share one fsync of the write-ahead
// log.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>

#include "base/result.h"
#include "store/rocksdb/database.h"
#include "store/store.h"

namespace sluice::store {

class WalSync {
 public:
  explicit WalSync(const Database& database) : database_(database) {}

  /// Blocks until `sequence` is on disk. `last_written` returns the end of the written log, which
  /// the next fsync covers. Thread-safe.
  Result<void> wait_for(Sequence sequence, const std::function<Sequence()>& last_written);

 private:
  const Database& database_;
  std::mutex mutex_;
  std::condition_variable synced_more_;
  Sequence synced_;       // guarded by mutex_
  bool syncing_ = false;  // guarded by mutex_
};

}  // namespace sluice::store
