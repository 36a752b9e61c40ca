// The text of a Group that is defined by filters (the Bulk Cohort profile): its content, and what
// the server adds to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "json/json_tokens.h"

namespace sluice::fhir {

inline constexpr std::string_view kMemberFilterUrl =
    "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/member-filter";
inline constexpr std::string_view kMembersRefreshedUrl =
    "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/members-refreshed";

/// The server's own: what the filters may see of a type.
inline constexpr std::string_view kCohortLimitUrl = "urn:sluice:cohort-limit";

/// Whether the checked Group whose text `tokens` hold has a member-filter, well formed or not.
bool is_cohort(const JsonTokens& tokens);

/// The url of an unknown modifier extension of the checked Group, its members or characteristics;
/// nullopt when there is none. A program that does not know it must not interpret the Group (FHIR
/// R4, extensibility).
std::optional<std::string> unknown_modifier(const JsonTokens& tokens);

/// False for a text that holds no modifier extension for sure; reads it once, at memory speed.
bool may_be_cohort(std::string_view group_json);

/// Resources of a type that count for the filters must match one of these queries, as scopes spell
/// them; several limits of one type must all be met.
struct CohortLimit {
  std::string type;
  std::vector<std::string> queries;
};

/// The profile's elements of a Group.
struct CohortText {
  struct Filter {
    std::string language;
    std::string expression;  ///< both empty when there is no valueExpression
  };
  std::vector<Filter> filters;
  std::vector<CohortLimit> limits = {};
  std::string type;  ///< "person", "practitioner", "device" ...
  bool has_name = false;
  bool has_characteristic = false;
  bool has_members = false;
  std::optional<bool> actual;
};

/// nullopt for a Group without member-filter. kCorrupt when the text is no JSON object. A modifier
/// extension that unknown_modifier() finds is kUnprocessable, with a member-filter or without.
Result<std::optional<CohortText>> read_cohort_text(std::string_view group_json);
/// The same of a checked Group whose tokens are known.
Result<std::optional<CohortText>> read_cohort_text(const JsonTokens& group);

/// The Group's text with the members-refreshed extension of an evaluation and the `quantity` that
/// it found; without an evaluation, with neither. Everything else stays byte for
/// byte.
struct Refreshed {
  Instant at;
  std::uint64_t quantity = 0;
};
Result<std::string> with_refreshed(std::string_view group_json,
                                   const std::optional<Refreshed>& refreshed);

/// The text with these limits in place of any others. Everything else stays byte for
/// byte.
Result<std::string> with_limits(std::string_view group_json,
                                const std::vector<CohortLimit>& limits);
/// The same of a checked Group whose tokens are known.
Result<std::string> with_limits(const JsonTokens& group, const std::vector<CohortLimit>& limits);

}  // namespace sluice::fhir
