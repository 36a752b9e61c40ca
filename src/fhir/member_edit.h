// Adds members to the text of a Group and removes them, without interpreting the rest of it, which
// stays byte for byte. group_members reads who counts as a member.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::fhir {

/// One entry of Group.member, as a change names it.
/// The most members that one change names.
inline constexpr std::size_t kMembersMax = 100'000;

struct MemberEntry {
  std::string json;       ///< the entry as it was sent
  std::string reference;  ///< "Patient/1"; as it was sent when it is of another server
  std::string period;     ///< start and end as they were sent; empty when there is no period
  bool inactive = false;
  bool states_inactive = false;
};

/// The entries of `member` of the given Group, whose text must have passed a ResourceReader. The
/// Group may have only `member` and what every Group has (resourceType, id, type, actual, meta):
/// kInvalid names other elements, and an entry that has no entity.reference or is no object;
/// kTooLarge for more than kMembersMax.
Result<std::vector<MemberEntry>> read_member_entries(std::string_view group_json,
                                                     std::string_view base_url);

struct MemberEdit {
  std::string json;       ///< the Group's new text; empty when nothing changed
  std::size_t given = 0;  ///< different entries that the change named
  std::size_t added = 0;
  std::size_t removed = 0;  ///< removed entries; one request may remove several
  std::size_t absent = 0;   ///< entries named for removal that there were none of
};

/// Appends those of `entries` that the Group does not have: the same reference, period and
/// `inactive` count as the same. kUnprocessable when the Group is not `actual` or its `member` is
/// no list.
Result<MemberEdit> add_members(std::string_view group_json, const std::vector<MemberEntry>& entries,
                               std::string_view base_url);
/// Takes out all that have the reference of one of `entries`, and its period and `inactive` where
/// the entry states them. Errors as add_members().
Result<MemberEdit> remove_members(std::string_view group_json,
                                  const std::vector<MemberEntry>& entries,
                                  std::string_view base_url);

}  // namespace sluice::fhir
