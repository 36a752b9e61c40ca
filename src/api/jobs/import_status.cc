#include "api/jobs/import_status.h"

#include <fmt/format.h>

#include "api/core/fhir_response.h"
#include "api/jobs/export_status.h"
#include "bulk/import/import_manifest.h"
#include "fhir/operation_outcome.h"

namespace sluice::api {
namespace {

http::Response done(const Service& service, const http::Request& request,
                    const Principal& principal, const job::JobView& view,
                    const bulk::ImportRequest& asked) {
  const std::string url = files_url(asked.base_url, view.job.id);
  const auto suffix = file_url_suffix(service, principal, view.job);
  const auto url_of = [&](std::string_view name) -> Result<std::string> {
    if (!suffix) return fmt::format("{}{}", url, name);
    SLUICE_TRY(const auto end, suffix(name));
    return fmt::format("{}{}{}", url, name, end);
  };
  auto manifest =
      bulk::import_manifest(service.store, view.job, asked, fetches_by_token(principal), url_of);
  if (!manifest) return request_error(request, manifest.error());
  http::Response response;
  set_job_status(response, asked.separate_export_status, 200, "OK");
  response.headers.set("Content-Type", "application/json");
  response.headers.set("Expires", to_http_date(view.job.expires));
  response.body = std::move(*manifest);
  return response;
}

}  // namespace

http::Response import_status(Service& service, const http::Request& request,
                             const Principal& principal, const job::JobView& view,
                             const bulk::ImportRequest& asked) {
  if (view.job.state == job::JobState::kDone) return done(service, request, principal, view, asked);
  if (view.job.state == job::JobState::kFailed) {
    auto response = fhir_response(
        500,
        fhir::operation_outcome("fatal", "exception", "The import failed: " + view.job.failure));
    set_job_status(response, asked.separate_export_status, 500, "Internal Server Error");
    return response;
  }
  const auto wait = take_poll(service, view);
  if (!wait) return error_response(wait.error());
  http::Response response;
  set_job_status(response, asked.separate_export_status, 202, "Accepted");
  response.headers.set("X-Progress",
                       progress_text(view, fmt::format("{:.0f}% imported", 100 * view.progress)));
  response.headers.set("Retry-After", fmt::to_string(wait->count()));
  return response;
}

}  // namespace sluice::api
