#include "job/managed_job.h"

#include <algorithm>

namespace sluice::job {
namespace {

constexpr double kRemainingMax = 1e12;  // milliseconds; weights are estimates

}  // namespace

ManagedJob::ManagedJob(Job j, JobKind& k)
    : job(std::move(j)), kind(k), since(std::chrono::steady_clock::now()) {
  if (job.state == JobState::kRunning) return;
  stage = Stage::kEnded;
  job.request.end();
}

void ManagedJob::take(Shard shard) {
  weight_total += shard.weight;
  if (shard.done) {
    weight_done += shard.weight;
    weight_before += shard.weight;
    shard.spec.clear();
    shard.result.clear();
  }
  if (shard.phase != job.phase) return;
  if (!shard.done) {
    waiting.push_back(shards.size());
    ++shards_open;
  }
  shards.push_back(std::move(shard));
}

void ManagedJob::clear_shards() {
  shards.clear();
  waiting.clear();
  attempts.clear();
  shards_open = 0;
}

void ManagedJob::postpone(std::chrono::milliseconds delay) {
  not_before = std::chrono::steady_clock::now() + delay;
}

void ManagedJob::wait_for(const std::string& what, std::chrono::milliseconds first,
                          std::chrono::milliseconds longest) {
  const auto now = std::chrono::steady_clock::now();
  if (waits_for.empty()) {
    waits_since = now;
    last_wait = first;
  } else if (now >= not_before) {
    // Several shards that meet the same are one wait.
    last_wait = std::min(2 * last_wait, longest);
  }
  waits_for = what;
  postpone(last_wait);
}

bool ManagedJob::has_task(std::chrono::steady_clock::time_point now) const {
  if (leaving || job.state != JobState::kRunning || now < not_before) return false;
  return stage == Stage::kToPlan || (stage == Stage::kRunning && !waiting.empty());
}

ManagedJob::Task ManagedJob::take_task() {
  ++at_work;
  if (stage == Stage::kToPlan) {
    stage = Stage::kPlanning;
    return {true, {}};
  }
  const std::size_t index = waiting.front();
  waiting.pop_front();
  return {false, shards[index]};
}

JobView ManagedJob::view(Instant now) {
  JobView view;
  view.job = job;
  if (job.state == JobState::kDone) {
    view.progress = 1;
    view.running = job.finished - job.snapshot.instant;
    return view;
  }
  const double total = static_cast<double>(weight_total.load());
  const double done = static_cast<double>(weight_done.load());
  // Later phases are not planned yet, so that all of what is planned is not all.
  // A phase that has just been planned, or a shard that failed, lowers the share; nobody is shown
  // it.
  progress_shown = std::max(progress_shown, total == 0 ? 0 : std::min(done / total, 0.99));
  view.progress = progress_shown;
  view.running = now - job.snapshot.instant;
  view.waits_for = waits_for;
  const double gained = done - static_cast<double>(weight_before);
  const auto elapsed = std::chrono::steady_clock::now() - since;
  if (gained > 0) {
    const double seconds = std::chrono::duration<double>(elapsed).count();
    view.remaining = std::chrono::milliseconds(static_cast<std::int64_t>(
        std::clamp(1000.0 * seconds * (total - done) / gained, 0.0, kRemainingMax)));
  }
  return view;
}

}  // namespace sluice::job
