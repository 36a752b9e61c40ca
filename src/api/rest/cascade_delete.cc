#include "api/rest/cascade_delete.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/core/access.h"
#include "api/core/audit.h"
#include "api/core/fhir_response.h"
#include "api/core/resource_headers.h"
#include "api/rest/resource_answer.h"
#include "base/utf8.h"
#include "rest/cascade.h"

namespace sluice::api {
namespace {

constexpr std::string_view kParameter = "_cascade";
constexpr const char* kHeader = "X-Cascade";

Result<void> check_value(std::string_view name, std::string_view value) {
  if (value == "delete") return {};
  return Error{ErrorKind::kUnsupported,
               fmt::format("{} '{}' is not supported: use delete", name, shortened(value, 64))};
}

Result<void> check_cascade(const http::Request& request, fhir::ResourceType type) {
  std::optional<std::string> format;
  for (const auto& [name, value] : request.query) {
    if (name == kParameter) {
      SLUICE_RETURN_IF_ERROR(check_value(name, value));
    } else if (name == "_format") {
      format = value;
    } else {
      return Error{ErrorKind::kUnsupported,
                   fmt::format("the parameter '{}' is not supported here", shortened(name, 64))};
    }
  }
  SLUICE_RETURN_IF_ERROR(check_format(request, format));
  if (request.headers.count(kHeader) > 0)
    SLUICE_RETURN_IF_ERROR(check_value(kHeader, request.headers.combined(kHeader)));
  if (type != fhir::types::kPatient)
    return Error{ErrorKind::kUnsupported,
                 fmt::format("{} is for Patients: a {} has no compartment here", kParameter,
                             fhir::type_name(type))};
  if (request.headers.count("If-None-Exist") > 0)
    return Error{ErrorKind::kUnsupported, "If-None-Exist is for creates"};
  return {};
}

/// One such deletion: who may, and its audit lines.
class CascadeDelete {
 public:
  CascadeDelete(Service& service, const http::Request& request, const Principal& principal,
                fhir::ResourceId patient)
      : service_(service), request_(request), principal_(principal), patient_(std::move(patient)) {}

  Result<rest::CascadeOutcome> run(const rest::Condition& condition) {
    rest::CascadeCalls calls;
    calls.may_remove = [this](const auto& types) { return may_remove(types); };
    calls.announce = [this](const auto& keys) { return announce(keys); };
    auto outcome = rest::remove_with_compartment(service_.store, patient_.id, condition,
                                                 service_.options.cascade_max, calls);
    // What was announced came to nothing, or it was not even announced.
    if (!outcome)
      SLUICE_RETURN_IF_ERROR(audit_resource(
          service_, request_, principal_, smart::AuditKind::kResourceDeleted, name_of(patient_),
          fmt::format("with the compartment: {}", to_string(outcome.error().kind))));
    return outcome;
  }

 private:
  Result<void> may_remove(const std::vector<fhir::ResourceType>& types) const {
    std::string refused;
    for (const auto type : types)
      if (!authorize_resource(principal_, type, {smart::Permissions::kDelete}))
        refused.append(refused.empty() ? "" : ", ").append(fhir::type_name(type));
    if (refused.empty()) return {};
    Error error{ErrorKind::kForbidden,
                fmt::format("the access token's scopes do not cover deleting {}", refused)};
    SLUICE_RETURN_IF_ERROR(audit(service_, request_, principal_,
                                 {.kind = smart::AuditKind::kAccessRefused,
                                  .outcome = smart::AuditOutcome::kSerious,
                                  .description = error.message,
                                  .subject = name_of(patient_)}));
    return error;
  }

  // What cannot be audited must not be done.
  Result<void> announce(const std::vector<fhir::ResourceId>& keys) const {
    if (service_.authorization == nullptr) return {};
    std::vector<smart::AuditEvent> events;
    events.reserve(keys.size());
    for (const auto& key : keys)
      events.push_back({.kind = smart::AuditKind::kResourceDeleted,
                        .description = "with the compartment of " + name_of(patient_),
                        .subject = name_of(key)});
    return audit_all(service_, request_, principal_, std::move(events));
  }

  Service& service_;
  const http::Request& request_;
  const Principal& principal_;
  const fhir::ResourceId patient_;
};

Result<http::Response> delete_now(Service& service, const http::Request& request,
                                  const Principal& principal, fhir::ResourceType type) {
  SLUICE_RETURN_IF_ERROR(check_cascade(request, type));
  SLUICE_ASSIGN_OR_RETURN(const auto options, read_write_headers(request));
  SLUICE_ASSIGN_OR_RETURN(auto key, key_of(request, type));
  // One store has the limits of one interaction with one type; this one is with many.
  SLUICE_RETURN_IF_ERROR(
      refuse_scope_queries(service, request, principal, "deletions with _cascade"));
  SLUICE_ASSIGN_OR_RETURN(const auto slot, take_slot(service, request));
  SLUICE_ASSIGN_OR_RETURN(const auto deleted,
                          CascadeDelete(service, request, principal, key).run(options.condition));
  http::Response response;
  response.status = 204;
  if (options.preferences.returned == Preferences::Return::kOperationOutcome)
    response = information(
        200, fmt::format("{} and {} resources of the compartment are deleted",
                         deleted.version == 0 ? fmt::format("no {}", name_of(key)) : name_of(key),
                         deleted.others));
  if (deleted.version != 0) response.headers.set("ETag", entity_tag(deleted.version));
  return response;
}

}  // namespace

bool mentions_cascade(const http::Request& request) {
  return request.headers.count(kHeader) > 0 ||
         std::any_of(request.query.begin(), request.query.end(),
                     [](const auto& parameter) { return parameter.first == kParameter; });
}

Result<void> refuse_cascade_header(const http::Request& request) {
  if (request.headers.count(kHeader) == 0) return {};
  return Error{ErrorKind::kUnsupported,
               fmt::format("{} is for the deletion of one Patient by its id", kHeader)};
}

http::Response delete_with_compartment(Service& service, const http::Request& request,
                                       const Principal& principal, fhir::ResourceType type) {
  return answer(request, delete_now(service, request, principal, type));
}

}  // namespace sluice::api
