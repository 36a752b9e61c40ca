#include "rest/validation.h"

#include "fhir/additional_resources.h"
#include "json/json_tokens.h"
#include "search/cohort.h"
#include "table/view.h"

namespace sluice::rest {
namespace {

Result<void> check_view(std::string_view json) {
  const auto view = table::View::compile(json);
  if (view) return {};
  return Error{ErrorKind::kUnprocessable, "ViewDefinition: " + view.error().message,
               view.error().detail};
}

}  // namespace

Result<void> validate(const fhir::IncomingResource& resource, MemberFilters filters,
                      Leniency leniency) {
  const bool is_group = resource.type == fhir::types::kGroup;
  if (!is_group && leniency == Leniency::kLenient) return {};
  const fhir::JsonTokens tokens = resource.tokens();
  if (leniency == Leniency::kStrict)
    SLUICE_RETURN_IF_ERROR(fhir::check_shape(tokens, resource.type));
  if (leniency == Leniency::kStrict && resource.type == fhir::types::kViewDefinition)
    SLUICE_RETURN_IF_ERROR(check_view(resource.content));
  if (!is_group) return {};
  SLUICE_ASSIGN_OR_RETURN(const auto cohort,
                          search::read_cohort(tokens, {}, search::Strictness::kWholeProfile));
  if (cohort && filters == MemberFilters::kRefused)
    return Error{ErrorKind::kUnsupported,
                 "a Group with member-filter is written by a POST or PUT of its own only"};
  return {};
}

std::vector<std::string> find_issues(const fhir::JsonTokens& tokens, std::string_view json,
                                     fhir::ResourceType type) {
  auto issues = fhir::find_validation_issues(tokens, type);
  if (issues.empty() && type == fhir::types::kViewDefinition)
    if (const auto view = check_view(json); !view) issues.push_back(view.error().message);
  return issues;
}

}  // namespace sluice::rest
