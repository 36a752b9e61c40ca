#include "rest/validation.h"

#include "json/json_tokens.h"
#include "search/cohort.h"

namespace sluice::rest {

Result<void> validate(const fhir::IncomingResource& resource, MemberFilters filters,
                      Leniency leniency) {
  const bool is_group = resource.type == fhir::types::kGroup;
  if (!is_group && leniency == Leniency::kLenient) return {};
  const fhir::JsonTokens tokens = resource.tokens();
  if (leniency == Leniency::kStrict)
    SLUICE_RETURN_IF_ERROR(fhir::check_shape(tokens, resource.type));
  if (!is_group) return {};
  SLUICE_ASSIGN_OR_RETURN(const auto cohort,
                          search::read_cohort(tokens, {}, search::Strictness::kWholeProfile));
  if (cohort && filters == MemberFilters::kRefused)
    return Error{ErrorKind::kUnsupported,
                 "a Group with member-filter is written by a POST or PUT of its own only"};
  return {};
}

}  // namespace sluice::rest
