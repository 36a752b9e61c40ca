#include "api/export_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "api/fhir_response.h"
#include "base/log.h"
#include "bulk/export_request.h"
#include "bulk/manifest.h"
#include "fhir/operation_outcome.h"

namespace sluice::api {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A manifest up to this size is sent with its length, a larger one as a stream.
constexpr std::size_t kWholeManifest = 256u << 10;

seconds retry_after(const Service& service, const job::JobView& view) {
  if (!view.remaining) return seconds(1);
  return std::clamp(std::chrono::ceil<seconds>(*view.remaining), seconds(1),
                    service.options.retry_after_max);
}

// K-04: with separate-export-status the HTTP status is the polling's own.
void set_status(http::Response& response, bool separate, int status, std::string_view reason) {
  response.status = separate ? 200 : status;
  if (separate) response.headers.set("X-Export-Status", fmt::format("{} {}", status, reason));
}

http::Response running(const job::JobView& view, seconds wait, bool separate) {
  http::Response response;
  set_status(response, separate, 202, "Accepted");
  response.headers.set("X-Progress", view.job.planned || view.job.phase > 0
                                         ? fmt::format("{:.0f}% exported", 100 * view.progress)
                                         : "planning");
  response.headers.set("Retry-After", fmt::to_string(wait.count()));
  return response;
}

http::Response failed(const job::JobView& view, bool separate) {
  auto response = fhir_response(
      500, fhir::operation_outcome("fatal", "exception", "The export failed: " + view.job.failure));
  set_status(response, separate, 500, "Internal Server Error");
  return response;
}

http::Response done(const Service& service, const http::Request& request, const job::JobView& view,
                    const bulk::ExportRequest& asked) {
  // A capability URL would do without a token; open, nobody has one.
  constexpr bool kRequiresAccessToken = false;
  const auto manifest = std::make_shared<bulk::ManifestStream>(
      service.engine, view.job, asked, files_url(asked.base_url, view.job.id),
      kRequiresAccessToken);
  std::string start(kWholeManifest, '\0');
  const auto n = manifest->read(start);
  if (!n) return request_error(request, n.error());
  start.resize(*n);
  http::Response response;
  set_status(response, asked.separate_export_status, 200, "OK");
  response.headers.set("Content-Type", "application/json");
  response.headers.set("Expires", to_http_date(view.job.expires));
  if (*n < kWholeManifest) {
    response.body = std::move(start);
    return response;
  }
  const auto rest = std::make_shared<std::string>(std::move(start));
  response.body = http::StreamBody{[manifest, rest](std::span<char> buffer) -> Result<std::size_t> {
                                     if (rest->empty()) return manifest->read(buffer);
                                     const std::size_t size = std::min(buffer.size(), rest->size());
                                     std::copy_n(rest->begin(), size, buffer.begin());
                                     rest->erase(0, size);
                                     return size;
                                   },
                                   std::nullopt};
  return response;
}

}  // namespace

Result<job::JobView> find_job(const Service& service, const http::Request& request,
                              const Principal& principal) {
  SLUICE_TRY(auto view, service.engine.view(request.parameter("id")));
  if (view.job.client != principal.client_id)
    return not_found(fmt::format("there is no export job '{}'", request.parameter("id")));
  return view;
}

http::Response export_status(Service& service, const http::Request& request,
                             const Principal& principal) {
  const auto view = find_job(service, request, principal);
  if (!view) return request_error(request, view.error());
  const auto asked = bulk::parse_stored_request(view->job.request);
  if (!asked) return request_error(request, asked.error());
  if (view->job.state == job::JobState::kDone) return done(service, request, *view, *asked);
  if (view->job.state == job::JobState::kFailed)
    return failed(*view, asked->separate_export_status);
  const seconds wait = retry_after(service, *view);
  if (!service.polls.allow(view->job.id, wait))
    return error_response({ErrorKind::kTooManyRequests,
                           fmt::format("the job is polled too often: wait {} s", wait.count()),
                           {},
                           wait});
  return running(*view, wait, asked->separate_export_status);
}

http::Response export_delete(Service& service, const http::Request& request,
                             const Principal& principal) {
  const auto view = find_job(service, request, principal);
  if (!view) return request_error(request, view.error());
  const auto removed = service.engine.remove(view->job.id);
  if (!removed) return request_error(request, removed.error());
  service.polls.forget(view->job.id);
  spdlog::info("export deleted id={} job={}", request.id, view->job.id);
  return information(202, "The export is deleted");
}

}  // namespace sluice::api
