#include "store/rocksdb/wal_sync.h"

#include "base/file.h"

namespace sluice::store {

Result<void> WalSync::wait_for(Sequence sequence, const std::function<Sequence()>& last_written) {
  std::unique_lock lock(mutex_);
  while (synced_ < sequence) {
    if (syncing_) {
      synced_more_.wait(lock);
      continue;
    }
    if (database_.is_log_spoilt())
      // The next write tries to make it whole.
      return Error{ErrorKind::kStorage, "the store could not be written", "log damaged",
                   kRoomRetry};
    syncing_ = true;
    lock.unlock();
    const Sequence covered = last_written();
    const auto status = database_.db().SyncWAL();
    lock.lock();
    syncing_ = false;
    synced_more_.notify_all();
    // Who waits beside us tries for itself and gets an error of its own.
    if (!status.ok()) return write_error(status);
    synced_ = std::max(synced_, covered);
  }
  return {};
}

}  // namespace sluice::store
