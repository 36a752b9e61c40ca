#include "api/import_kickoff.h"

#include <fmt/format.h>

#include "api/fhir_response.h"
#include "api/request_headers.h"
#include "base/log.h"
#include "bulk/import_job.h"
#include "bulk/import_request.h"

namespace sluice::api {
namespace {

Result<bulk::ImportRequest> read_kick_off(const Service& service, const http::Request& request) {
  if (!accepts_fhir_json(request))
    return Error{ErrorKind::kNotAcceptable,
                 fmt::format("Accept '{}' is not supported: use application/fhir+json",
                             request.headers.combined("Accept").substr(0, 64))};
  SLUICE_TRY(const auto preferences, read_preferences(request));
  if (service.options.require_respond_async && !preferences.respond_async)
    return invalid("this server wants the header Prefer: respond-async");
  if (!request.query.empty())
    return invalid(fmt::format("$import takes no query, but there is '{}'",
                               request.query.front().first.substr(0, 64)));
  const std::string type = content_type(request);
  if (type != kFhirJson && type != "application/json")
    return Error{ErrorKind::kUnsupportedMediaType,
                 fmt::format("Content-Type '{}' is not supported: use application/fhir+json",
                             type.substr(0, 64))};
  SLUICE_TRY(auto asked, bulk::parse_import_request(request.body, service.options.import_rules));
  asked.separate_export_status = preferences.separate_export_status;
  asked.leniency = service.options.leniency;
  asked.base_url = service.base_url(request);
  asked.url = asked.base_url + "/$import";
  return asked;
}

Result<job::Job> start(Service& service, const http::Request& request, const Principal& principal,
                       const bulk::ImportRequest& asked) {
  const auto event = [&](smart::AuditOutcome outcome, std::string job_id, std::string why) {
    return audit(service, request, principal,
                 {.kind = smart::AuditKind::kImport,
                  .outcome = outcome,
                  .description = std::move(why),
                  .job_id = std::move(job_id),
                  .request = asked.url,
                  .scope = principal.claims ? principal.claims->scopes.to_string() : ""});
  };
  std::size_t jobs_max = 0;
  if (principal.client != nullptr) {
    SLUICE_CHECK(service.authorization->take_kick_off(*principal.client, request.peer_address));
    jobs_max = principal.client->limits.running_jobs;
  }
  if (const auto allowed = authorize_import(principal, asked); !allowed) {
    SLUICE_CHECK(event(smart::AuditOutcome::kSerious, {}, allowed.error().message));
    return allowed.error();
  }
  auto job = service.engine.submit(
      principal.client_id,
      [&](const store::Commit&) -> Result<std::string> { return serialize(asked); }, jobs_max,
      bulk::ImportJobs::kName);
  if (!job) return job;
  const auto audited =
      event(smart::AuditOutcome::kSuccess, job->id, fmt::format("{} inputs", asked.inputs.size()));
  if (!audited) {
    (void)service.engine.remove(job->id);
    return audited.error();
  }
  return job;
}

}  // namespace

http::Response import_kickoff(Service& service, const http::Request& request,
                              const Principal& principal) {
  const auto asked = read_kick_off(service, request);
  if (!asked) return request_error(request, asked.error());
  const auto job = start(service, request, principal, *asked);
  if (!job) return request_error(request, job.error());
  spdlog::info("import id={} job={} inputs={}", request.id, job->id, asked->inputs.size());
  const std::string location = status_url(asked->base_url, job->id);
  auto response = information(202, "The import was accepted: its status is at " + location);
  response.headers.set("Content-Location", location);
  if (asked->separate_export_status)
    response.headers.set("Preference-Applied", "respond-async, separate-export-status");
  return response;
}

}  // namespace sluice::api
