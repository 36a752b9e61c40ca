// The job engine: accepts jobs, runs their shards on its own threads in fair turns, stores every
// step, and ends every job (S-06). An unreadable document fails its own job only.
//
// Each kind of job has its own threads, so that a slow download delays no export. Among the jobs of
// a kind, clients take turns, and within a client its oldest job that has a waiting shard, shard by
// shard (K-06). A crash at any moment loses the running shards only: what the store has as done is
// not done again.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/metrics.h"
#include "base/result.h"
#include "job/job.h"
#include "store/store.h"

namespace sluice::job {

/// A shard to be.
struct ShardPlan {
  std::string spec;
  std::uint64_t weight = 1;
};

/// What a running shard is given.
struct ShardContext {
  std::stop_token stop;  ///< asked when the job is deleted or the engine stops: return kCancelled
  std::function<void(std::uint64_t)> add_progress;  ///< so much of the shard's weight is done
  /// Corrects the shard's weight.
  std::function<void(std::uint64_t)> set_weight = {};
  /// Something is done that the next run of the shard will not do again: call it then, so that a
  /// job of one long shard does not count as stuck after some restarts.
  std::function<void()> progressed = {};
  /// Whether another client's job waits for a thread. A shard that can be taken up where it was
  /// left may return kCancelled then: it gets its next turn later.
  std::function<bool()> others_wait = {};
};

/// What the engine does not know: how a job is cut and what a shard does. Called from several
/// threads.
class JobKind {
 public:
  virtual ~JobKind() = default;
  /// Stored with each job; never changes.
  virtual std::string_view name() const = 0;
  /// Whether jobs read the store as of their snapshot, so that its history must stay while they
  /// run.
  virtual bool reads_snapshot() const = 0;
  /// The shards of `job.phase`, possibly none; nullopt when there is no such phase, so that the job
  /// is done. Called again after a crash, with the same answer expected for the same snapshot.
  virtual Result<std::optional<std::vector<ShardPlan>>> plan(const Job& job,
                                                             const std::stop_token& stop) = 0;
  /// Does one shard and returns its result. May be called again after a crash or an error. After
  /// one with `retry_after` the job waits, and the shard is done again without being counted.
  virtual Result<std::string> run(const Job& job, const Shard& shard,
                                  const ShardContext& context) = 0;
  /// Removes the job's files. Called once no shard of it runs, on a thread for that; also for
  /// unknown jobs. May take long.
  virtual void discard(std::string_view job_id) = 0;
  /// Whether the job's files are in use, so that the job must not expire now (S-07).
  virtual bool in_use(std::string_view job_id) = 0;
  /// Ids of jobs that have files.
  virtual std::vector<std::string> leftovers() = 0;
};

/// A kind and the number of its threads.
struct WorkerGroup {
  JobKind* kind;
  std::size_t workers = 2;
};

struct EngineOptions {
  std::size_t workers = 2;                      ///< of a kind that comes alone
  int worker_nice = 15;                         ///< shards give way to requests
  std::size_t jobs_max = 64;                    ///< running, of all clients
  std::size_t jobs_per_client_max = 16;         ///< running, of one client
  std::size_t kept_jobs_per_client_max = 1000;  ///< running, or ended and not removed
  /// Bytes of the requests of a client's jobs together; the first is accepted in any case.
  std::size_t requests_size_per_client_max = 64u << 20;
  std::chrono::seconds expiry = std::chrono::hours(24);  ///< counted from the end of a job
  std::chrono::seconds history_retention = std::chrono::hours(1);
  unsigned attempts_max = 3;    ///< of one shard, before its error fails the job
  unsigned adoptions_max = 25;  ///< restarts without one finished shard, before the job fails
  /// A job that meets a full disk, or no descriptors left, waits: so long at first, twice as long
  /// each time, and at most `wait_longest`; it fails when there is no room for `room_patience`.
  std::chrono::milliseconds wait_first = std::chrono::seconds(1);
  std::chrono::milliseconds wait_longest = std::chrono::minutes(1);
  std::chrono::milliseconds room_patience = std::chrono::hours(24);
  /// Shared with whoever shows them; may not be null.
  std::shared_ptr<Metrics> metrics = std::make_shared<Metrics>();
};

/// A job as its client may see it.
struct JobView {
  Job job;
  double progress = 0;  ///< 0 to 1: weight done over weight planned
  std::chrono::milliseconds running{0};
  /// Estimated from the rate so far; nullopt while there is none.
  std::optional<std::chrono::milliseconds> remaining;
  std::string waits_for = {};  ///< why the job waits: "the disk is full"
};

struct EngineStatistics {
  std::size_t running = 0;
  std::size_t waiting = 0;   ///< of these, for room on the disk or for descriptors
  std::size_t finished = 0;  ///< done or failed and not removed yet
  std::uint64_t submitted_total = 0;
  std::uint64_t done_total = 0;
  std::uint64_t failed_total = 0;
  std::uint64_t deleted_total = 0;
  std::uint64_t expired_total = 0;
  std::uint64_t shards_total = 0;  ///< finished
};

/// Thread-safe.
class Engine {
 public:
  /// `store`, `clock` and the kinds must outlive the engine.
  Engine(store::Store& store, const Clock& clock, JobKind& kind, EngineOptions options);
  /// Several kinds, with different names.
  Engine(store::Store& store, const Clock& clock, std::vector<WorkerGroup> kinds,
         EngineOptions options);
  ~Engine();

  /// Recovers the stored jobs, removes files of unknown jobs, starts the threads. Jobs whose
  /// documents cannot be read, or whose kind the engine does not know, have failed.
  Result<void> start();
  /// Takes no new jobs, stops running shards (they are done again after the next start), joins.
  void stop();

  /// Makes a job: takes the snapshot, writes it durably, returns it. `make_request` gets the
  /// snapshot and returns the job's request; its error is returned and leaves no job.
  /// kTooManyRequests over a limit, kUnavailable after stop().
  /// `client_jobs_max` other than 0 replaces the limit of one client's running jobs. `kind`: the
  /// job's kind; empty: the engine's first. `registration`: the client's, kept with the job,
  /// because jobs of another registration of the same id do not count against its limit.
  Result<Job> submit(std::string_view client,
                     const std::function<Result<std::string>(store::Commit)>& make_request,
                     std::size_t client_jobs_max = 0, std::string_view kind = {},
                     std::string_view registration = {});
  /// kNotFound for an unknown or removed job.
  Result<JobView> view(std::string_view job_id) const;
  /// The shards that are planned, in the order of the output, by pages: at most `limit` from `from`
  /// on.
  Result<std::vector<Shard>> shards(std::string_view job_id, ShardPosition from,
                                    std::size_t limit) const;
  /// Removes the job at once; asks its shards to stop, and deletes its files when none runs (S-05).
  Result<void> remove(std::string_view job_id);
  /// Removes all jobs for which `is_over` returns true; returns their number. Logs what it cannot
  /// remove now. `is_over` must not call the engine.
  std::size_t remove_if(const std::function<bool(const Job&)>& is_over);

  /// Fails the job because a file of it was found damaged, whether it is done or still runs. Does
  /// nothing if the job was removed or has failed before.
  void mark_damaged(std::string_view job_id, const std::string& failure);

  EngineStatistics statistics() const;
  /// Expires what is due, renews the history horizon. Called by the engine every second; for tests.
  void housekeeping();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::job
