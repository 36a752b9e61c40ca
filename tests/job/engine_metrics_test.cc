// What the engine tells Prometheus.
#include "job/engine_metrics.h"

#include <string>

#include "engine_fixture.h"

namespace sluice::job {
namespace {

TEST_F(EngineTest, TellsHowManyJobsAndShardsThereWereAndWhatTheyTook) {
  options_.attempts_max = 1;
  restart();
  kind_.on_run = [](const auto& job, const auto&, const auto&) -> Result<std::string> {
    if (job.client == "unlucky") return Error{ErrorKind::kInvalid, "never"};
    return std::string();
  };
  wait(submit("c", "5,0,3"));
  wait(submit("c", "2"));
  EXPECT_EQ(wait(submit("unlucky", "1")).job.state, JobState::kFailed);
  const auto told = [&](const std::string& line) {
    return options_.metrics->text().find(line) != std::string::npos;
  };
  for (const char* line : {
           "sluice_jobs{state=\"running\"} 0\n",
           "sluice_jobs{state=\"finished\"} 3\n",
           "sluice_jobs_waiting 0\n",
           "sluice_jobs_total{event=\"submitted\"} 3\n",
           "sluice_jobs_total{event=\"done\"} 2\n",
           "sluice_jobs_total{event=\"failed\"} 1\n",
           "sluice_shards_total 10\n",
           "# TYPE sluice_shard_seconds histogram\n",
           "sluice_shard_seconds_count{kind=\"counting\"} 10\n",
           "sluice_shard_seconds_bucket{kind=\"counting\",le=\"+Inf\"} 10\n",
           "sluice_job_seconds_count{kind=\"counting\",state=\"done\"} 2\n",
           "sluice_job_seconds_count{kind=\"counting\",state=\"failed\"} 1\n",
       })
    EXPECT_TRUE(told(line)) << line << options_.metrics->text();
  engine_.reset();
  EXPECT_FALSE(told("sluice_jobs")) << "an engine that is gone is not read";
}

}  // namespace
}  // namespace sluice::job
