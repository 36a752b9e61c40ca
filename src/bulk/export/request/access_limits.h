// What a client may see, as an export stores it, for every purpose of reading a resource: by
// the queries of its scopes, for Binaries by their securityContext, and by the Groups that the
// client is limited to.
#pragma once

#include <map>
#include <optional>
#include <string>
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

/// Of a client that may export certain Groups and nothing else: what it may learn of is what
/// such exports could give it.
struct GroupLimit {
  std::vector<std::string> groups;  ///< ids, sorted
  /// The types that its scopes cover, sorted; nullopt: all.
  std::optional<std::vector<fhir::ResourceType>> types = std::nullopt;
};

struct AccessLimits {
  std::vector<AccessLimit> by_query = {};
  /// The types that a Binary's securityContext may name, sorted: those that the client may read.
  /// nullopt: any, and what is not of this server too.
  std::optional<std::vector<fhir::ResourceType>> contexts = std::nullopt;
  std::optional<GroupLimit> groups = std::nullopt;
};

/// The limit of one type; none when no AccessLimit names it.
search::QueryLimit limit_of(const std::vector<AccessLimit>& limits, fhir::ResourceType type);

/// Limits compiled. Immutable, thread-safe.
class AccessFilters {
 public:
  static Result<AccessFilters> compile(const AccessLimits& limits,
                                       const search::QueryOptions& options);

  bool limits(fhir::ResourceType type) const {
    return by_type_.contains(type) || (contexts_ && type == fhir::types::kBinary);
  }
  bool limits_any() const { return !by_type_.empty() || contexts_.has_value(); }
  /// Whether a resource may be seen.
  Result<bool> pass(search::Matcher& matcher, fhir::ResourceType type, std::string_view json) const;

 private:
  Result<bool> passes_context(std::string_view json) const;

  std::optional<std::vector<fhir::ResourceType>> contexts_;
  std::string base_url_;
  std::map<fhir::ResourceType, search::ResourceFilter> by_type_;
};

}  // namespace sluice::bulk
