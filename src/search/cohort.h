// The compiled filters of a Group that is defined by filters (the Bulk Cohort profile): its
// subjects and the resources that decide (G-03).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "json/json_tokens.h"
#include "search/canonical_query.h"
#include "search/query.h"

namespace sluice::search {

struct Cohort {
  fhir::ResourceType subject;  ///< Patient, Practitioner or Device
  std::string base_url = {};   ///< references to resources below it are our own
  /// Each of the subject's type, or of one of its compartment. All must hold: each by the subject
  /// itself, or by some resource of its compartment.
  std::vector<Query> filters = {};
  /// Whether `member` narrows the population that the filters choose from.
  bool has_members = false;
  /// What the filters and `member` see: the resources that the client which defined the Group may
  /// read. Types that are not named have no limit.
  std::map<fhir::ResourceType, QueryLimit> limits = {};

  /// All types whose resources decide: the client must be allowed to read them. Sorted, unique.
  std::vector<fhir::ResourceType> types_read() const;
};

/// Whether a Group that is written must keep to all of the profile.
enum class Strictness : std::uint8_t { kWholeProfile, kFiltersOnly };

/// nullopt for a Group without member-filter. kUnprocessable names what is against the profile, and
/// what of a filter is not understood: type, parameter, modifier, value. Nothing is left out.
Result<std::optional<Cohort>> read_cohort(std::string_view group_json, const QueryOptions& options,
                                          Strictness strictness);
/// The same of a checked Group whose tokens are known.
Result<std::optional<Cohort>> read_cohort(const fhir::JsonTokens& group,
                                          const QueryOptions& options, Strictness strictness);

}  // namespace sluice::search
