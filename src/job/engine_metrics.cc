#include "job/engine_metrics.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace sluice::job {
namespace {

// A shard is some seconds of work; a job is done at once, or takes hours.
const std::vector<double> kShardSeconds = {0.01, 0.05, 0.25, 1, 2.5, 5, 10, 30, 120, 600};
const std::vector<double> kJobSeconds = {0.1, 0.5, 2.5, 10, 30, 120, 600, 1800, 7200, 21600};

std::vector<prometheus::MetricFamily> families_of(const EngineStatistics& jobs) {
  const auto number = [](auto count) { return static_cast<double>(count); };
  return {gauge_family("sluice_jobs", "Jobs (exports, imports) that are there, by state.",
                       {{{{"state", "running"}}, number(jobs.running)},
                        {{{"state", "finished"}}, number(jobs.finished)}}),
          gauge_family(
              "sluice_jobs_waiting",
              "Of the running jobs: those that wait for room on the disk or for file descriptors.",
              {{{}, number(jobs.waiting)}}),
          counter_family("sluice_jobs_total", "Jobs since the start, by event.",
                         {{{{"event", "submitted"}}, number(jobs.submitted_total)},
                          {{{"event", "done"}}, number(jobs.done_total)},
                          {{{"event", "failed"}}, number(jobs.failed_total)},
                          {{{"event", "deleted"}}, number(jobs.deleted_total)},
                          {{{"event", "expired"}}, number(jobs.expired_total)}}),
          counter_family("sluice_shards_total", "Finished parts of jobs since the start.",
                         {{{}, number(jobs.shards_total)}})};
}

}  // namespace

EngineMetrics::EngineMetrics(Metrics& metrics, std::function<EngineStatistics()> statistics)
    : shard_seconds_(metrics.histograms("sluice_shard_seconds",
                                        "What finished parts of jobs took, by kind of job.")),
      job_seconds_(metrics.histograms(
          "sluice_job_seconds", "From a job's kick-off to its end, by kind of job and state.")),
      statistics_(metrics.add([read = std::move(statistics)] { return families_of(read()); })) {}

void EngineMetrics::shard_finished(std::string_view kind,
                                   std::chrono::steady_clock::duration took) {
  shard_seconds_.Add({{"kind", std::string(kind)}}, kShardSeconds)
      .Observe(std::chrono::duration<double>(took).count());
}

void EngineMetrics::job_ended(std::string_view kind, JobState state,
                              std::chrono::milliseconds took) {
  job_seconds_
      .Add({{"kind", std::string(kind)}, {"state", state == JobState::kDone ? "done" : "failed"}},
           kJobSeconds)
      .Observe(std::chrono::duration<double>(std::max(took, std::chrono::milliseconds(0))).count());
}

}  // namespace sluice::job
