// Which resources of a type belong to an export: by _typeFilter (P-05) and by what the client may
// see.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/export/request/access_limits.h"
#include "fhir/resource_type.h"
#include "query/bounds.h"
#include "search/matcher.h"
#include "search/query.h"
#include "store/store.h"

namespace sluice::bulk {

struct ExportRequest;

/// A search that limits one type: "category=laboratory&status=final".
struct TypeFilter {
  fhir::ResourceType type;
  std::string query;
  friend bool operator==(const TypeFilter&, const TypeFilter&) = default;
};

/// Reads "Observation?category=laboratory". kInvalid or kUnsupported names what is not understood:
/// no part of a filter is ignored. Adds its cost to `cost`.
Result<TypeFilter> parse_type_filter(std::string_view text, std::string_view base_url,
                                     search::QueryCost* cost = nullptr);
/// The filter that lenient handling uses when parts are not understood (P-04, P-05): the understood
/// parameters; if there are none, a filter that matches nothing, so that the export never grows.
/// Adds a sentence to `skipped` for each skipped part. Errors as parse_type_filter, except
/// kUnsupported.
Result<TypeFilter> known_part_of_type_filter(std::string_view text, std::string_view base_url,
                                             std::vector<std::string>& skipped,
                                             search::QueryCost* cost = nullptr);
/// The filters in a value of _typeFilter, which may be separated by commas: a comma separates only
/// when a resource type and '?' follow; other commas belong to a filter's values. Returns at most
/// `filters_max` filters and the unsplit remainder.
std::vector<std::string> split_type_filters(std::string_view value, std::size_t filters_max);
/// The types whose resources a filter reads in addition to its own (chains, _has).
Result<std::vector<fhir::ResourceType>> types_read_by(const TypeFilter& filter,
                                                      std::string_view base_url);

/// The filters of one export, compiled, chains resolved as of its snapshot. Immutable, thread-safe.
class ExportFilters {
 public:
  /// May read whole types, for chains. `bounds` end that.
  static Result<ExportFilters> prepare(const store::Store& store, const ExportRequest& request,
                                       const store::Commit& snapshot,
                                       const query::Bounds& bounds = {});

  bool empty() const { return by_type_.empty(); }
  /// Whether some type is limited, by a filter or by what may be seen.
  bool limits_any() const { return !by_type_.empty() || access_.limits_any(); }
  bool hides_some(fhir::ResourceType type) const { return access_.limits(type); }
  bool limits(fhir::ResourceType type) const { return by_type_.contains(type); }
  /// When only resources of a type with certain ids can pass: these, sorted, unique.
  std::optional<std::vector<std::string>> ids_of(fhir::ResourceType type) const;
  /// When only resources in certain patients' compartments can: the patients, sorted, unique.
  std::optional<std::vector<std::string>> patients_of(fhir::ResourceType type) const;
  /// Whether a resource may be seen.
  Result<bool> sees(search::Matcher& matcher, fhir::ResourceType type,
                    std::string_view json) const {
    return access_.pass(matcher, type, json);
  }
  /// Whether a resource may be seen and passes one of its type's filters, or its type has none.
  Result<bool> pass(search::Matcher& matcher, fhir::ResourceType type, std::string_view json) const;

 private:
  AccessFilters access_;
  std::map<fhir::ResourceType, std::vector<search::Query>> by_type_;
};

}  // namespace sluice::bulk
