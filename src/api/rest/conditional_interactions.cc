#include "api/rest/conditional_interactions.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/core/access.h"
#include "api/core/audit.h"
#include "api/core/fhir_response.h"
#include "api/core/request_headers.h"
#include "api/core/resource_headers.h"
#include "api/rest/binary_resource.h"
#include "api/rest/cascade_delete.h"
#include "api/rest/resource_answer.h"
#include "api/rest/resource_search.h"
#include "base/bytes.h"
#include "query/matches.h"
#include "rest/conditional.h"
#include "rest/json_patch.h"

namespace sluice::api {
namespace {

// Of one request, when several may be deleted: they are one transaction.
constexpr std::size_t kDeletedMax = 1000;

smart::AuditKind audit_kind_of(rest::Intent::Kind kind) {
  switch (kind) {
    case rest::Intent::Kind::kCreate:
      return smart::AuditKind::kResourceCreated;
    case rest::Intent::Kind::kUpdate:
      return smart::AuditKind::kResourceUpdated;
    case rest::Intent::Kind::kDelete:
      return smart::AuditKind::kResourceDeleted;
    case rest::Intent::Kind::kLeave:
      break;
  }
  return smart::AuditKind::kResourceRead;
}

smart::Permissions needed_of(rest::Intent::Kind kind) {
  using smart::Permissions;
  const Permissions search{Permissions::kSearch};
  if (kind == rest::Intent::Kind::kUpdate) return search | Permissions{Permissions::kUpdate};
  if (kind == rest::Intent::Kind::kDelete) return search | Permissions{Permissions::kDelete};
  return search;
}

// The query of the address: what is left without _format.
Result<search::Parameters> read_query(const http::Request& request, bool any_accept = false) {
  search::Parameters filters;
  std::optional<std::string> format;
  for (const auto& [name, value] : request.query) {
    if (name == "_format")
      format = value;
    else
      filters.emplace_back(name, value);
  }
  if (format || !any_accept) SLUICE_RETURN_IF_ERROR(check_format(request, format));
  if (request.headers.count("If-None-Exist") > 0)
    return Error{ErrorKind::kUnsupported, "If-None-Exist is for creates"};
  // Without a condition it would be meant for every resource of the type.
  if (filters.empty()) return invalid("the address has neither an id nor a search parameter");
  return filters;
}

Result<search::Parameters> read_if_none_exist(const Service& service, const http::Request& request,
                                              fhir::ResourceType type) {
  SLUICE_RETURN_IF_ERROR(check_formats(request, is_raw_upload(request, type)));
  if (request.headers.count("If-None-Exist") > 1)
    return invalid("there is more than one If-None-Exist header");
  std::string_view query = *request.headers.get("If-None-Exist");
  SLUICE_ASSIGN_OR_RETURN(query, rest::query_of_condition(query, type, service.base_url(request)));
  SLUICE_ASSIGN_OR_RETURN(auto filters, search::parse_query_string(query));
  if (filters.empty()) return invalid("If-None-Exist has no search parameter");
  return filters;
}

/// One conditional interaction: its search, its audit lines.
class Conditional {
 public:
  Conditional(Service& service, const http::Request& request, const Principal& principal,
              fhir::ResourceType type)
      : service_(service), request_(request), principal_(principal), type_(type) {}

  /// Finds what matches, at most `most` and one more. The right to search the type comes first:
  /// that something matches tells of it.
  Result<query::Matches> find(const search::Parameters& filters, std::size_t most) {
    SLUICE_RETURN_IF_ERROR(authorize_search(service_, request_, principal_, type_));
    SLUICE_ASSIGN_OR_RETURN(const auto query,
                            search::Query::compile(type_, filters,
                                                   {.base_url = service_.base_url(request_),
                                                    .now = service_.clock.now()}));
    SLUICE_RETURN_IF_ERROR(authorize_query(service_, request_, principal_, query));
    names_ = names_of(filters);
    auto matches =
        query::Matches::find(service_.store, query, most + 1, search_bounds(service_, request_));
    if (!matches) return search_error(service_, matches.error());
    return matches;
  }

