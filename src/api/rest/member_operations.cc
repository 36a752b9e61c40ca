#include "api/rest/member_operations.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "api/core/audit.h"
#include "api/core/fhir_response.h"
#include "api/core/request_headers.h"
#include "api/core/resource_headers.h"
#include "api/rest/cohort_definition.h"
#include "api/rest/resource_answer.h"
#include "base/log.h"
#include "base/utf8.h"
#include "fhir/member_edit.h"
#include "fhir/resource_reader.h"
#include "json/json_check.h"
#include "json/json_tokens.h"
#include "json/json_walk.h"
#include "rest/member_changes.h"

namespace sluice::api {
namespace {

using rest::MemberOperation;

constexpr std::size_t kDepthMax = 100;

std::string_view name_of(MemberOperation operation) {
  return operation == MemberOperation::kAdd ? "$add" : "$remove";
}
std::string_view parameter_of(MemberOperation operation) {
  return operation == MemberOperation::kAdd ? "additions" : "removals";
}

// The resource in the one parameter of a Parameters resource; the body itself when it is another
// resource, which an operation that takes nothing but a resource lets clients send so.
Result<std::string_view> resource_of(const fhir::JsonTokens& tokens, std::string_view parameter) {
  bool is_parameters = false;
  std::size_t list = 0;
  SLUICE_RETURN_IF_ERROR(
      fhir::each_member(tokens, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
        if (fhir::means(tokens.raw_string(key), "resourceType"))
          is_parameters =
              tokens.first(value) == '"' && fhir::means(tokens.raw_string(value), "Parameters");
        if (fhir::means(tokens.raw_string(key), "parameter")) list = value;
        return {};
      }));
  if (!is_parameters) return tokens.text();
  const Error wrong = invalid(fmt::format(
      "Parameters: one parameter '{}' with a Group as its resource is wanted", parameter));
  if (list == 0 || tokens.first(list) != '[') return wrong;
  std::size_t resource = 0;
  std::size_t count = 0;
  SLUICE_RETURN_IF_ERROR(fhir::each_element(tokens, list, [&](std::size_t entry) -> Result<void> {
    if (++count > 1 || tokens.first(entry) != '{') return wrong;
    return fhir::each_member(
        tokens, entry, [&](std::size_t key, std::size_t value) -> Result<void> {
          const std::string_view name = tokens.raw_string(key);
          if (fhir::means(name, "name"))
            return tokens.first(value) == '"' && fhir::means(tokens.raw_string(value), parameter)
                       ? Result<void>()
                       : wrong;
          if (!fhir::means(name, "resource") || tokens.first(value) != '{') return wrong;
          resource = value;
          return {};
        });
  }));
  if (resource == 0) return wrong;
  const std::size_t begin = tokens.begin(resource);
  return tokens.text().substr(begin, tokens.end(tokens.behind(resource) - 1) - begin);
}

Result<std::vector<fhir::MemberEntry>> read_body(const http::Request& request,
                                                 const std::string& group_id,
                                                 const std::string& base_url,
                                                 MemberOperation operation) {
  SLUICE_RETURN_IF_ERROR(check_body_type(request));
  fhir::JsonTokens tokens;
  SLUICE_RETURN_IF_ERROR(tokens.read(json_body(request)));
  SLUICE_RETURN_IF_ERROR(fhir::check_json_object(tokens, kDepthMax));
  SLUICE_ASSIGN_OR_RETURN(const auto text, resource_of(tokens, parameter_of(operation)));
  SLUICE_ASSIGN_OR_RETURN(const auto group,
                          fhir::ResourceReader({}, base_url).read(text, group_id));
  if (group.type != fhir::types::kGroup)
    return invalid(fmt::format("{} of a Group takes a Group with the members, not a {}",
                               name_of(operation), fhir::type_name(group.type)));
  if (group.id != group_id) return invalid("the Group's id is not that of the address");
  return fhir::read_member_entries(group.content, base_url);
}

Result<http::Response> change_now(Service& service, const http::Request& request,
                                  const Principal& principal, MemberOperation operation) {
  SLUICE_RETURN_IF_ERROR(check_formats(request));
  SLUICE_ASSIGN_OR_RETURN(const auto preferences, read_preferences(request));
  SLUICE_ASSIGN_OR_RETURN(const auto condition, read_condition(request));
  const std::string id(request.parameter("id"));
  if (!fhir::is_valid_id(id))
    return not_found(fmt::format("there is no Group/{}", shortened(id, 64)));
  const std::string base_url = service.base_url(request);
  SLUICE_ASSIGN_OR_RETURN(const auto entries, read_body(request, id, base_url, operation));
  const auto event = [&](smart::AuditOutcome outcome, const std::string& why) {
    return audit(service, request, principal,
                 {.kind = smart::AuditKind::kResourceUpdated,
                  .outcome = outcome,
                  .description = fmt::format("{} of {} members{}{}", name_of(operation),
                                             entries.size(), why.empty() ? "" : ": ", why),
                  .subject = "Group/" + id});
  };
  // Before the write, which cannot be taken back; one more when it came to nothing.
  SLUICE_RETURN_IF_ERROR(event(smart::AuditOutcome::kSuccess, {}));
  auto changed = service.member_changes->apply(service.store, id, operation, entries, condition,
                                               base_url, [&](const fhir::IncomingResource& group) {
                                                 return authorize_base_change(service, request,
                                                                              principal, group);
                                               });
  if (!changed) {
    SLUICE_RETURN_IF_ERROR(event(smart::AuditOutcome::kMinor, changed.error().message));
    return std::move(changed).error();
  }
  rest::Stored& stored = changed->stored;
  SLUICE_ASSIGN_OR_RETURN(const auto returned,
                          preferences_for_result(service, request, principal, fhir::types::kGroup,
                                                 stored.json, preferences));
  http::Response response;
  // The members may be long, so that it comes only to who asks for it.
  if (!preferences.states_return ||
      preferences.returned == Preferences::Return::kOperationOutcome) {
    const std::string what =
        operation == MemberOperation::kAdd
            ? fmt::format("{} added, {} there already", changed->added,
                          changed->given - changed->added)
            : fmt::format("{} removed, {} not there", changed->removed, changed->absent);
    response =
        information(200, fmt::format("{}: Group/{} is version {} now", what, id, stored.version));
  } else if (returned.returned == Preferences::Return::kRepresentation) {
    response = fhir_response(200, std::move(stored.json));
  }
  response.status = 200;
  response.headers.set("ETag", entity_tag(stored.version));
  response.headers.set("Last-Modified", to_http_date(stored.last_updated));
  return response;
}

}  // namespace

http::Response add_members(Service& service, const http::Request& request,
                           const Principal& principal, fhir::ResourceType) {
  return answer(request, change_now(service, request, principal, MemberOperation::kAdd));
}

http::Response remove_members(Service& service, const http::Request& request,
                              const Principal& principal, fhir::ResourceType) {
  return answer(request, change_now(service, request, principal, MemberOperation::kRemove));
}

}  // namespace sluice::api
