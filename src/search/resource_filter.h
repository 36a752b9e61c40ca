// A compiled QueryLimit: which resources of one type a client may see or change.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "search/canonical_query.h"
#include "search/matcher.h"
#include "search/query.h"

namespace sluice::search {

/// Immutable, thread-safe, cheap to copy.
class ResourceFilter {
 public:
  /// Passes everything.
  ResourceFilter() = default;
  /// Errors of Query::compile; kUnsupported for a query that depends on other resources (chained
  /// parameters, _has), because a decision about a resource must not read others.
  static Result<ResourceFilter> compile(fhir::ResourceType type, const QueryLimit& limit,
                                        const QueryOptions& options);

  bool limits() const { return !parts_.empty(); }
  /// `resource`: as Matcher::matches.
  Result<bool> passes(Matcher& matcher, std::string_view resource) const;
  Result<bool> passes(Matcher& matcher, const fhir::JsonTokens& resource) const;

 private:
  std::vector<std::vector<Query>> parts_;
};

}  // namespace sluice::search
