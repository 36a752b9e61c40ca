#include "api/jobs/export_views.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "api/core/access.h"
#include "base/utf8.h"
#include "bulk/table/stored_views.h"
#include "fhir/additional_resources.h"
#include "json/json_tokens.h"
#include "json/json_walk.h"
#include "table/view.h"

namespace sluice::api {
namespace {

using fhir::types::kViewDefinition;

constexpr smart::Permissions kReading{smart::Permissions::kRead};

Result<bulk::StoredView> find_stored(const Service& service, const http::Request& request,
                                     const Principal& principal, const fhir::Parameter& parameter) {
  if (principal.claims != nullptr &&
      !principal.claims->scopes.permissions_for_some(kViewDefinition).all_of(kReading))
    return not_covered("ViewDefinition");
  const std::string base_url = service.base_url(request);
  const bulk::StoredViewScope scope{
      service.store, service.store.last_commit().sequence, base_url, [&](std::string_view json) {
        return covers(service, request, principal, kViewDefinition, kReading, json);
      }};
  if (parameter.kind == "valueReference")
    return bulk::find_view_by_reference(scope, parameter.value);
  if (parameter.kind == "valueCanonical")
    return bulk::find_view_by_canonical(scope, parameter.value);
  return bulk::find_view(scope, parameter.value);
}

Result<bulk::RequestedView> compiled(bulk::TableRequest table, const std::string& shown) {
  const auto view = table::View::compile(table.definition);
  if (!view)
    return Error{ErrorKind::kUnprocessable, fmt::format("{}: {}", shown, view.error().message),
                 view.error().detail};
  if (!view->name().empty()) table.name = view->name();
  return bulk::RequestedView{std::move(table), view->type()};
}

Result<bulk::RequestedView> from_body(const std::string& text) {
  fhir::JsonTokens tokens;
  SLUICE_RETURN_IF_ERROR(tokens.read(text));
  const auto type = fhir::string_member(tokens, 0, "resourceType");
  if (type != "ViewDefinition")
    return Error{ErrorKind::kUnprocessable,
                 fmt::format("the resource is no ViewDefinition but '{}'",
                             shortened(type.value_or(""), 64))};
  return compiled(
      {.name = fhir::string_member(tokens, 0, "id").value_or("view"), .definition = text},
      "the ViewDefinition of the request");
}

}  // namespace

std::function<Result<bulk::RequestedView>(const fhir::Parameter&)> view_finder(
    const Service& service, const http::Request& request, const Principal& principal) {
  return [&](const fhir::Parameter& parameter) -> Result<bulk::RequestedView> {
    if (parameter.kind == "resource") return from_body(parameter.value);
    SLUICE_ASSIGN_OR_RETURN(auto found, find_stored(service, request, principal, parameter));
    std::string source = found.source();
    return compiled({.name = found.id.id, .definition = std::move(found.json), .source = source},
                    source);
  };
}

}  // namespace sluice::api
