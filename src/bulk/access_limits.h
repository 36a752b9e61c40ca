// What a scope with a query lets a client see, as an export keeps it: by type, whatever the
// export reads the type for.
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "search/canonical_query.h"
#include "search/matcher.h"
#include "search/query.h"
#include "search/resource_filter.h"

namespace sluice::bulk {

/// The limit of some types; a type that no AccessLimit names has none.
struct AccessLimit {
  std::vector<fhir::ResourceType> types;
  search::QueryLimit limit;
  friend bool operator==(const AccessLimit&, const AccessLimit&) = default;
};

/// The limit of one type; none when no AccessLimit names it.
search::QueryLimit limit_of(const std::vector<AccessLimit>& limits, fhir::ResourceType type);

/// Limits compiled. Immutable, thread-safe.
class AccessFilters {
 public:
  static Result<AccessFilters> compile(const std::vector<AccessLimit>& limits,
                                       const search::QueryOptions& options);

  bool limits(fhir::ResourceType type) const { return by_type_.contains(type); }
  /// Whether a resource may be seen.
  Result<bool> pass(search::Matcher& matcher, fhir::ResourceType type, std::string_view json) const;

 private:
  std::map<fhir::ResourceType, search::ResourceFilter> by_type_;
};

}  // namespace sluice::bulk
