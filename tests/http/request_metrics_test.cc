// What is counted of requests, and that nothing of their paths is in it.
#include "http/request_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::http {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

RequestRecord record(std::string route, int status, std::chrono::microseconds took) {
  RequestRecord made;
  made.id = "request-id";
  made.method = "GET";
  made.route = std::move(route);
  made.status = status;
  made.bytes_sent = 1000;
  made.duration = took;
  made.peer_address = "192.0.2.7";
  return made;
}

TEST(RequestMetrics, CountEachRequestOnceByRouteMethodAndStatus) {
  Metrics metrics;
  RequestMetrics requests(metrics);
  requests.count(record("read", 200, 2ms));
  requests.count(record("read", 200, 3ms));
  requests.count(record("read", 404, 40s));
  auto cut = record("export_file", 200, 1s);
  cut.aborted = true;
  requests.count(cut);
  const std::string text = metrics.text();
  for (const char* line : {
           "# TYPE sluice_http_requests_total counter\n",
           "sluice_http_requests_total{method=\"GET\",route=\"read\",status=\"200\"} 2\n",
           "sluice_http_requests_total{method=\"GET\",route=\"read\",status=\"404\"} 1\n",
           "sluice_http_sent_bytes_total{route=\"read\"} 3000\n",
           "sluice_http_aborted_total 1\n",
           "# TYPE sluice_http_request_seconds histogram\n",
           "sluice_http_request_seconds_count{route=\"read\"} 3\n",
           "sluice_http_request_seconds_sum{route=\"read\"} 40.005\n",
           "sluice_http_request_seconds_bucket{route=\"read\",le=\"0.001\"} 0\n",
           "sluice_http_request_seconds_bucket{route=\"read\",le=\"0.0025\"} 1\n",
           "sluice_http_request_seconds_bucket{route=\"read\",le=\"0.005\"} 2\n",
           "sluice_http_request_seconds_bucket{route=\"read\",le=\"30\"} 2\n",
           "sluice_http_request_seconds_bucket{route=\"read\",le=\"+Inf\"} 3\n",
           "sluice_http_request_seconds_bucket{route=\"export_file\",le=\"1\"} 1\n",
       })
    EXPECT_THAT(text, HasSubstr(line));
  EXPECT_THAT(text, Not(HasSubstr("192.0.2.7")));
  EXPECT_THAT(text, Not(HasSubstr("request-id")));
}

}  // namespace
}  // namespace sluice::http
