#include "bulk/access_limits.h"

#include <algorithm>
#include <utility>

namespace sluice::bulk {

search::QueryLimit limit_of(const std::vector<AccessLimit>& limits, fhir::ResourceType type) {
  for (const auto& limit : limits)
    if (std::find(limit.types.begin(), limit.types.end(), type) != limit.types.end())
      return limit.limit;
  return {};
}

Result<AccessFilters> AccessFilters::compile(const std::vector<AccessLimit>& limits,
                                             const search::QueryOptions& options) {
  AccessFilters filters;
  for (const auto& [types, limit] : limits) {
    for (const auto type : types) {
      SLUICE_TRY(auto filter, search::ResourceFilter::compile(type, limit, options));
      if (filter.limits()) filters.by_type_.emplace(type, std::move(filter));
    }
  }
  return filters;
}

Result<bool> AccessFilters::pass(search::Matcher& matcher, fhir::ResourceType type,
                                 std::string_view json) const {
  const auto found = by_type_.find(type);
  if (found == by_type_.end()) return true;
  return found->second.passes(matcher, json);
}

}  // namespace sluice::bulk
