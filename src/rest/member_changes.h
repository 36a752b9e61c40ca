// $add and $remove: members of a Group come and go without anybody sending the whole roster.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/member_edit.h"
#include "rest/interactions.h"
#include "store/store.h"

namespace sluice::rest {

enum class MemberOperation : std::uint8_t { kAdd, kRemove };

struct MembersChanged {
  Stored stored;  ///< the version that is there now
  std::size_t given = 0;
  std::size_t added = 0;
  std::size_t removed = 0;
  std::size_t absent = 0;
};

/// Thread-safe. A roster of a million takes some hundred megabytes while it is edited, so of large
/// Groups one is changed at a time, and nobody waits for it; small ones wait for each other, which
/// is a moment, and changes of one Group would only get into each other's way.
class MemberChanges {
 public:
  /// Bytes of a Group and what is added to it from which on it counts as large.
  static constexpr std::size_t kLargeFrom = 4u << 20;

  explicit MemberChanges(std::size_t large_from = kLargeFrom) : large_from_(large_from) {}

  /// Asked of the Group as it is to be written; its error is that of the change.
  using MayWrite = std::function<Result<void>(const fhir::IncomingResource&)>;

  /// Changes the newest version of a Group in one transaction, which makes a new version; none when
  /// everything is as wanted already. kNotFound and kGone as rest::read, kPreconditionFailed when
  /// the condition does not hold, kConflict when other writes come between again and again,
  /// kUnavailable while another large Group is changed, others as fhir::add_members.
  Result<MembersChanged> apply(store::Store& store, const std::string& group_id,
                               MemberOperation operation,
                               const std::vector<fhir::MemberEntry>& entries,
                               const Condition& condition, const std::string& base_url,
                               const MayWrite& may_write = {});

 private:
  /// What one change holds.
  class Turn;

  const std::size_t large_from_;
  std::mutex mutex_;                          // of small changes, and of looking how large one is
  std::optional<std::string> being_changed_;  // the large Group; guarded by mutex_
};

}  // namespace sluice::rest
