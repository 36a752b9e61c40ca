// The inside of the engine: engine.cc keeps its documents and its public face, engine_work.cc plans
// jobs and runs shards.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "job/disposal.h"
#include "job/documents.h"
#include "job/engine.h"
#include "job/engine_metrics.h"
#include "job/managed_job.h"

namespace sluice::job {

/// The kind of jobs whose kind is no longer known: discards what any kind has of
/// them.
class LostJobs final : public JobKind {
 public:
  explicit LostJobs(const std::vector<WorkerGroup>& kinds) : kinds_(kinds) {}
  std::string_view name() const override { return kLostKind; }
  bool reads_snapshot() const override { return false; }
  Result<std::optional<std::vector<ShardPlan>>> plan(const Job&, const std::stop_token&) override {
    return corrupt("a stored job cannot be read");
  }
  Result<std::string> run(const Job&, const Shard&, const ShardContext&) override {
    return corrupt("a stored job cannot be read");
  }
  void discard(std::string_view job_id) override {
    for (const auto& each : kinds_) each.kind->discard(job_id);
  }
  bool in_use(std::string_view job_id) override {
    return std::any_of(kinds_.begin(), kinds_.end(),
                       [&](const auto& each) { return each.kind->in_use(job_id); });
  }
  std::vector<std::string> leftovers() override { return {}; }

 private:
  const std::vector<WorkerGroup>& kinds_;
};

struct Engine::Impl {
  Impl(store::Store& s, const Clock& c, std::vector<WorkerGroup> k, EngineOptions o)
      : store(s),
        clock(c),
        kinds(std::move(k)),
        options(std::move(o)),
        lost(kinds),
        metrics(*options.metrics, [this] { return statistics(); }) {}

  store::Store& store;
  const Clock& clock;
  const std::vector<WorkerGroup> kinds;
  const EngineOptions options;
  LostJobs lost;

  mutable std::mutex mutex;
  std::condition_variable work_ready;
  std::condition_variable_any tick;
  std::map<std::string, std::shared_ptr<ManagedJob>, std::less<>> entries;  // guarded by mutex
  std::map<std::string, std::uint64_t> last_turn;  // guarded by mutex, by client
  std::uint64_t turn = 0;                          // guarded by mutex
  std::size_t submitting = 0;                      // guarded by mutex
  /// By client and registration.
  std::map<std::pair<std::string, std::string>, std::size_t> submitting_of;  // guarded by mutex
  bool stopping = true;                                                      // guarded by mutex
  EngineStatistics totals;                                                   // guarded by mutex
  std::vector<std::thread> threads;
  std::jthread housekeeper;
  Disposal disposal;
  EngineMetrics metrics;

  EngineStatistics statistics() const;

  /// What a kick-off counts as until its job is in the list or refused.
  Result<void> take_place(std::string_view client, std::string_view registration,
                          std::size_t client_jobs_max);
  /// Checks that a request of this size has room beside those of the client's other jobs.
  Result<void> check_request_size(std::string_view client, std::string_view registration,
                                  std::size_t size);
  void leave_place(std::string_view client, std::string_view registration);

  Result<void> recover_all();
  /// kCorrupt: the managed job is that of a job which has to fail.
  Result<void> recover(ManagedJob& managed);
  std::shared_ptr<ManagedJob> lose(std::string_view job_id, std::string_view text,
                                   const Error& error);
  Result<void> remove_orphans();

  /// nullptr when the engine has none of that name.
  JobKind* find_kind(std::string_view name) const;
  void work(const JobKind& kind);
  std::shared_ptr<ManagedJob> pick(const JobKind& kind, ManagedJob::Task& task);
  /// Whether a job of another client than the managed job's waits for a thread of its kind.
  bool others_wait(const ManagedJob& managed);
  void set_weight(ManagedJob& managed, Shard& shard, std::uint64_t weight);
  void progressed(ManagedJob& managed);
  void plan(ManagedJob& managed);
  /// The shards of the job's phase or of the next one that has any; an exception is an error.
  Result<std::optional<std::vector<ShardPlan>>> next_shards(ManagedJob& managed, Job& job);
  void run_shard(ManagedJob& managed, Shard shard);
  /// `reported`: how much of its weight counts as done already.
  void finish_shard(ManagedJob& managed, Shard shard, std::string result, std::uint64_t reported,
                    std::chrono::steady_clock::duration took);
  void shard_failed(ManagedJob& managed, const Shard& shard, const Error& error);
  /// Whether the job waits after this error; needs the mutex. Not when it waited too long already.
  bool wait_for_room(ManagedJob& managed, const Error& error);
  void end_job(ManagedJob& managed, JobState state, const std::string& failure);
  Result<void> forget(ManagedJob& managed);
  Result<void> forget_shards(std::string_view job_id);
  Result<void> remove(std::string_view job_id, std::uint64_t EngineStatistics::*counter);
  /// Has the files of an ended or removed job discarded, once no thread works for it.
  void discard_if_idle(ManagedJob& managed);
  /// `durable` as in store::Transaction.
  Result<void> write_documents(ManagedJob& managed, std::vector<store::DocumentWrite> documents,
                               bool durable = true);
  void update_horizon();
};

}  // namespace sluice::job
