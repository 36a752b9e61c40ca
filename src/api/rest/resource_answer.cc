#include "api/rest/resource_answer.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "api/core/access.h"
#include "api/core/audit.h"
#include "api/core/fhir_response.h"
#include "api/core/resource_headers.h"
#include "api/rest/capability.h"
#include "fhir/operation_outcome.h"

namespace sluice::api {

std::string name_of(const fhir::ResourceId& key) {
  return fmt::format("{}/{}", fhir::type_name(key.type), key.id);
}

Result<WriteOptions> read_write_options(const http::Request& request, bool is_raw) {
  SLUICE_RETURN_IF_ERROR(check_formats(request, is_raw));
  // Conditions by search must not be lost: the write would be done where it was not wanted.
  if (request.headers.count("If-None-Exist") > 0)
    return Error{ErrorKind::kUnsupported, "If-None-Exist is for creates"};
  return read_write_headers(request, is_raw);
}

Result<WriteOptions> read_write_headers(const http::Request& request, bool is_raw) {
  WriteOptions options;
  SLUICE_ASSIGN_OR_RETURN(options.preferences, read_preferences(request));
  if (is_raw && !options.preferences.states_return)
    options.preferences.returned = Preferences::Return::kMinimal;
  SLUICE_ASSIGN_OR_RETURN(options.condition, read_condition(request));
  return options;
}

Result<void> check_type(const Service& service, const fhir::IncomingResource& resource,
                        fhir::ResourceType type, rest::MemberFilters filters) {
  if (is_own_definition(resource.type, resource.id)) return own_definition_error(resource.id);
  if (resource.type == type) return rest::validate(resource, filters, service.options.leniency);
  return invalid(fmt::format("the resource is a {}, the address is one of {}",
                             fhir::type_name(resource.type), fhir::type_name(type)));
}

Result<void> audit_resource(const Service& service, const http::Request& request,
                            const Principal& principal, smart::AuditKind kind,
                            const std::string& subject, const std::string& why) {
  return audit(
      service, request, principal,
      {.kind = kind,
       .outcome = why.empty() ? smart::AuditOutcome::kSuccess : smart::AuditOutcome::kMinor,
       .description = why,
       .subject = subject});
}

http::Response answer(const http::Request& request, Result<http::Response> response) {
  if (!response) return request_error(request, response.error());
  return std::move(*response);
}

http::Response patch_answer(http::Response response) {
  if (response.status == 415) response.headers.set("Accept-Patch", std::string(kJsonPatch));
  return response;
}

void set_version(http::Response& response, const rest::Stored& stored) {
  response.headers.set("ETag", entity_tag(stored.version));
  response.headers.set("Last-Modified", to_http_date(stored.last_updated));
  response.last_modified = stored.last_updated;
}

std::vector<std::string> passed_faults(const Service& service, const http::Request& request,
                                       const fhir::ResourceId& key, std::string_view json,
                                       const std::vector<std::uint32_t>& token_offsets) {
  if (service.options.leniency == rest::Leniency::kStrict) return {};
  auto faults =
      rest::find_issues(fhir::JsonTokens::known_or_read(json, token_offsets), json, key.type);
  // Names of elements are the client's and may be anything: the log has their number.
  if (!faults.empty())
    spdlog::warn("stored with faults id={} resource={} faults={}", request.id, name_of(key),
                 faults.size());
  return faults;
}

std::string outcome_of_write(std::string_view done, const std::vector<std::string>& faults) {
  std::vector<fhir::OutcomeIssue> issues = {{"information", "informational", done}};
  for (const auto& fault : faults) issues.push_back({"warning", "structure", fault});
  return fhir::operation_outcome(issues);
}

http::Response written_response(const Service& service, const http::Request& request,
                                const Preferences& preferences, const fhir::ResourceId& key,
                                rest::Written written) {
  const int status = written.created ? 201 : 200;
  const auto faults =
      passed_faults(service, request, key, written.stored.json, written.token_offsets);
  http::Response response;
  response.status = status;
  // When there is no room for it the resource is left out: it is a preference, and the write is
  // done.
  auto share = std::make_shared<http::MemoryBudget::Share>(*service.answers);
  if (preferences.returned == Preferences::Return::kRepresentation &&
      share->grow_to(written.stored.json.capacity())) {
    response = fhir_response(status, std::move(written.stored.json));
    response.share = std::move(share);
  }
  if (preferences.returned == Preferences::Return::kOperationOutcome)
    response = fhir_response(
        status,
        outcome_of_write(fmt::format("{} is version {} now", name_of(key), written.stored.version),
                         faults));
  set_version(response, written.stored);
  // What the answer tells of is this version (RFC 9110 section 8.7).
  const std::string location = version_url(service, request, key, written.stored.version);
  response.headers.set("Content-Location", location);
  if (written.created) response.headers.set("Location", location);
  return response;
}

Result<Preferences> preferences_for_result(const Service& service, const http::Request& request,
                                           const Principal& principal, fhir::ResourceType type,
                                           std::string_view json, Preferences preferences) {
  if (preferences.returned != Preferences::Return::kRepresentation) return preferences;
  SLUICE_ASSIGN_OR_RETURN(const bool readable, covers(service, request, principal, type,
                                                      {smart::Permissions::kRead}, json));
  if (!readable) preferences.returned = Preferences::Return::kMinimal;
  return preferences;
}

std::string version_url(const Service& service, const http::Request& request,
                        const fhir::ResourceId& key, std::uint32_t version) {
  return fmt::format("{}/{}/_history/{}", service.base_url(request), name_of(key), version);
}

}  // namespace sluice::api
