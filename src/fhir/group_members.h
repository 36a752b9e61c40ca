// Reading the members of a Group resource (G-01), and the compact form in which they go to the
// store.
#pragma once

#include <compare>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "fhir/resource_type.h"
#include "json/json_tokens.h"

namespace sluice::fhir {

/// A time that a member's `period` names: from `from` until before `to`.
struct MemberPeriod {
  Instant from;
  Instant to;
  bool contains(Instant at) const { return from <= at && at < to; }
  friend bool operator==(const MemberPeriod&, const MemberPeriod&) = default;
};
/// The ends of a period that is open.
inline constexpr Instant kSinceEver{std::numeric_limits<std::int64_t>::min()};
inline constexpr Instant kForEver{std::numeric_limits<std::int64_t>::max()};

/// Periods in bytes, 16 each, sorted and apart from each other; no bytes at all mean always.
class MemberPeriods {
 public:
  explicit MemberPeriods(std::string_view encoded) : encoded_(encoded) {}
  /// The period around `at`; nullopt when there is none.
  std::optional<MemberPeriod> at(Instant at) const;

 private:
  std::string_view encoded_;
};

/// One member in an encoded list of members.
struct EncodedMember {
  /// Type in two bytes, big-endian, and id; or two zero bytes and an absolute URL that names a
  /// Patient or a Group on some server, which may be ours.
  std::string_view key;
  std::string_view periods;  ///< see MemberPeriods
};

/// The encoded members of the Group whose text `tokens` hold: patients and groups that are not
/// inactive, sorted by key, once each, with the union of their periods. Ignores members that cannot
/// be parsed. For a Group with member-filter, only that its members are pending. The text must have
/// passed check_json_object. `base_url` as in parse_reference.
std::string encode_members(const JsonTokens& tokens, std::string_view base_url);

/// Walks what encode_members returns.
class EncodedMembers {
 public:
  explicit EncodedMembers(std::string_view encoded) : rest_(encoded) {}
  /// The next entry, or nullopt at the end.
  std::optional<EncodedMember> next();

 private:
  std::string_view rest_;
};

/// The type code of an entry that is an absolute URL.
inline constexpr std::uint16_t kUrlMember = 0;
/// The type code of the only entry of a Group with member-filter whose members are not known yet:
/// `member` is the population that the filters choose from.
inline constexpr std::uint16_t kPendingCohort = 0xFFFE;

/// The encoded members of a Group that filters found. `ids` must be sorted and unique.
std::string encode_members(ResourceType subject, const std::vector<std::string>& ids);

/// The members of a Group as they count at one instant: those that are not inactive and whose
/// period, if any, contains the instant.
struct GroupMembers {
  std::vector<std::string> subjects;  ///< ids of the requested type, sorted, unique
  std::vector<std::string> groups;    ///< nested Groups' ids, sorted, unique
};

/// Reads `member` of a stored Group line and ignores its filters; skips members that are neither of
/// the type `subject` nor Groups. Works for a million members in one pass. kCorrupt when
/// the line is not a Group. `base_url` as in parse_reference.
Result<GroupMembers> read_group_members(std::string_view group_json, Instant at,
                                        std::string_view base_url = {},
                                        ResourceType subject = types::kPatient);

/// Whether read_group_members() would give any subject. Reads up to the first.
Result<bool> has_group_member(std::string_view group_json, Instant at,
                              std::string_view base_url = {},
                              ResourceType subject = types::kPatient);

}  // namespace sluice::fhir