  rest::Watch watch() {
    rest::Watch watch{[this](const std::vector<rest::Intent>& intents) -> Result<void> {
      intents_ = intents;
      for (const auto& intent : intents) SLUICE_RETURN_IF_ERROR(write_line(intent, {}));
      return {};
    }};
    // What a search for it would not show decides nothing: the client would learn of it.
    if (type_ == fhir::types::kBinary)
      watch.may_use = [this](rest::Intent::Kind kind, const rest::Stored& stored) {
        return authorize_content(principal_, type_, stored.json, needed_of(kind),
                                 service_.base_url(request_));
      };
    return watch;
  }

  /// After an error: that what was announced came to nothing.
  template <class Value>
  Result<Value> finish(Result<Value> outcome) {
    if (outcome) return outcome;
    if (intents_.empty())
      SLUICE_RETURN_IF_ERROR(audit(service_, request_, principal_,
                                   {.kind = smart::AuditKind::kResourceSearch,
                                    .outcome = smart::AuditOutcome::kMinor,
                                    .description = fmt::format("condition by {}: {}", names_,
                                                               to_string(outcome.error().kind)),
                                    .subject = std::string(fhir::type_name(type_))}));
    for (const auto& intent : intents_)
      SLUICE_RETURN_IF_ERROR(write_line(intent, std::string(to_string(outcome.error().kind))));
    return search_error(service_, std::move(outcome).error());
  }

 private:
  Result<void> write_line(const rest::Intent& intent, const std::string& why) {
    return audit(
        service_, request_, principal_,
        {.kind = audit_kind_of(intent.kind),
         .outcome = why.empty() ? smart::AuditOutcome::kSuccess : smart::AuditOutcome::kMinor,
         .description = fmt::format("condition by {}{}{}", names_, why.empty() ? "" : ": ", why),
         .subject = name_of(intent.key)});
  }

