#include "api/jobs/cohort_requests.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/core/fhir_response.h"
#include "api/core/request_headers.h"
#include "api/core/resource_headers.h"
#include "api/jobs/job_kickoff.h"
#include "api/rest/cohort_definition.h"
#include "api/rest/resource_interactions.h"
#include "base/bytes.h"
#include "base/log.h"
#include "bulk/group/cohort_job.h"
#include "fhir/resource_reader.h"
#include "rest/interactions.h"
#include "rest/validation.h"
#include "search/cohort.h"

namespace sluice::api {
namespace {

using Operation = bulk::CohortRequest::Operation;
using Kind = rest::Condition::Kind;

constexpr std::size_t kIdBytes = 16;

// The version that the write must find, known to hold now; the job checks it again.
Result<std::optional<std::uint32_t>> version_wanted(const Service& service,
                                                    const fhir::ResourceId& key,
                                                    const rest::Condition& condition) {
  if (condition.kind == Kind::kNone) return std::optional<std::uint32_t>();
  SLUICE_ASSIGN_OR_RETURN(const auto record,
                          service.store.read(key, service.store.last_commit().sequence));
  const std::uint32_t current = record ? record->version : 0;
  const bool holds = condition.kind == Kind::kAbsent ? current == 0
                     : condition.kind == Kind::kPresent
                         ? current != 0
                         : current != 0 && current == condition.version;
  if (holds) return std::optional(current);
  return Error{ErrorKind::kPreconditionFailed,
               fmt::format("{}: the condition does not hold for Group/{}",
                           condition.kind == Kind::kAbsent ? "If-None-Match" : "If-Match", key.id)};
}

smart::Permissions letter_of(Operation operation) {
  return {operation == Operation::kCreate ? smart::Permissions::kCreate
                                          : smart::Permissions::kUpdate};
}

/// What is asked for; nullopt when it is no cohort.
Result<std::optional<bulk::CohortRequest>> read_request(const Service& service,
                                                        const http::Request& request,
                                                        const Principal& principal,
                                                        Operation operation) {
  SLUICE_RETURN_IF_ERROR(check_formats(request));
  SLUICE_RETURN_IF_ERROR(check_body_type(request));
  bulk::CohortRequest asked;
  asked.operation = operation;
  asked.base_url = service.base_url(request);
  fhir::ResourceReader reader({}, asked.base_url);
  auto resource = operation == Operation::kCreate
                      ? reader.read_as_new(json_body(request), random_hex(kIdBytes))
                      : reader.read(json_body(request));
  // What is wrong with other bodies, the synchronous way says.
  if (!resource || resource->type != fhir::types::kGroup)
    return std::optional<bulk::CohortRequest>();
  SLUICE_RETURN_IF_ERROR(
      rest::validate(*resource, rest::MemberFilters::kAllowed, service.options.leniency));
  SLUICE_ASSIGN_OR_RETURN(const auto cohort, cohort_of(*resource));
  if (!cohort) return std::optional<bulk::CohortRequest>();
  SLUICE_RETURN_IF_ERROR(take_kick_off(service, request, principal));
  if (operation == Operation::kUpdate && resource->id != request.parameter("id"))
    return invalid("the resource's id is not that of the address");
  if (request.headers.count("If-None-Exist") > 0)
    return Error{ErrorKind::kUnsupported, "If-None-Exist is not supported"};
  SLUICE_RETURN_IF_ERROR(authorize_cohort(service, request, principal, *resource));
  SLUICE_ASSIGN_OR_RETURN(const auto condition, read_condition(request));
  if (operation == Operation::kCreate && condition.kind != Kind::kNone)
    return Error{ErrorKind::kUnsupported, "a create takes neither If-Match nor If-None-Match"};
  asked.group_id = resource->id;
  asked.url = operation == Operation::kCreate ? asked.base_url + "/Group"
                                              : asked.base_url + "/Group/" + asked.group_id;
  if (operation == Operation::kCreate) {
    asked.version = 0;
  } else {
    SLUICE_ASSIGN_OR_RETURN(
        asked.version, version_wanted(service, {fhir::types::kGroup, asked.group_id}, condition));
  }
  SLUICE_ASSIGN_OR_RETURN(const auto preferences, read_preferences(request));
  asked.wants_resource = preferences.returned == Preferences::Return::kRepresentation;
  asked.stores_members = service.options.stores_cohorts;
  SLUICE_ASSIGN_OR_RETURN(asked.group_json, with_limits_of(principal, *cohort, resource->tokens()));
  if (principal.claims != nullptr)
    asked.group_limit = principal.claims->scopes.limit(fhir::types::kGroup, letter_of(operation));
  return std::optional(std::move(asked));
}

Result<job::Job> start(Service& service, const http::Request& request, const Principal& principal,
                       const bulk::CohortRequest& asked) {
  return start_job(
      service, request, principal,
      {.kind = bulk::CohortJobs::kName,
       .authorize = {},  // it was, while the request was read
       .request = [&](const store::Commit&) -> Result<std::string> { return serialize(asked); },
       .event = {.kind = asked.operation == Operation::kCreate ? smart::AuditKind::kResourceCreated
                                                               : smart::AuditKind::kResourceUpdated,
                 .description = "asynchronously, by filters",
                 .subject = "Group/" + asked.group_id}});
}

/// nullopt when the request goes the synchronous way.
Result<std::optional<http::Response>> write_async(Service& service, const http::Request& request,
                                                  const Principal& principal, Operation operation) {
  SLUICE_ASSIGN_OR_RETURN(const auto preferences, read_preferences(request));
  if (!preferences.respond_async) return std::optional<http::Response>();
  SLUICE_ASSIGN_OR_RETURN(const auto asked, read_request(service, request, principal, operation));
  if (!asked) return std::optional<http::Response>();
  SLUICE_ASSIGN_OR_RETURN(const auto job, start(service, request, principal, *asked));
  spdlog::info("cohort id={} job={} group={}", request.id, job.id, asked->group_id);
  return std::optional(accepted("The Group is being made", asked->base_url, job, false));
}

http::Response write_group(Service& service, const http::Request& request,
                           const Principal& principal, Operation operation,
                           fhir::ResourceType type) {
  auto response = write_async(service, request, principal, operation);
  if (!response) return request_error(request, response.error());
  if (*response) return std::move(**response);
  return operation == Operation::kCreate ? create_resource(service, request, principal, type)
                                         : update_resource(service, request, principal, type);
}

}  // namespace

http::Response create_group(Service& service, const http::Request& request,
                            const Principal& principal, fhir::ResourceType type) {
  return write_group(service, request, principal, Operation::kCreate, type);
}

http::Response update_group(Service& service, const http::Request& request,
                            const Principal& principal, fhir::ResourceType type) {
  return write_group(service, request, principal, Operation::kUpdate, type);
}

}  // namespace sluice::api
