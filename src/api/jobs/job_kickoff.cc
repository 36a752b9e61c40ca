#include "api/jobs/job_kickoff.h"

#include <fmt/format.h>

#include <optional>

#include "api/core/audit.h"
#include "api/core/fhir_response.h"
#include "api/core/resource_headers.h"

namespace sluice::api {

Result<void> take_kick_off(const Service& service, const http::Request& request,
                           const Principal& principal) {
  if (principal.client == nullptr) return {};
  return service.authorization->take_kick_off(*principal.client, request.peer_address);
}

Result<Preferences> begin_kick_off(const Service& service, const http::Request& request,
                                   const Principal& principal) {
  SLUICE_RETURN_IF_ERROR(take_kick_off(service, request, principal));
  SLUICE_RETURN_IF_ERROR(check_format(request, std::nullopt));
  SLUICE_ASSIGN_OR_RETURN(auto preferences, read_preferences(request));
  if (service.options.require_respond_async && !preferences.respond_async)
    return invalid("this server wants the header Prefer: respond-async");
  return preferences;
}

Result<job::Job> start_job(Service& service, const http::Request& request,
                           const Principal& principal, const JobStart& start) {
  std::size_t jobs_max = 0;
  std::string_view registration;
  if (principal.client != nullptr) {
    jobs_max = principal.client->limits.running_jobs;
    registration = principal.client->registration;
  }
  auto event = start.event;
  if (start.authorize) {
    if (const auto allowed = start.authorize(); !allowed) {
      event.outcome = smart::AuditOutcome::kSerious;
      event.description = allowed.error().message;
      SLUICE_RETURN_IF_ERROR(audit(service, request, principal, std::move(event)));
      return allowed.error();
    }
  }
  auto job =
      service.engine.submit(principal.client_id, start.request, jobs_max, start.kind, registration);
  if (!job) return job;
  event.job_id = job->id;
  if (const auto audited = audit(service, request, principal, std::move(event)); !audited) {
    (void)service.engine.remove(job->id);
    return audited.error();
  }
  return job;
}

http::Response accepted(std::string_view what, std::string_view base_url, const job::Job& job,
                        bool separate_export_status) {
  const std::string location = status_url(base_url, job.id);
  auto response = information(202, fmt::format("{}: its status is at {}", what, location));
  response.headers.set("Content-Location", location);
  if (separate_export_status)
    response.headers.set("Preference-Applied", "respond-async, separate-export-status");
  return response;
}

}  // namespace sluice::api
