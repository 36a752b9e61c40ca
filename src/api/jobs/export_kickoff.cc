#include "api/jobs/export_kickoff.h"

#include <fmt/format.h>

#include "api/core/access.h"
#include "api/core/fhir_response.h"
#include "api/core/request_headers.h"
#include "api/core/resource_headers.h"
#include "api/jobs/export_access.h"
#include "api/jobs/export_views.h"
#include "api/jobs/job_kickoff.h"
#include "base/log.h"
#include "base/utf8.h"
#include "bulk/export/job/export_job.h"
#include "bulk/export/request/stored_export.h"
#include "fhir/parameters.h"
#include "fhir/resource_type.h"

namespace sluice::api {
namespace {

void append(std::vector<fhir::Parameter>& parameters, const http::NameValues& pairs) {
  for (const auto& [name, value] : pairs) parameters.push_back({name, value, "query"});
}

// The parameters of the query and, for a POST, of the body: a Parameters resource or a form.
Result<std::vector<fhir::Parameter>> read_parameters(const http::Request& request) {
  std::vector<fhir::Parameter> parameters;
  append(parameters, request.query);
  if (request.method != "POST" || request.body.empty()) return parameters;
  const std::string type = content_type(request);
  if (type == "application/x-www-form-urlencoded") {
    SLUICE_ASSIGN_OR_RETURN(const auto form, http::parse_query(request.body));
    append(parameters, form);
    return parameters;
  }
  SLUICE_RETURN_IF_ERROR(check_json_type(type));
  SLUICE_ASSIGN_OR_RETURN(auto body, fhir::read_nested_parameters(json_body(request)));
  for (auto& each : body) {
    if (!each.resource.empty()) {
      each.value.kind = "resource";
      each.value.value = std::move(each.resource);
    } else if (each.value.kind.empty()) {
      return invalid(
          fmt::format("the parameter '{}' cannot have parts", shortened(each.value.name, 64)));
    }
    parameters.push_back(std::move(each.value));
  }
  return parameters;
}

struct KickOff {
  bulk::ExportRequest request;
  bool lenient = false;
};

Result<KickOff> read_kick_off(const Service& service, const http::Request& request,
                              const Principal& principal, bulk::ExportLevel level) {
  SLUICE_ASSIGN_OR_RETURN(const auto preferences, begin_kick_off(service, request, principal));
  SLUICE_ASSIGN_OR_RETURN(const auto parameters, read_parameters(request));
  const std::string base_url = service.base_url(request);
  SLUICE_ASSIGN_OR_RETURN(
      auto parsed,
      bulk::parse_export_request(parameters, {level, preferences.handling_lenient, base_url,
                                              view_finder(service, request, principal)}));
  parsed.separate_export_status = preferences.separate_export_status;
  const std::string path = request.target.substr(std::min(kFhirPath.size(), request.target.size()));
  parsed.url = base_url + path;
  if (level == bulk::ExportLevel::kGroup) {
    parsed.history_of_new_members = service.options.history_of_new_members;
    parsed.group_id = request.parameter("id");
    if (!fhir::is_valid_id(parsed.group_id))
      return not_found(fmt::format("there is no Group/{}", shortened(parsed.group_id, 64)));
  }
  return KickOff{std::move(parsed), preferences.handling_lenient};
}

Result<job::Job> start(Service& service, const http::Request& request, const Principal& principal,
                       KickOff& kick_off) {
  bulk::ExportRequest& asked = kick_off.request;
  if (principal.client != nullptr)
    asked.attachment_access = principal.client->file_access == smart::FileAccess::kToken
                                  ? bulk::AttachmentAccess::kToken
                                  : bulk::AttachmentAccess::kCapability;
  const auto bounds = slow_bounds(service, request, slot_of(service, request));
  return start_job(
      service, request, principal,
      {.kind = bulk::ExportJobs::kName,
       .authorize = [&] { return authorize_export(principal, asked); },
       .request = [&](const store::Commit& snapshot) -> Result<std::string> {
         SLUICE_RETURN_IF_ERROR(
             bulk::check_against_store(service.store, asked, snapshot, kick_off.lenient, bounds));
         return serialize(asked);
       },
       .event = {.kind = smart::AuditKind::kKickOff,
                 .request = asked.url,
                 .scope = principal.claims ? principal.claims->scopes.to_string() : ""}});
}

}  // namespace

http::Response export_kickoff(Service& service, const http::Request& request,
                              const Principal& principal, bulk::ExportLevel level) {
  // A kick-off makes something, so it is not for HEAD, which has no effect.
  if (request.method == "HEAD")
    return request_error(request, {ErrorKind::kMethodNotAllowed, "a kick-off is a GET or a POST"});
  auto kick_off = read_kick_off(service, request, principal, level);
  if (!kick_off) return request_error(request, kick_off.error());
  bulk::ExportRequest& asked = kick_off->request;
  const auto job = start(service, request, principal, *kick_off);
  if (!job) return request_error(request, job.error());
  spdlog::info("kick-off id={} job={} level={} sequence={}", request.id, job->id,
               level == bulk::ExportLevel::kSystem    ? "system"
               : level == bulk::ExportLevel::kPatient ? "patient"
                                                      : "group",
               job->snapshot.sequence.value);
  return accepted("The export was accepted", asked.base_url, *job, asked.separate_export_status);
}

}  // namespace sluice::api
