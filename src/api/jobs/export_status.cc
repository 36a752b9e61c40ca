#include "api/jobs/export_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "api/core/fhir_response.h"
#include "api/jobs/cohort_requests.h"
#include "api/jobs/import_status.h"
#include "base/log.h"
#include "base/utf8.h"
#include "bulk/export/manifest/manifest.h"
#include "bulk/export/manifest/manifest_pages.h"
#include "bulk/export/request/export_request.h"
#include "fhir/operation_outcome.h"

namespace sluice::api {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A manifest up to this size is sent with its length, a larger one as a stream.
constexpr std::size_t kWholeManifest = 256u << 10;

// FHIR asynchronous requests: X-Progress is a text of less than 100 characters.
constexpr std::size_t kProgressTextMax = 99;

// The URLs in a page must not change, so they are signed from the start for a time that does not
// depend on the job's end. With the job the files go, however long their URLs are signed for.
constexpr std::chrono::hours kPagesSignedFor{29 * 24};

http::Response running(const job::JobView& view, seconds wait, bool separate) {
  http::Response response;
  set_job_status(response, separate, 202, "Accepted");
  response.headers.set(
      "X-Progress", progress_text(view, view.job.planned || view.job.phase > 0
                                            ? fmt::format("{:.0f}% exported", 100 * view.progress)
                                            : "planning"));
  response.headers.set("Retry-After", fmt::to_string(wait.count()));
  return response;
}

http::Response failed(const job::JobView& view, bool separate) {
  auto response = fhir_response(
      500, fhir::operation_outcome("fatal", "exception", "The export failed: " + view.job.failure));
  set_job_status(response, separate, 500, "Internal Server Error");
  return response;
}

// P-10: what is shown of the page while the job runs and after; nullopt when it is not to be shown
// yet.
Result<std::optional<std::string>> read_page(const Service& service, const Principal& principal,
                                             const job::Job& job, const bulk::ExportRequest& asked,
                                             const bulk::PagePosition& position) {
  const bulk::ManifestPages pages(
      service.engine, job, asked, files_url(asked.base_url, job.id),
      pages_url(asked.base_url, job.id), fetches_by_token(principal),
      file_url_suffix(service, principal, job, asked.partial_manifests));
  return pages.read(position);
}

void set_manifest(http::Response& response, std::string manifest) {
  response.headers.set("Content-Type", "application/json");
  response.body = std::move(manifest);
}

// A page of a job that is done.
http::Response done_page(const http::Request& request, const job::JobView& view,
                         const bulk::ExportRequest& asked,
                         Result<std::optional<std::string>> page) {
  if (!page) return request_error(request, page.error());
  http::Response response;
  set_job_status(response, asked.separate_export_status, 200, "OK");
  response.headers.set("Expires", to_http_date(view.job.expires));
  set_manifest(response, std::move(**page));
  return response;
}

http::Response done(const Service& service, const http::Request& request,
                    const Principal& principal, const job::JobView& view,
                    const bulk::ExportRequest& asked) {
  const auto manifest = std::make_shared<bulk::ManifestStream>(
      service.engine, view.job, asked, files_url(asked.base_url, view.job.id),
      fetches_by_token(principal), file_url_suffix(service, principal, view.job));
  std::string start(kWholeManifest, '\0');
  const auto n = manifest->read(start);
  if (!n) return request_error(request, n.error());
  start.resize(*n);
  start.shrink_to_fit();  // What it holds is what it counts for.
  http::Response response;
  set_job_status(response, asked.separate_export_status, 200, "OK");
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

seconds retry_after(const Service& service, const job::JobView& view) {
  if (!view.remaining) return seconds(1);
  return std::clamp(std::chrono::ceil<seconds>(*view.remaining), seconds(1),
                    service.options.retry_after_max);
}

std::string progress_text(const job::JobView& view, std::string done) {
  if (view.waits_for.empty()) return done;
  return std::string(
      shortened(fmt::format("{}, waiting: {}", done, view.waits_for), kProgressTextMax));
}

Result<seconds> take_poll(const Service& service, const job::JobView& view) {
  const seconds wait = retry_after(service, view);
  if (service.polls->allow(view.job.id, wait)) return wait;
  return Error{ErrorKind::kTooManyRequests,
               fmt::format("the job is polled too often: wait {} s", wait.count()),
               {},
               wait};
}

// K-04: with separate-export-status the HTTP status is the polling's own.
void set_job_status(http::Response& response, bool separate, int status, std::string_view reason) {
  response.status = separate ? 200 : status;
  if (separate) response.headers.set("X-Export-Status", fmt::format("{} {}", status, reason));
}

bulk::ManifestStream::UrlSuffix file_url_suffix(const Service& service, const Principal& principal,
                                                const job::Job& job, bool same_always) {
  // On an open server nobody has a token.
  if (!principal.client || fetches_by_token(principal)) return {};
  const auto as_of = same_always ? std::optional(job.snapshot.instant) : std::nullopt;
  const Instant expires = same_always ? job.snapshot.instant + kPagesSignedFor : job.expires;
  return [&signer = service.authorization->capabilities(), id = job.id, client = principal.client,
          expires, as_of](std::string_view name) -> Result<std::string> {
    SLUICE_TRY(const auto capability, signer.sign({id, name, client->generation}, expires, as_of));
    return fmt::format("?{}={}", kCapabilityParameter, capability);
  };
}

bool fetches_by_token(const Principal& principal) {
  return principal.client && principal.client->file_access == smart::FileAccess::kToken;
}

Result<FoundJob> find_job(const Service& service, const http::Request& request,
                          const Principal& principal, smart::AuditEvent event) {
  event.job_id = request.parameter("id");
  const auto find = [&]() -> Result<FoundJob> {
    SLUICE_TRY(auto view, service.engine.view(event.job_id));
    if (!owns(principal, view.job))
      return not_found(fmt::format("there is no job '{}'", shortened(event.job_id, 64)));
    FoundJob job{std::move(view), nullptr};
    job.request = service.job_requests->of(job.view.job);
    if (job.request->unreadable) return job;
    if (job.request->import)
      SLUICE_CHECK(authorize_import(principal, *job.request->import));
    else if (job.request->cohort)
      SLUICE_CHECK(authorize_cohort_job(principal, *job.request->cohort));
    else
      SLUICE_CHECK(authorize_job(principal, *job.request));
    return job;
  };
  auto found = find();
  if (!found) {
    event.outcome = smart::AuditOutcome::kSerious;
    event.description = found.error().message;
    event.job_id.resize(shortened(event.job_id, 64).size());
  }
  SLUICE_CHECK(audit(service, request, principal, std::move(event)));
  return found;
}

// nothing is known of the job but whose it was.
http::Response lost_job(const http::Request& request, const FoundJob& found) {
  spdlog::error("request failed id={} job={} detail=\"{}\"", request.id, found.view.job.id,
                found.request->unreadable->detail);
  const std::string& why = found.view.job.failure;
  return fhir_response(
      500, fhir::operation_outcome(
               "fatal", "exception",
               "The job failed: " + (why.empty() ? found.request->unreadable->message : why)));
}

http::Response export_status(Service& service, const http::Request& request,
                             const Principal& principal) {
  const auto found = find_job(service, request, principal, {.kind = smart::AuditKind::kStatus});
  if (!found) return request_error(request, found.error());
  const auto& view = found->view;
  const auto& asked = found->request->asked;
  if (found->request->unreadable) return lost_job(request, *found);
  if (found->request->cohort) return cohort_status(service, request, view, *found->request->cohort);
  if (found->request->import)
    return import_status(service, request, principal, view, *found->request->import);
  if (view.job.state == job::JobState::kDone && asked.partial_manifests)
    return done_page(request, view, asked, read_page(service, principal, view.job, asked, {}));
  if (view.job.state == job::JobState::kDone) return done(service, request, principal, view, asked);
  if (view.job.state == job::JobState::kFailed) return failed(view, asked.separate_export_status);
  const auto wait = take_poll(service, view);
  if (!wait) return error_response(wait.error());
  auto response = running(view, *wait, asked.separate_export_status);
  if (!asked.partial_manifests) return response;
  auto page = read_page(service, principal, view.job, asked, {});
  if (!page) return request_error(request, page.error());
  if (*page) set_manifest(response, std::move(**page));
  return response;
}

http::Response export_page(Service& service, const http::Request& request,
                           const Principal& principal) {
  const auto found = find_job(service, request, principal, {.kind = smart::AuditKind::kStatus});
  if (!found) return request_error(request, found.error());
  const auto& view = found->view;
  const auto& asked = found->request->asked;
  if (found->request->unreadable) return lost_job(request, *found);
  const Error missing =
      not_found(fmt::format("the job has no page '{}'", shortened(request.parameter("page"), 64)));
  if (found->request->import || !asked.partial_manifests) return request_error(request, missing);
  if (view.job.state == job::JobState::kFailed) return failed(view, asked.separate_export_status);
  const auto position = bulk::parse_page_position(request.parameter("page"));
  if (!position) return request_error(request, missing);
  auto page = read_page(service, principal, view.job, asked, *position);
  if (view.job.state == job::JobState::kDone)
    return done_page(request, view, asked, std::move(page));
  if (!page) return request_error(request, page.error());
  // No link leads to what is not to be shown yet.
  if (!*page) return request_error(request, missing);
  auto response = running(view, retry_after(service, view), asked.separate_export_status);
  set_manifest(response, std::move(**page));
  return response;
}

http::Response export_delete(Service& service, const http::Request& request,
                             const Principal& principal) {
  const auto found = find_job(service, request, principal, {.kind = smart::AuditKind::kDelete});
  if (!found) return request_error(request, found.error());
  const std::string& id = found->view.job.id;
  const auto removed = service.engine.remove(id);
  if (!removed) return request_error(request, removed.error());
  service.polls->forget(id);
  service.job_requests->forget(id);
  spdlog::info("job deleted id={} job={}", request.id, id);
  if (found->request->cohort)
    return information(202,
                       "The making of the Group is cancelled or forgotten; what was written stays");
  if (found->request->unreadable) return information(202, "The job is deleted");
  return information(202, found->request->import
                              ? "The import is cancelled or forgotten; what was committed stays"
                              : "The export is deleted");
}

}  // namespace sluice::api