  Service& service_;
  const http::Request& request_;
  const Principal& principal_;
  const fhir::ResourceType type_;
  std::string names_;
  std::vector<rest::Intent> intents_;
};

Result<http::Response> create_now(Service& service, const http::Request& request,
                                  const Principal& principal, fhir::ResourceType type) {
  SLUICE_ASSIGN_OR_RETURN(const auto filters, read_if_none_exist(service, request, type));
  SLUICE_ASSIGN_OR_RETURN(const auto options,
                          read_write_headers(request, is_raw_upload(request, type)));
  if (options.condition.kind != rest::Condition::Kind::kNone)
    return Error{ErrorKind::kUnsupported, "a create takes neither If-Match nor If-None-Match"};
  const std::string base_url = service.base_url(request);
  std::string uploaded;
  SLUICE_ASSIGN_OR_RETURN(const auto body, body_of(request, type, "", base_url, uploaded));
  SLUICE_ASSIGN_OR_RETURN(
      const auto resource,
      fhir::ResourceReader({}, base_url).read_as_new(body, random_hex(kIdBytes)));
  SLUICE_RETURN_IF_ERROR(check_type(service, resource, type));
  SLUICE_ASSIGN_OR_RETURN(const auto slot, take_slot(service, request));
  Conditional conditional(service, request, principal, type);
  SLUICE_ASSIGN_OR_RETURN(auto matches, conditional.find(filters, 1));
  SLUICE_ASSIGN_OR_RETURN(auto done, conditional.finish(rest::create_unless_found(
                                         service.store, matches, resource, conditional.watch())));
  // What was there may be nothing that its client may read.
  auto preferences = options.preferences;
  if (!done.written.created) {
    SLUICE_ASSIGN_OR_RETURN(preferences,
                            preferences_for_result(service, request, principal, type,
                                                   done.written.stored.json, preferences));
  }
  auto response =
      written_response(service, request, preferences, done.key, std::move(done.written));
  // Also of what was there: it is what the client wanted to create.
  response.headers.set("Location", response.headers.combined("Content-Location"));
  return response;
}

Result<http::Response> update_now(Service& service, const http::Request& request,
                                  const Principal& principal, fhir::ResourceType type) {
  const bool is_raw = is_raw_upload(request, type);
  SLUICE_ASSIGN_OR_RETURN(const auto filters, read_query(request, is_raw));
  SLUICE_ASSIGN_OR_RETURN(const auto options, read_write_headers(request, is_raw));
  const std::string base_url = service.base_url(request);
  std::string uploaded;
  SLUICE_ASSIGN_OR_RETURN(const auto body, body_of(request, type, "", base_url, uploaded));
  fhir::ResourceReader reader({}, base_url);
  const std::string new_id = random_hex(kIdBytes);
  SLUICE_ASSIGN_OR_RETURN(const auto resource, reader.read(body, new_id));
  SLUICE_RETURN_IF_ERROR(check_type(service, resource, type));
  const rest::SentResource sent{resource, new_id,
                                [&](std::string_view id) { return reader.read_again(id); }};
  SLUICE_ASSIGN_OR_RETURN(const auto slot, take_slot(service, request));
  Conditional conditional(service, request, principal, type);
  SLUICE_ASSIGN_OR_RETURN(auto matches, conditional.find(filters, 1));
  SLUICE_ASSIGN_OR_RETURN(
      auto done,
      conditional.finish(rest::update_found(
          service.store, matches, sent, options.condition,
          creates_by_update(principal, type) ? rest::Unmatched::kCreate : rest::Unmatched::kRefuse,
          conditional.watch())));
  return written_response(service, request, options.preferences, done.key, std::move(done.written));
}

Result<http::Response> patch_now(Service& service, const http::Request& request,
                                 const Principal& principal, fhir::ResourceType type) {
  SLUICE_ASSIGN_OR_RETURN(const auto filters, read_query(request));
  SLUICE_ASSIGN_OR_RETURN(const auto options, read_write_headers(request));
  if (options.condition.kind == rest::Condition::Kind::kAbsent)
    return Error{ErrorKind::kUnsupported, "a patch takes no If-None-Match"};
  SLUICE_RETURN_IF_ERROR(check_patch_type(request));
  SLUICE_ASSIGN_OR_RETURN(const auto patch, rest::JsonPatch::parse(json_body(request)));
  SLUICE_ASSIGN_OR_RETURN(const auto slot, take_slot(service, request));
  Conditional conditional(service, request, principal, type);
  SLUICE_ASSIGN_OR_RETURN(auto matches, conditional.find(filters, 1));
  const std::string base_url = service.base_url(request);
  SLUICE_ASSIGN_OR_RETURN(
      auto done, conditional.finish(rest::patch_found(service.store, matches,
                                                      {patch, base_url, service.options.leniency},
                                                      options.condition, conditional.watch())));
  SLUICE_ASSIGN_OR_RETURN(const auto preferences,
                          preferences_for_result(service, request, principal, type,
                                                 done.written.stored.json, options.preferences));
  return written_response(service, request, preferences, done.key, std::move(done.written));
}

Result<http::Response> delete_now(Service& service, const http::Request& request,
                                  const Principal& principal, fhir::ResourceType type) {
  SLUICE_RETURN_IF_ERROR(refuse_cascade_header(request));
  SLUICE_ASSIGN_OR_RETURN(const auto filters, read_query(request));
  SLUICE_ASSIGN_OR_RETURN(const auto options, read_write_headers(request));
  SLUICE_ASSIGN_OR_RETURN(const auto slot, take_slot(service, request));
  const std::size_t most = service.options.conditional_delete_of_several ? kDeletedMax : 1;
  Conditional conditional(service, request, principal, type);
  SLUICE_ASSIGN_OR_RETURN(auto matches, conditional.find(filters, most));
  SLUICE_ASSIGN_OR_RETURN(const std::size_t deleted, conditional.finish(rest::remove_found(
                                                         service.store, matches, most,
                                                         options.condition, conditional.watch())));
  if (options.preferences.returned == Preferences::Return::kOperationOutcome)
    return information(200,
                       fmt::format("{} {} resources are deleted", deleted, fhir::type_name(type)));
  http::Response response;
  response.status = 204;
  return response;
}

}  // namespace

http::Response create_resource_unless_found(Service& service, const http::Request& request,
                                            const Principal& principal, fhir::ResourceType type) {
  return answer(request, create_now(service, request, principal, type));
}

http::Response update_found_resource(Service& service, const http::Request& request,
                                     const Principal& principal, fhir::ResourceType type) {
  return answer(request, update_now(service, request, principal, type));
}

http::Response patch_found_resource(Service& service, const http::Request& request,
                                    const Principal& principal, fhir::ResourceType type) {
  return patch_answer(answer(request, patch_now(service, request, principal, type)));
}

http::Response delete_found_resources(Service& service, const http::Request& request,
                                      const Principal& principal, fhir::ResourceType type) {
  return answer(request, delete_now(service, request, principal, type));
}

}  // namespace sluice::api
