// The inside of the engine: engine.cc keeps its documents and its public face, engine_work.cc plans
// jobs and runs shards.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "job/engine.h"
#include "job/entry.h"

namespace sluice::job {

struct Engine::Impl {
  Impl(store::Store& s, const Clock& c, std::vector<KindOfJobs> k, EngineOptions o)
      : store(s), clock(c), kinds(std::move(k)), options(o) {}

  store::Store& store;
  const Clock& clock;
  const std::vector<KindOfJobs> kinds;
  const EngineOptions options;

  mutable std::mutex mutex;
  std::condition_variable work_ready;
  std::condition_variable_any tick;
  std::map<std::string, std::shared_ptr<Entry>, std::less<>> entries;  // guarded by mutex
  std::map<std::string, std::uint64_t> last_turn;  // guarded by mutex, by client
  std::uint64_t turn = 0;                          // guarded by mutex
  std::size_t submitting = 0;                      // guarded by mutex
  bool stopping = true;                            // guarded by mutex
  EngineStatistics totals;                         // guarded by mutex
  std::vector<std::thread> threads;
  std::jthread housekeeper;

  Result<void> adopt_all();
  Result<std::shared_ptr<Entry>> adopt(Job job);
  Result<void> remove_orphans();

  /// nullptr when the engine has none of that name.
  JobKind* find_kind(std::string_view name) const;
  void work(const JobKind& kind);
  std::shared_ptr<Entry> pick(const JobKind& kind, Entry::Task& task);
  /// Whether a job of another client than the entry's waits for a thread of its kind.
  bool others_wait(const Entry& entry);
  void set_weight(Entry& entry, Shard& shard, std::uint64_t weight);
  void progressed(Entry& entry);
  void plan(Entry& entry);
  void run_shard(Entry& entry, Shard shard);
  /// `reported`: how much of its weight counts as done already.
  void finish_shard(Entry& entry, Shard shard, std::string result, std::uint64_t reported);
  void shard_failed(Entry& entry, const Shard& shard, const Error& error);
  void end_job(Entry& entry, JobState state, const std::string& failure);
  Result<void> forget(Entry& entry);
  void discard_if_idle(Entry& entry);
  /// `durable` as in store::Transaction.
  Result<void> write_documents(Entry& entry, std::vector<store::DocumentWrite> documents,
                               bool durable = true);
  void update_horizon();
};

}  // namespace sluice::job
