#include "rest/validation.h"

#include "json/json_tokens.h"
#include "search/cohort.h"

namespace sluice::rest {

Result<void> validate(const fhir::IncomingResource& resource, MemberFilters filters,
                      Leniency leniency) {
  if (leniency == Leniency::kStrict) {
    fhir::JsonTokens tokens;
    SLUICE_RETURN_IF_ERROR(tokens.read(resource.content));
    SLUICE_RETURN_IF_ERROR(fhir::check_shape(tokens, resource.type));
  }
  if (resource.type != fhir::types::kGroup) return {};
  SLUICE_ASSIGN_OR_RETURN(
      const auto cohort,
      search::read_cohort(resource.content, {}, search::Strictness::kWholeProfile));
  if (cohort && filters == MemberFilters::kRefused)
    return Error{ErrorKind::kUnsupported,
                 "a Group with member-filter is written by a POST or PUT of its own only"};
  return {};
}

}  // namespace sluice::rest
