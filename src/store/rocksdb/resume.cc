#include "store/rocksdb/resume.h"

#include <rocksdb/convenience.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/log.h"

namespace sluice::store {
namespace {

constexpr std::chrono::milliseconds kLook{20};

bool is_flushing(rocksdb::DB& db) {
  std::uint64_t running = 0;
  return db.GetIntProperty(rocksdb::DB::Properties::kNumRunningFlushes, &running) && running > 0;
}

}  // namespace

rocksdb::Status resume(rocksdb::DB& db, std::chrono::milliseconds patience) {
  std::mutex mutex;
  std::condition_variable ended;
  bool has_ended = false;
  rocksdb::Status status;
  const std::jthread waiting([&] {
    auto outcome = db.Resume();
    const std::lock_guard lock(mutex);
    status = std::move(outcome);
    has_ended = true;
    ended.notify_one();
  });
  std::unique_lock lock(mutex);
  auto seen = std::chrono::steady_clock::now();
  while (!ended.wait_for(lock, kLook, [&] { return has_ended; })) {
    lock.unlock();
    const auto now = std::chrono::steady_clock::now();
    if (is_flushing(db)) seen = now;
    const bool is_lost = now - seen > patience;
    if (is_lost) {
      spdlog::error("store takes no writes until it is opened again");
      rocksdb::CancelAllBackgroundWork(&db, false);
    }
    lock.lock();
    if (is_lost) ended.wait(lock, [&] { return has_ended; });
  }
  return status;
}

}  // namespace sluice::store
