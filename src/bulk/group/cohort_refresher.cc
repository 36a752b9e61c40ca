#include "bulk/group/cohort_refresher.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/worker_pool.h"
#include "bulk/group/cohort_job.h"
#include "bulk/group/cohort_request.h"
#include "fhir/cohort_text.h"
#include "fhir/group_members.h"

namespace sluice::bulk {
namespace {

// Side by side; others wait for the next look.
constexpr std::size_t kJobsMax = 2;
constexpr std::chrono::seconds kRetry(60);
// The server's own jobs belong to no client.
constexpr std::string_view kNobody = "";

}  // namespace

void CohortRefresher::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    name_this_thread("cohorts", 0);
    std::mutex mutex;
    std::condition_variable_any tick;
    while (!stop.stop_requested()) {
      if (const auto looked = look(); !looked)
        spdlog::error("cohorts are not refreshed error=\"{}\" detail=\"{}\"",
                      looked.error().message, looked.error().detail);
      std::unique_lock lock(mutex);
      tick.wait_for(lock, stop, options_.tick, [] { return false; });
    }
  });
}

void CohortRefresher::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

Result<void> CohortRefresher::look() {
  const store::Sequence now = store_.last_commit().sequence;
  if (seen_.value == 0)
    SLUICE_RETURN_IF_ERROR(learn_all(now));
  else if (seen_ < now)
    SLUICE_RETURN_IF_ERROR(learn_changed(now));
  seen_ = now;
  look_after_jobs();
  return submit_due();
}

Result<void> CohortRefresher::learn_all(store::Sequence as_of) {
  SLUICE_ASSIGN_OR_RETURN(const auto scan,
                          store_.scan(store::whole_type(fhir::types::kGroup), as_of));
  std::set<std::string> candidates;
  store::RecordView record;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
    if (!more) break;
    if (!record.is_link && fhir::may_be_cohort(record.json)) candidates.emplace(record.id);
  }
  for (const auto& id : candidates) SLUICE_RETURN_IF_ERROR(learn(id, as_of));
  return {};
}

Result<void> CohortRefresher::learn_changed(store::Sequence as_of) {
  SLUICE_ASSIGN_OR_RETURN(const auto log, store_.changes(seen_, as_of));
  std::set<std::string> changed;
  store::Change change;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, log->next(change));
    if (!more) break;
    if (change.type == fhir::types::kGroup) changed.emplace(change.id);
  }
  for (const auto& id : changed) SLUICE_RETURN_IF_ERROR(learn(id, as_of));
  return {};
}

Result<void> CohortRefresher::learn(const std::string& group_id, store::Sequence as_of) {
  due_.erase(group_id);
  SLUICE_ASSIGN_OR_RETURN(const auto record, store_.read({fhir::types::kGroup, group_id}, as_of));
  if (!record || !fhir::may_be_cohort(record->json)) return {};
  const auto text = fhir::read_cohort_text(record->json);
  // What cannot be read is refused when it is exported; it is no work for us.
  if (!text || !*text) return {};
  SLUICE_ASSIGN_OR_RETURN(const auto marks,
                          store_.members(group_id, {fhir::kPendingCohort}, as_of));
  store::Member mark;
  SLUICE_ASSIGN_OR_RETURN(const bool is_pending, marks->next(mark));
  if (!stores_members()) {
    // Members that were stored under another setting would never be refreshed.
    if (!is_pending) due_[group_id] = Instant{0};
    return {};
  }
  // The version that holds the members was written when they were found.
  due_[group_id] = is_pending ? Instant{0} : record->last_updated + options_.period;
  return {};
}

void CohortRefresher::look_after_jobs() {
  for (auto it = jobs_.begin(); it != jobs_.end();) {
    const auto& [group_id, job_id] = *it;
    const auto view = engine_.view(job_id);
    if (view && view->job.state == job::JobState::kRunning) {
      ++it;
      continue;
    }
    // Not at once again, what failed fails mostly again. A change of the Group comes before.
    if (view && view->job.state == job::JobState::kFailed) {
      spdlog::error("cohort not refreshed group={} error=\"{}\"", group_id, view->job.failure);
      if (const auto due = due_.find(group_id); due != due_.end())
        due->second = clock_.now() + std::max(options_.period, kRetry);
    }
    if (view) (void)engine_.remove(job_id);  // gone already is fine
    it = jobs_.erase(it);
  }
}

Result<void> CohortRefresher::submit_due() {
  const Instant now = clock_.now();
  for (auto& [group_id, due] : due_) {
    if (jobs_.size() >= kJobsMax) return {};
    if (due > now || jobs_.contains(group_id)) continue;
    CohortRequest request;
    request.operation = CohortRequest::Operation::kRefresh;
    request.base_url = options_.base_url;
    request.group_id = group_id;
    request.stores_members = stores_members();
    auto job = engine_.submit(
        kNobody, [&](const store::Commit&) -> Result<std::string> { return serialize(request); }, 0,
        CohortJobs::kName);
    // Too many jobs, or stopping: at the next look.
    if (!job) return {};
    jobs_[group_id] = job->id;
    // What it writes is a change that tells of the next time; when it writes nothing, this does.
    due = now + std::max(options_.period, kRetry);
  }
  return {};
}

}  // namespace sluice::bulk
