// Reading the members of a Group resource.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"

namespace sluice::fhir {

/// The members of a Group as they count at one instant (G-01): those that are not inactive and
/// whose period, if any, contains the instant.
struct GroupMembers {
  std::vector<std::string> patients;  ///< Patient ids, sorted, unique
  std::vector<std::string> groups;    ///< nested Groups' ids, sorted, unique
};

/// Reads `member` of a stored Group line; other kinds of members are skipped. Works for a million
/// members in one pass. kCorrupt when the line is not a Group. `base_url` as in parse_reference.
Result<GroupMembers> read_group_members(std::string_view group_json, Instant at,
                                        std::string_view base_url = {});

}  // namespace sluice::fhir
