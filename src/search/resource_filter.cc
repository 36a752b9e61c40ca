#include "search/resource_filter.h"

#include <utility>

namespace sluice::search {

Result<ResourceFilter> ResourceFilter::compile(fhir::ResourceType type, const QueryLimit& limit,
                                               const QueryOptions& options) {
  ResourceFilter filter;
  for (const auto& alternatives : limit) {
    std::vector<Query> queries;
    for (const auto& text : alternatives) {
      SLUICE_ASSIGN_OR_RETURN(auto query, Query::compile(type, text, options));
      if (query.needs_resolver())
        return Error{ErrorKind::kUnsupported,
                     "chained parameters and _has cannot limit what may be seen"};
      queries.push_back(std::move(query));
    }
    filter.parts_.push_back(std::move(queries));
  }
  return filter;
}

Result<bool> ResourceFilter::passes(Matcher& matcher, std::string_view resource) const {
  for (const auto& queries : parts_) {
    SLUICE_ASSIGN_OR_RETURN(const bool matches, matcher.matches_any(queries, resource));
    if (!matches) return false;
  }
  return true;
}

Result<bool> ResourceFilter::passes(Matcher& matcher, const fhir::JsonTokens& resource) const {
  for (const auto& queries : parts_) {
    SLUICE_ASSIGN_OR_RETURN(const bool matches, matcher.matches_any(queries, resource));
    if (!matches) return false;
  }
  return true;
}

}  // namespace sluice::search
