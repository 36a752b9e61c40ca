// The job engine: takes jobs, runs their shards on its own threads in fair turns, keeps every step
// in the store, and ends every job (S-06). A document that cannot be read costs its own job.
//
// Each kind of job has threads of its own, so that a slow download holds up no export. Among the
// jobs of a kind, turns go round by client, and within a client to its oldest job that has a shard
// waiting, shard by shard (K-06). A crash at any moment costs the shards that were at work, nothing
// else: whatever is in the store as done is not done again.
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
  /// The shard turned out to weigh so much.
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
  /// Removes what the job left behind. Called once no shard of it runs; also for jobs nobody knows.
  virtual void discard(std::string_view job_id) = 0;
  /// Whether somebody is using what the job left, so that it must not expire just now (S-07).
  virtual bool in_use(std::string_view job_id) = 0;
  /// Ids of jobs that left something behind.
  virtual std::vector<std::string> leftovers() = 0;
};

/// A kind and the number of its threads.
struct KindOfJobs {
  JobKind* kind;
  std::size_t workers = 2;
};

struct EngineOptions {
  std::size_t workers = 2;                      ///< of a kind that comes alone
  int worker_nice = 15;                         ///< shards give way to requests
  std::size_t jobs_max = 64;                    ///< running, of all clients
  std::size_t jobs_per_client_max = 16;         ///< running, of one client
  std::size_t kept_jobs_per_client_max = 1000;  ///< running, or ended and not removed
  /// What a client's jobs were asked for, all together; the first is taken in any case.
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
};

/// A job as its client may see it.
struct JobView {
  Job job;
  double progress = 0;  ///< 0 to 1: weight done over weight planned
  std::chrono::milliseconds running{0};
  /// Estimated from the rate so far; nullopt while there is none.
  std::optional<std::chrono::milliseconds> remaining;
  std::string waits_for = {};  ///< why the job does not go on just now: "the disk is full"
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
  Engine(store::Store& store, const Clock& clock, std::vector<KindOfJobs> kinds,
         EngineOptions options);
  ~Engine();

  /// Takes up the jobs that the store knows, removes leftovers of unknown ones, starts the threads.
  /// Jobs whose documents cannot be read, or that are of no kind of this engine, have failed.
  Result<void> start();
  /// Takes no new jobs, stops running shards (they are done again after the next start), joins.
  void stop();

  /// Makes a job: takes the snapshot, writes it durably, returns it. `make_request` gets the
  /// snapshot and returns the job's request; its error is returned and leaves no job.
  /// kTooManyRequests over a limit, kUnavailable after stop().
  /// `client_jobs_max` other than 0 stands in for the limit of one client's running jobs. `kind`
  /// names the job's kind; empty: the first of the engine's. `registration`: the client's, kept
  /// with the job: jobs of another one of the same id do not count for its limit.
  Result<Job> submit(std::string_view client,
                     const std::function<Result<std::string>(store::Commit)>& make_request,
                     std::size_t client_jobs_max = 0, std::string_view kind = {},
                     std::string_view registration = {});
  /// kNotFound for an unknown or removed job.
  Result<JobView> view(std::string_view job_id) const;
  /// Finished shards in order, by pages: at most `limit` after `after_key` (empty: from the start).
  /// Pairs of key and shard.
  Result<std::vector<std::pair<std::string, Shard>>> shards(std::string_view job_id,
                                                            std::string_view after_key,
                                                            std::size_t limit) const;
  /// Forgets the job at once; its shards are asked to stop and its files go when none runs (S-05).
  Result<void> remove(std::string_view job_id);
  /// Removes all jobs of which `is_over` says so; how many there were. What cannot be removed now
  /// is told to the log. `is_over` must not call the engine.
  std::size_t remove_if(const std::function<bool(const Job&)>& is_over);

  /// A file of the job was found damaged: the job is failed from now on, whether it was done or
  /// still runs. Nothing happens to one that is gone, or failed before.
  void mark_damaged(std::string_view job_id, const std::string& failure);

  EngineStatistics statistics() const;
  /// Expires what is due, renews the history horizon. Called by the engine every second; for tests.
  void housekeeping();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::job
