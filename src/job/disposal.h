// What jobs left on the disk goes on a thread of its own: thousands of files can take minutes, and
// neither a DELETE nor a start should.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "job/engine.h"

namespace sluice::job {

/// Thread-safe. What it has not come to when it stops is found at the next start
/// (JobKind::leftovers).
class Disposal {
 public:
  void start();
  /// Ends what it is at.
  void stop();
  /// Discards what a job left, soon. Until start() and after stop() it only remembers it.
  void add(JobKind& kind, std::string job_id);

 private:
  void run(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any added_;
  std::deque<std::pair<JobKind*, std::string>> waiting_;  // guarded by mutex_
  std::jthread thread_;
};

}  // namespace sluice::job
