// Keeps the members of cohorts up to date: finds new Groups with member-filter, however they were
// written, and evaluates each cohort again when it is due.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <thread>

#include "base/instant.h"
#include "base/result.h"
#include "job/engine.h"
#include "store/store.h"

namespace sluice::bulk {

struct CohortRefresherOptions {
  /// Between two evaluations of a cohort; 0: members are not stored, those that are become pending.
  std::chrono::seconds period;
  std::string base_url;  ///< references below it are our own
  std::chrono::milliseconds tick = std::chrono::seconds(1);
};

/// One thread of its own. Store, engine and clock must outlive it; the engine must know the kind of
/// job that CohortJobs is, and must have been started.
class CohortRefresher {
 public:
  CohortRefresher(const store::Store& store, job::Engine& engine, const Clock& clock,
                  CohortRefresherOptions options)
      : store_(store), engine_(engine), clock_(clock), options_(std::move(options)) {}
  ~CohortRefresher() { stop(); }

  void start();
  /// Does not stop running jobs: the engine does.
  void stop();
  /// One look at what has changed and what is due. Called by the thread; for tests.
  Result<void> look();

 private:
  bool stores_members() const { return options_.period.count() > 0; }
  Result<void> learn_all(store::Sequence as_of);
  Result<void> learn_changed(store::Sequence as_of);
  Result<void> learn(const std::string& group_id, store::Sequence as_of);
  void look_after_jobs();
  Result<void> submit_due();

  const store::Store& store_;
  job::Engine& engine_;
  const Clock& clock_;
  const CohortRefresherOptions options_;
  store::Sequence seen_;  ///< changes up to here are known
  /// When each cohort is to be written next; the epoch for at once.
  std::map<std::string, Instant> due_;
  std::map<std::string, std::string> jobs_;  ///< by group
  std::jthread thread_;
};

}  // namespace sluice::bulk
