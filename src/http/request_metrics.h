// The metrics of requests: counted once for each, when it has ended.
#pragma once

#include "base/metrics.h"
#include "http/server.h"

namespace sluice::http {

/// Thread-safe. Its labels are routes' names, methods and statuses: never paths.
class RequestMetrics {
 public:
  /// `metrics` must outlive it.
  explicit RequestMetrics(Metrics& metrics);

  void count(const RequestRecord& request);

 private:
  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Counter>& sent_bytes_;
  prometheus::Family<prometheus::Histogram>& seconds_;
  prometheus::Counter& aborted_;
};

/// Shows the number of connections of `server`, as long as the result lives.
Metrics::Registration show_connections(Metrics& metrics, const Server& server);

}  // namespace sluice::http
