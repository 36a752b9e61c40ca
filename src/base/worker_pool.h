// Threads for work that reads the store or burns CPU, so that socket threads never block.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace sluice {

/// Names the calling thread (at most 15 characters count) and lowers its priority by `nice` (0 to
/// 19).
void name_this_thread(const std::string& name, int nice);

/// A fixed number of threads and one bounded queue. post() may be called from any thread; it blocks
/// while the queue is full, try_post() refuses instead. stop() runs what is queued, then joins.
class WorkerPool {
 public:
  struct Options {
    std::size_t threads = 2;
    std::size_t queue_max = 4096;
    std::string name = "worker";  ///< thread name, at most 15 characters
    int nice = 0;                 ///< added to the threads' nice value: 0 to 19
  };

  explicit WorkerPool(Options options);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Queues `work`. A no-op after stop().
  void post(std::function<void()> work);
  /// Queues `work` unless the queue is full or the pool is stopping; returns whether it did.
  bool try_post(std::function<void()> work);
  /// Runs everything queued and joins the threads. Idempotent.
  void stop();

  std::size_t size() const { return options_.threads; }

 private:
  void run();

  const Options options_;
  std::mutex mutex_;
  std::condition_variable work_ready_;
  std::condition_variable room_ready_;
  std::deque<std::function<void()>> queue_;  // guarded by mutex_
  bool stopping_ = false;                    // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace sluice
