// Who is a member of a Group, and since when (G-02): the store records it for every Group that it
// writes. Separate from store.h because only sets of patients need it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"
#include "fhir/resource_type.h"

namespace sluice::store {

/// A member as of a sequence, as its Group states it. Views end with the next call on the
/// MemberScan they came from.
struct Member {
  /// Patient or Group; code 0 (fhir::kUrlMember) when `id` is an absolute URL, which may be ours.
  fhir::ResourceType type;
  std::string_view id;
  /// The commit since when the Group states the member with these periods.
  Instant stated;
  /// Since when it was a member without a gap at `stated`; nullopt when it was none then.
  std::optional<Instant> since;
  std::string_view periods;  ///< see fhir::MemberPeriods

  /// Since when it is a member without a gap at `at`, which must not be before `stated`; nullopt
  /// when it is none. A period that begins counts as joining.
  std::optional<Instant> member_since(Instant at) const;
};

/// Reads members in the order of (type, id). One thread at a time.
class MemberScan {
 public:
  virtual ~MemberScan() = default;
  virtual Result<bool> next(Member& member) = 0;
  /// Goes to the first member with `id` or after; forwards or backwards.
  virtual void seek(std::string_view id) = 0;
};

}  // namespace sluice::store
