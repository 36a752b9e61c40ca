#include "api/routes/metrics.h"

#include <fmt/format.h>

#include <iterator>

#include "fhir/resource_type.h"

namespace sluice::api {
namespace {

void help(std::string& out, std::string_view name, std::string_view type, std::string_view text) {
  fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", name, text, name, type);
}

void value(std::string& out, std::string_view name, auto number) {
  fmt::format_to(std::back_inserter(out), "{} {}\n", name, number);
}

void render_jobs(std::string& out, const job::EngineStatistics& jobs) {
  help(out, "sluice_jobs", "gauge", "Jobs (exports, imports) that are there, by state.");
  value(out, "sluice_jobs{state=\"running\"}", jobs.running);
  value(out, "sluice_jobs{state=\"finished\"}", jobs.finished);
  help(out, "sluice_jobs_waiting", "gauge",
       "Of the running jobs: those that wait for room on the disk or for file descriptors.");
  value(out, "sluice_jobs_waiting", jobs.waiting);
  help(out, "sluice_jobs_total", "counter", "Jobs since the start, by event.");
  value(out, "sluice_jobs_total{event=\"submitted\"}", jobs.submitted_total);
  value(out, "sluice_jobs_total{event=\"done\"}", jobs.done_total);
  value(out, "sluice_jobs_total{event=\"failed\"}", jobs.failed_total);
  value(out, "sluice_jobs_total{event=\"deleted\"}", jobs.deleted_total);
  value(out, "sluice_jobs_total{event=\"expired\"}", jobs.expired_total);
  help(out, "sluice_shards_total", "counter", "Finished parts of jobs since the start.");
  value(out, "sluice_shards_total", jobs.shards_total);
}

void render_store(std::string& out, const store::Store& store) {
  if (const auto types = store.statistics()) {
    help(out, "sluice_store_resources", "gauge", "Current resources, by type.");
    for (const auto& type : *types)
      value(out, fmt::format("sluice_store_resources{{type=\"{}\"}}", fhir::type_name(type.type)),
            type.resources);
    help(out, "sluice_store_resource_bytes", "gauge",
         "NDJSON bytes of current resources, by type.");
    for (const auto& type : *types)
      value(out,
            fmt::format("sluice_store_resource_bytes{{type=\"{}\"}}", fhir::type_name(type.type)),
            type.bytes);
  }
  if (const auto size = store.size_on_disk()) {
    help(out, "sluice_store_disk_bytes", "gauge", "Bytes of the store on disk.");
    value(out, "sluice_store_disk_bytes", *size);
  }
  help(out, "sluice_store_sequence", "counter", "The newest transaction's number.");
  value(out, "sluice_store_sequence", store.last_commit().sequence.value);
}

}  // namespace

void Metrics::record(const http::RequestRecord& request) {
  const double seconds = std::chrono::duration<double>(request.duration).count();
  const std::lock_guard lock(mutex_);
  ++requests_[{request.route, request.method, request.status}];
  bytes_[request.route] += request.bytes_sent;
  if (request.aborted) ++aborted_;
  Durations& durations = durations_[request.route];
  std::size_t bucket = 0;
  while (bucket < kBounds.size() && seconds > kBounds[bucket]) ++bucket;
  ++durations.counts[bucket];
  durations.sum += seconds;
  ++durations.total;
}

http::Response Metrics::render(const job::Engine& engine, const store::Store* store) const {
  std::string out;
  const auto write = std::back_inserter(out);
  {
    const std::lock_guard lock(mutex_);
    help(out, "sluice_http_requests_total", "counter", "Requests by route, method and status.");
    for (const auto& [labels, count] : requests_)
      fmt::format_to(write,
                     "sluice_http_requests_total{{route=\"{}\",method=\"{}\",status=\"{}\"}} {}\n",
                     std::get<0>(labels), std::get<1>(labels), std::get<2>(labels), count);
    help(out, "sluice_http_sent_bytes_total", "counter", "Bytes of response bodies by route.");
    for (const auto& [route, bytes] : bytes_)
      fmt::format_to(write, "sluice_http_sent_bytes_total{{route=\"{}\"}} {}\n", route, bytes);
    help(out, "sluice_http_aborted_total", "counter", "Requests whose client went away.");
    value(out, "sluice_http_aborted_total", aborted_);
    help(out, "sluice_http_request_seconds", "histogram", "Duration of requests by route.");
    for (const auto& [route, durations] : durations_) {
      std::uint64_t below = 0;
      for (std::size_t i = 0; i < kBounds.size(); ++i) {
        below += durations.counts[i];
        fmt::format_to(write, "sluice_http_request_seconds_bucket{{route=\"{}\",le=\"{}\"}} {}\n",
                       route, kBounds[i], below);
      }
      fmt::format_to(write,
                     "sluice_http_request_seconds_bucket{{route=\"{0}\",le=\"+Inf\"}} {1}\n"
                     "sluice_http_request_seconds_sum{{route=\"{0}\"}} {2}\n"
                     "sluice_http_request_seconds_count{{route=\"{0}\"}} {1}\n",
                     route, durations.total, durations.sum);
    }
  }
  render_jobs(out, engine.statistics());
  if (store != nullptr) render_store(out, *store);
  http::Response response;
  response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  response.body = std::move(out);
  return response;
}

}  // namespace sluice::api
