#include "api/jobs/import_kickoff.h"

#include <fmt/format.h>

#include "api/core/access.h"
#include "api/core/fhir_response.h"
#include "api/core/request_headers.h"
#include "api/core/resource_headers.h"
#include "api/jobs/job_kickoff.h"
#include "base/log.h"
#include "base/utf8.h"
#include "bulk/import/import_job.h"
#include "bulk/import/import_request.h"

namespace sluice::api {
namespace {

Result<bulk::ImportRequest> read_kick_off(const Service& service, const http::Request& request,
                                          const Principal& principal) {
  SLUICE_ASSIGN_OR_RETURN(const auto preferences, begin_kick_off(service, request, principal));
  if (!request.query.empty())
    return invalid(fmt::format("$import takes no query, but there is '{}'",
                               shortened(request.query.front().first, 64)));
  SLUICE_RETURN_IF_ERROR(check_json_type(content_type(request)));
  SLUICE_ASSIGN_OR_RETURN(
      auto asked, bulk::parse_import_request(json_body(request), service.options.import_rules));
  asked.separate_export_status = preferences.separate_export_status;
  asked.leniency = service.options.leniency;
  asked.base_url = service.base_url(request);
  asked.url = asked.base_url + "/$import";
  if (principal.client != nullptr && principal.claims != nullptr) {
    asked.searchable.emplace();
    for (const auto type : fhir::all_resource_types())
      // What a Binary's securityContext allows is not looked at here.
      if (type != fhir::types::kBinary && principal.claims->scopes.may_read_all(type))
        asked.searchable->push_back(type);
  }
  return asked;
}

Result<job::Job> start(Service& service, const http::Request& request, const Principal& principal,
                       const bulk::ImportRequest& asked) {
  return start_job(
      service, request, principal,
      {.kind = bulk::ImportJobs::kName,
       .authorize = [&] { return authorize_import(principal, asked); },
       .request = [&](const store::Commit&) -> Result<std::string> { return serialize(asked); },
       .event = {.kind = smart::AuditKind::kImport,
                 .description = fmt::format("{} inputs", asked.inputs.size()),
                 .request = asked.url,
                 .scope = principal.claims ? principal.claims->scopes.to_string() : ""}});
}

}  // namespace

Result<void> authorize_import(const Principal& principal, const bulk::ImportRequest& request) {
  if (principal.client == nullptr || principal.claims == nullptr) return {};
  if (principal.client->groups)
    return Error{ErrorKind::kForbidden, "this client is limited to its groups and imports nothing"};
  const auto& scopes = principal.claims->scopes;
  for (const auto type : request.types()) {
    if (!scopes.may_write(type))
      return not_covered(fmt::format("writing {}", fhir::type_name(type)));
    // One with member-filter would choose among all resources.
    if (type == fhir::types::kGroup && scopes.has_queries())
      return Error{
          ErrorKind::kForbidden,
          "imports of Groups want scopes without search queries: the access token has one"};
  }
  return {};
}

http::Response import_kickoff(Service& service, const http::Request& request,
                              const Principal& principal) {
  const auto asked = read_kick_off(service, request, principal);
  if (!asked) return request_error(request, asked.error());
  const auto job = start(service, request, principal, *asked);
  if (!job) return request_error(request, job.error());
  spdlog::info("import id={} job={} inputs={}", request.id, job->id, asked->inputs.size());
  return accepted("The import was accepted", asked->base_url, *job, asked->separate_export_status);
}

}  // namespace sluice::api
