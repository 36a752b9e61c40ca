// The engine's metrics, for Prometheus.
#pragma once

#include <chrono>
#include <functional>
#include <string_view>

#include "base/metrics.h"
#include "job/engine.h"

namespace sluice::job {

/// Thread-safe.
class EngineMetrics {
 public:
  /// Reads `statistics` when the metrics are read. `metrics` must outlive it.
  EngineMetrics(Metrics& metrics, std::function<EngineStatistics()> statistics);

  void shard_finished(std::string_view kind, std::chrono::steady_clock::duration took);
  /// Done, or failed while it ran. By the clock, which may have been set back meanwhile.
  void job_ended(std::string_view kind, JobState state, std::chrono::milliseconds took);

 private:
  prometheus::Family<prometheus::Histogram>& shard_seconds_;
  prometheus::Family<prometheus::Histogram>& job_seconds_;
  Metrics::Registration statistics_;
};

}  // namespace sluice::job
