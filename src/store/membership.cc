#include "store/membership.h"

#include "fhir/group_members.h"

namespace sluice::store {

std::optional<Instant> Member::member_since(Instant at) const {
  const auto period = fhir::MemberPeriods(periods).at(at);
  if (!period) return std::nullopt;
  if (period->from > stated) return period->from;
  // The period covers the commit too, so what was known then still holds.
  return since;
}

}  // namespace sluice::store
