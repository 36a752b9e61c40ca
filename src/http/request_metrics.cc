#include "http/request_metrics.h"

#include <fmt/format.h>

#include <chrono>
#include <vector>

namespace sluice::http {
namespace {

const std::vector<double> kSeconds = {0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5, 30};

}  // namespace

RequestMetrics::RequestMetrics(Metrics& metrics)
    : requests_(
          metrics.counters("sluice_http_requests_total", "Requests by route, method and status.")),
      sent_bytes_(
          metrics.counters("sluice_http_sent_bytes_total", "Bytes of response bodies by route.")),
      seconds_(metrics.histograms("sluice_http_request_seconds", "Duration of requests by route.")),
      aborted_(metrics.counters("sluice_http_aborted_total", "Requests whose client went away.")
                   .Add({})) {}

void RequestMetrics::count(const RequestRecord& request) {
  requests_
      .Add({{"route", request.route},
            {"method", request.method},
            {"status", fmt::format_int(request.status).str()}})
      .Increment();
  const prometheus::Labels route = {{"route", request.route}};
  sent_bytes_.Add(route).Increment(static_cast<double>(request.bytes_sent));
  seconds_.Add(route, kSeconds).Observe(std::chrono::duration<double>(request.duration).count());
  if (request.aborted) aborted_.Increment();
}

Metrics::Registration show_connections(Metrics& metrics, const Server& server) {
  return metrics.add([&server] {
    return std::vector{gauge_family("sluice_http_connections", "Open connections.",
                                    {{{}, static_cast<double>(server.connections())}})};
  });
}

}  // namespace sluice::http
