#include "api/jobs/job_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "api/core/access.h"
#include "api/core/audit.h"
#include "api/core/authentication.h"
#include "api/core/fhir_response.h"
#include "api/jobs/job_handlers.h"
#include "base/log.h"
#include "base/utf8.h"
#include "fhir/operation_outcome.h"

namespace sluice::api {
namespace {

using std::chrono::seconds;

// FHIR asynchronous requests: X-Progress is a text of less than 100 characters.
constexpr std::size_t kProgressTextMax = 99;

// S-01: how long a client that polls should wait, when this poll may be answered: kTooManyRequests
// otherwise (S-04).
Result<seconds> take_poll(const Service& service, const job::JobView& view) {
  const seconds wait = retry_after(service, view);
  if (service.polls->allow(view.job.id, wait)) return wait;
  return Error{ErrorKind::kTooManyRequests,
               fmt::format("the job is polled too often: wait {} s", wait.count()),
               {},
               wait};
}

// K-04: with `separate` the HTTP status is the polling's own.
void set_job_status(http::Response& response, bool separate, int status, std::string_view reason) {
  response.status = separate ? 200 : status;
  if (separate) response.headers.set("X-Export-Status", fmt::format("{} {}", status, reason));
}

// The status says that the job has ended, and nothing of what came of it.
http::Response ended_job(const FoundJob& found) {
  http::Response response;
  response.status = 303;
  response.headers.set("Location", found.traits.result_url);
  response.headers.set("Expires", to_http_date(found.view.job.expires));
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

bulk::ManifestStream::UrlSuffix file_url_suffix(const Service& service, const Principal& principal,
                                                const job::Job& job,
                                                std::optional<Instant> signed_until) {
  // On an open server nobody has a token.
  if (!principal.client || fetches_by_token(principal)) return {};
  const auto as_of = signed_until ? std::optional(job.snapshot.instant) : std::nullopt;
  const Instant expires = signed_until.value_or(job.expires);
  return [&signer = service.authorization->capabilities(), id = job.id, client = principal.client,
          expires, as_of](std::string_view name) -> Result<std::string> {
    SLUICE_ASSIGN_OR_RETURN(const auto capability,
                            signer.sign({id, name, client->generation}, expires, as_of));
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
    SLUICE_ASSIGN_OR_RETURN(auto view, service.engine.view(event.job_id));
    if (!owns(principal, view.job))
      return not_found(fmt::format("there is no job '{}'", shortened(event.job_id, 64)));
    FoundJob job{std::move(view)};
    job.handler = job_handlers_of(service).find(job.view.job.kind);
    if (job.handler == nullptr) {
      job.unreadable = corrupt("a stored job cannot be read",
                               fmt::format("there is no kind '{}'", job.view.job.kind));
      return job;
    }
    auto traits = job.handler->traits(job.view.job);
    if (!traits) {
      job.unreadable = std::move(traits).error();
      return job;
    }
    job.traits = *traits;
    SLUICE_RETURN_IF_ERROR(job.handler->authorize(principal, job.view.job));
    return job;
  };
  auto found = find();
  if (!found) {
    event.outcome = smart::AuditOutcome::kSerious;
    event.description = found.error().message;
    event.job_id.resize(shortened(event.job_id, 64).size());
  }
  SLUICE_RETURN_IF_ERROR(audit(service, request, principal, std::move(event)));
  return found;
}

// nothing is known of the job but whose it was.
http::Response lost_job(const http::Request& request, const FoundJob& found) {
  spdlog::error("request failed id={} job={} detail=\"{}\"", request.id, found.view.job.id,
                found.unreadable->detail);
  const std::string& why = found.view.job.failure;
  return fhir_response(500,
                       fhir::operation_outcome(
                           "fatal", "exception",
                           "The job failed: " + (why.empty() ? found.unreadable->message : why)));
}

http::Response running_job(const FoundJob& found, seconds wait) {
  http::Response response;
  set_job_status(response, found.traits.separate_export_status, 202, "Accepted");
  response.headers.set("X-Progress",
                       progress_text(found.view, found.handler->progress(found.view)));
  response.headers.set("Retry-After", fmt::to_string(wait.count()));
  return response;
}

http::Response done_job(const FoundJob& found, http::Response response) {
  set_job_status(response, found.traits.separate_export_status, 200, "OK");
  response.headers.set("Expires", to_http_date(found.view.job.expires));
  return response;
}

http::Response failed_job(const FoundJob& found) {
  auto response = fhir_response(
      500, fhir::operation_outcome(
               "fatal", "exception",
               fmt::format("{}: {}", found.handler->words().failed, found.view.job.failure)));
  set_job_status(response, found.traits.separate_export_status, 500, "Internal Server Error");
  return response;
}

http::Response job_status(Service& service, const http::Request& request,
                          const Principal& principal) {
  const auto found = find_job(service, request, principal, {.kind = smart::AuditKind::kStatus});
  if (!found) return request_error(request, found.error());
  if (found->unreadable) return lost_job(request, *found);
  const job::JobView& view = found->view;
  if (view.job.state != job::JobState::kRunning && !found->traits.result_url.empty())
    return ended_job(*found);
  if (view.job.state == job::JobState::kFailed) return failed_job(*found);
  if (view.job.state == job::JobState::kDone) {
    auto result = found->handler->result(service, request, principal, view);
    if (!result) return request_error(request, result.error());
    return done_job(*found, std::move(*result));
  }
  const auto wait = take_poll(service, view);
  if (!wait) return error_response(wait.error());
  auto response = running_job(*found, *wait);
  const auto added = found->handler->add_early_result(service, principal, view, response);
  if (!added) return request_error(request, added.error());
  return response;
}

http::Response job_result(Service& service, const http::Request& request,
                          const Principal& principal) {
  const auto found = find_job(service, request, principal, {.kind = smart::AuditKind::kStatus});
  if (!found) return request_error(request, found.error());
  if (found->unreadable) return lost_job(request, *found);
  const job::JobView& view = found->view;
  if (found->traits.result_url.empty() || view.job.state == job::JobState::kRunning)
    return request_error(request, not_found("the job has no result here"));
  if (view.job.state == job::JobState::kFailed) return failed_job(*found);
  auto result = found->handler->result(service, request, principal, view);
  if (!result) return request_error(request, result.error());
  return done_job(*found, std::move(*result));
}

http::Response job_delete(Service& service, const http::Request& request,
                          const Principal& principal) {
  const auto found = find_job(service, request, principal, {.kind = smart::AuditKind::kDelete});
  if (!found) return request_error(request, found.error());
  const std::string& id = found->view.job.id;
  const auto removed = service.engine.remove(id);
  if (!removed) return request_error(request, removed.error());
  service.polls->forget(id);
  spdlog::info("job deleted id={} job={}", request.id, id);
  return information(
      202, found->unreadable ? "The job is deleted" : std::string(found->handler->words().deleted));
}

}  // namespace sluice::api
