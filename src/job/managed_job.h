// What the engine knows of a running job: the shards of the current phase, the threads that work on
// it, its progress. The engine's mutex guards everything except the atomics.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <stop_token>
#include <utility>
#include <vector>

#include "job/engine.h"
#include "job/job.h"

namespace sluice::job {

struct ManagedJob {
  enum class Stage : std::uint8_t { kToPlan, kPlanning, kRunning, kEnded };

  struct Task {
    bool is_plan = false;
    Shard shard;  ///< a copy: the managed job may drop its shards meanwhile
  };

  ManagedJob(Job j, JobKind& k);

  Job job;
  JobKind& kind;
  Stage stage = Stage::kToPlan;
  std::vector<Shard> shards;        ///< of the current phase, by number
  std::deque<std::size_t> waiting;  ///< indexes of shards that wait for a thread
  std::size_t shards_open = 0;      ///< not done
  std::map<std::size_t, unsigned> attempts;
  std::chrono::steady_clock::time_point not_before;   ///< after an error
  std::string waits_for = {};                         ///< what passes by itself; empty: nothing
  std::chrono::steady_clock::time_point waits_since;  ///< with waits_for
  std::chrono::milliseconds last_wait{0};             ///< with waits_for
  std::size_t at_work = 0;                            ///< threads planning or running a shard
  bool leaving = false;                               ///< being removed: invisible to its client
  bool forgotten = false;                             ///< removed; files go when no thread is on it
  bool discarded = false;

  std::stop_source stop;
  std::atomic<std::uint64_t> weight_total = 0;
  std::atomic<std::uint64_t> weight_done = 0;
  std::uint64_t weight_before = 0;  ///< done before this process took the job
  std::chrono::steady_clock::time_point since;
  double progress_shown = 0;          ///< the highest so far
  std::atomic<bool> unsaved = false;  ///< the end could not be written yet

  std::mutex documents_mutex;
  bool removed = false;  ///< guarded by documents_mutex: write no documents any more

  /// Adds a shard of this or an earlier phase.
  void take(Shard shard);
  void clear_shards();
  void postpone(std::chrono::milliseconds delay);
  /// The job waits for what passes by itself; each time twice as long.
  void wait_for(const std::string& what, std::chrono::milliseconds first,
                std::chrono::milliseconds longest);
  /// Something could be done again.
  void goes_on() { waits_for.clear(); }
  bool has_task(std::chrono::steady_clock::time_point now) const;
  /// Only after has_task; counts the caller in `at_work`.
  Task take_task();
  JobView view(Instant now);
};

}  // namespace sluice::job
