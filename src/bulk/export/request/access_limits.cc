#include "bulk/export/request/access_limits.h"

#include <algorithm>
#include <utility>

#include "fhir/binary_content.h"
#include "fhir/reference.h"

namespace sluice::bulk {

search::QueryLimit limit_of(const std::vector<AccessLimit>& limits, fhir::ResourceType type) {
  for (const auto& limit : limits)
    if (std::find(limit.types.begin(), limit.types.end(), type) != limit.types.end())
      return limit.limit;
  return {};
}

Result<AccessFilters> AccessFilters::compile(const AccessLimits& limits,
                                             const search::QueryOptions& options) {
  AccessFilters filters;
  filters.contexts_ = limits.contexts;
  filters.base_url_ = options.base_url;
  for (const auto& [types, limit] : limits.by_query) {
    for (const auto type : types) {
      SLUICE_ASSIGN_OR_RETURN(auto filter, search::ResourceFilter::compile(type, limit, options));
      if (filter.limits()) filters.by_type_.emplace(type, std::move(filter));
    }
  }
  return filters;
}

Result<bool> AccessFilters::passes_context(std::string_view json) const {
  SLUICE_ASSIGN_OR_RETURN(const auto context, fhir::read_security_context(json));
  if (!context) return true;
  const auto reference = fhir::parse_reference(*context, base_url_);
  return reference && std::binary_search(contexts_->begin(), contexts_->end(), reference->type);
}

Result<bool> AccessFilters::pass(search::Matcher& matcher, fhir::ResourceType type,
                                 std::string_view json) const {
  if (contexts_ && type == fhir::types::kBinary) {
    SLUICE_ASSIGN_OR_RETURN(const bool passes, passes_context(json));
    if (!passes) return false;
  }
  const auto found = by_type_.find(type);
  if (found == by_type_.end()) return true;
  return found->second.passes(matcher, json);
}

}  // namespace sluice::bulk
