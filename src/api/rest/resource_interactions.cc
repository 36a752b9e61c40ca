#include "api/rest/resource_interactions.h"

#include <fmt/format.h>

#include <functional>

#include "api/core/fhir_response.h"
#include "api/core/request_headers.h"
#include "api/core/resource_headers.h"
#include "api/rest/binary_resource.h"
#include "api/rest/cascade_delete.h"
#include "api/rest/cohort_definition.h"
#include "api/rest/conditional_interactions.h"
#include "api/rest/resource_answer.h"
#include "api/rest/resource_view.h"
#include "base/bytes.h"
#include "base/utf8.h"
#include "fhir/operation_outcome.h"
#include "fhir/resource_reader.h"
#include "rest/interactions.h"
#include "rest/json_patch.h"
#include "rest/patch.h"
#include "rest/validation.h"

namespace sluice::api {
namespace {

Result<http::Response> stored_response(const http::Request& request, const ResourceView& view,
                                       fhir::ResourceType type, rest::Stored stored) {
  http::Response response;
  if (is_known(request, stored)) {
    response.status = 304;
  } else {
    SLUICE_ASSIGN_OR_RETURN(auto json, shown(view, type, std::move(stored.json)));
    response = fhir_response(200, std::move(json));
  }
  set_version(response, stored);
  // No cache on the way may keep a patient's data.
  response.headers.set("Cache-Control", "private, no-cache");
  return response;
}

Result<rest::Stored> audited_read(const Service& service, const http::Request& request,
                                  const Principal& principal, const fhir::ResourceId& key,
                                  Result<rest::Stored> found) {
  SLUICE_RETURN_IF_ERROR(audit_resource(service, request, principal,
                                        smart::AuditKind::kResourceRead, name_of(key),
                                        found ? std::string() : found.error().message));
  return found;
}

// What cannot be audited must not be done, and a write cannot be taken back: the line comes first,
// and one more when it came to nothing.
template <class Value>
Result<Value> audited_write(const Service& service, const http::Request& request,
                            const Principal& principal, smart::AuditKind kind,
                            const fhir::ResourceId& key,
                            const std::function<Result<Value>()>& write) {
  const std::string subject = name_of(key);
  SLUICE_RETURN_IF_ERROR(audit_resource(service, request, principal, kind, subject));
  auto outcome = write();
  if (!outcome)
    SLUICE_RETURN_IF_ERROR(
        audit_resource(service, request, principal, kind, subject, outcome.error().message));
  return outcome;
}

// Asked of what a write replaces; nothing to ask of most types.
rest::MayChange guard_of(const Service& service, const http::Request& request,
                         const Principal& principal, fhir::ResourceType type,
                         smart::Permissions permissions) {
  if (type != fhir::types::kBinary) return {};
  return [&principal, type, permissions,
          base_url = service.base_url(request)](const rest::Stored& stored) {
    return authorize_content(principal, type, stored.json, permissions, base_url);
  };
}

Result<http::Response> create_now(Service& service, const http::Request& request,
                                  const Principal& principal, fhir::ResourceType type) {
  SLUICE_ASSIGN_OR_RETURN(const auto options,
                          read_write_options(request, is_raw_upload(request, type)));
  if (options.condition.kind != rest::Condition::Kind::kNone)
    return Error{ErrorKind::kUnsupported, "a create takes neither If-Match nor If-None-Match"};
  const std::string base_url = service.base_url(request);
  std::string uploaded;
  SLUICE_ASSIGN_OR_RETURN(const auto body, body_of(request, type, "", base_url, uploaded));
  SLUICE_ASSIGN_OR_RETURN(
      auto read, fhir::ResourceReader({}, base_url).read_as_new(body, random_hex(kIdBytes)));
  SLUICE_RETURN_IF_ERROR(check_type(service, read, type, rest::MemberFilters::kAllowed));
  SLUICE_RETURN_IF_ERROR(authorize_cohort(service, request, principal, read));
  SLUICE_ASSIGN_OR_RETURN(const auto resource, as_definition(std::move(read), principal, base_url));
  const fhir::ResourceId key{type, resource.id};
  SLUICE_ASSIGN_OR_RETURN(
      auto written,
      audited_write<rest::Written>(service, request, principal, smart::AuditKind::kResourceCreated,
                                   key, [&] { return rest::create(service.store, resource); }));
  return written_response(service, request, options.preferences, key, std::move(written));
}

Result<http::Response> update_now(Service& service, const http::Request& request,
                                  const Principal& principal, fhir::ResourceType type) {
  SLUICE_ASSIGN_OR_RETURN(const auto options,
                          read_write_options(request, is_raw_upload(request, type)));
  const std::string_view id = request.parameter("id");
  if (!fhir::is_valid_id(id))
    return invalid("the id in the address is not 1 to 64 of A-Z a-z 0-9 '-' and '.'");
  const std::string base_url = service.base_url(request);
  std::string uploaded;
  SLUICE_ASSIGN_OR_RETURN(const auto body, body_of(request, type, id, base_url, uploaded));
  SLUICE_ASSIGN_OR_RETURN(auto read, fhir::ResourceReader({}, base_url).read(body));
  SLUICE_RETURN_IF_ERROR(check_type(service, read, type, rest::MemberFilters::kAllowed));
  SLUICE_RETURN_IF_ERROR(authorize_cohort(service, request, principal, read));
  SLUICE_ASSIGN_OR_RETURN(const auto resource, as_definition(std::move(read), principal, base_url));
  if (resource.id != id) return invalid("the resource's id is not that of the address");
  const fhir::ResourceId key{type, resource.id};
  SLUICE_ASSIGN_OR_RETURN(
      auto written, audited_write<rest::Written>(
                        service, request, principal, smart::AuditKind::kResourceUpdated, key, [&] {
                          return rest::update(service.store, resource, options.condition,
                                              guard_of(service, request, principal, type,
                                                       {smart::Permissions::kUpdate}));
                        }));
  return written_response(service, request, options.preferences, key, std::move(written));
}

Result<http::Response> patch_now(Service& service, const http::Request& request,
                                 const Principal& principal, fhir::ResourceType type) {
  SLUICE_ASSIGN_OR_RETURN(const auto options, read_write_options(request));
  if (options.condition.kind == rest::Condition::Kind::kAbsent)
    return Error{ErrorKind::kUnsupported, "a patch takes no If-None-Match"};
  SLUICE_RETURN_IF_ERROR(check_patch_type(request));
  SLUICE_ASSIGN_OR_RETURN(const auto key, key_of(request, type));
  SLUICE_ASSIGN_OR_RETURN(const auto patch, rest::JsonPatch::parse(json_body(request)));
  SLUICE_ASSIGN_OR_RETURN(
      auto written,
      audited_write<rest::Written>(
          service, request, principal, smart::AuditKind::kResourceUpdated, key, [&] {
            return rest::patch(
                service.store, key, patch, options.condition, service.base_url(request),
                guard_of(service, request, principal, type, {smart::Permissions::kUpdate}),
                service.options.leniency);
          }));
  SLUICE_ASSIGN_OR_RETURN(const auto preferences,
                          preferences_for_result(service, request, principal, type,
                                                 written.stored.json, options.preferences));
  return written_response(service, request, preferences, key, std::move(written));
}

Result<http::Response> delete_now(Service& service, const http::Request& request,
                                  const Principal& principal, fhir::ResourceType type) {
  SLUICE_ASSIGN_OR_RETURN(const auto options, read_write_options(request));
  SLUICE_ASSIGN_OR_RETURN(const auto key, key_of(request, type));
  SLUICE_ASSIGN_OR_RETURN(
      const auto version,
      audited_write<std::uint32_t>(
          service, request, principal, smart::AuditKind::kResourceDeleted, key, [&] {
            return rest::remove(
                service.store, key, options.condition,
                guard_of(service, request, principal, type, {smart::Permissions::kDelete}));
          }));
  http::Response response;
  response.status = 204;
  if (options.preferences.returned == Preferences::Return::kOperationOutcome)
    response = information(200, version == 0 ? fmt::format("there was no {}", name_of(key))
                                             : fmt::format("{} is deleted", name_of(key)));
  if (version != 0) response.headers.set("ETag", entity_tag(version));
  return response;
}

// What is sent as its bytes has no view.
Result<ResourceView> view_of(const http::Request& request, fhir::ResourceType type) {
  if (!wants_raw(request, type)) return read_view(request, type);
  SLUICE_RETURN_IF_ERROR(check_formats(request, true));
  return ResourceView();
}

// Reads a version, if the principal may see it, and sends it as the request wants it.
Result<http::Response> send_found(const Service& service, const http::Request& request,
                                  const Principal& principal, const fhir::ResourceId& key,
                                  const ResourceView& view, Result<rest::Stored> found) {
  if (found) {
    const auto allowed = authorize_content(principal, key.type, found->json,
                                           {smart::Permissions::kRead}, service.base_url(request));
    if (!allowed) found = allowed.error();
  }
  SLUICE_ASSIGN_OR_RETURN(auto stored,
                          audited_read(service, request, principal, key, std::move(found)));
  SLUICE_RETURN_IF_ERROR(check_if_match(request, stored));
  if (wants_raw(request, key.type)) return raw_response(request, stored);
  return stored_response(request, view, key.type, std::move(stored));
}

Result<http::Response> read_now(Service& service, const http::Request& request,
                                const Principal& principal, fhir::ResourceType type) {
  SLUICE_ASSIGN_OR_RETURN(const auto view, view_of(request, type));
  SLUICE_ASSIGN_OR_RETURN(const auto key, key_of(request, type));
  return send_found(service, request, principal, key, view, rest::read(service.store, key));
}

Result<http::Response> read_version_now(Service& service, const http::Request& request,
                                        const Principal& principal, fhir::ResourceType type) {
  SLUICE_ASSIGN_OR_RETURN(const auto view, view_of(request, type));
  SLUICE_ASSIGN_OR_RETURN(const auto key, key_of(request, type));
  const std::string_view text = request.parameter("version");
  const auto version = rest::version_number(text);
  if (!version)
    return not_found(
        fmt::format("there is no version '{}' of {}", shortened(text, 64), name_of(key)));
  return send_found(service, request, principal, key, view,
                    rest::read_version(service.store, key, *version));
}

}  // namespace

http::Response read_resource(Service& service, const http::Request& request,
                             const Principal& principal, fhir::ResourceType type) {
  return answer(request, read_now(service, request, principal, type));
}

http::Response read_resource_version(Service& service, const http::Request& request,
                                     const Principal& principal, fhir::ResourceType type) {
  return answer(request, read_version_now(service, request, principal, type));
}

http::Response create_resource(Service& service, const http::Request& request,
                               const Principal& principal, fhir::ResourceType type) {
  if (request.headers.count("If-None-Exist") > 0)
    return create_resource_unless_found(service, request, principal, type);
  return answer(request, create_now(service, request, principal, type));
}

http::Response update_resource(Service& service, const http::Request& request,
                               const Principal& principal, fhir::ResourceType type) {
  return answer(request, update_now(service, request, principal, type));
}

http::Response patch_resource(Service& service, const http::Request& request,
                              const Principal& principal, fhir::ResourceType type) {
  return patch_answer(answer(request, patch_now(service, request, principal, type)));
}

http::Response delete_resource(Service& service, const http::Request& request,
                               const Principal& principal, fhir::ResourceType type) {
  if (mentions_cascade(request)) return delete_with_compartment(service, request, principal, type);
  return answer(request, delete_now(service, request, principal, type));
}

}  // namespace sluice::api
