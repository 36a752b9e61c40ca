// $add and $remove: members of a Group come and go without anybody sending the whole roster.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
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

/// Thread-safe. One change at a time, whatever the Group: a roster of a million takes some hundred
/// megabytes while it is edited, and changes of one Group would only get into each other's way.
class MemberChanges {
 public:
  explicit MemberChanges(store::Store& store) : store_(store) {}

  /// Asked of the Group as it is to be written; its error is that of the change.
  using MayWrite = std::function<Result<void>(const fhir::IncomingResource&)>;

  /// Changes the newest version of a Group in one transaction, which makes a new version; none when
  /// everything is as wanted already. kNotFound and kGone as rest::read, kPreconditionFailed when
  /// the condition does not hold, kConflict when other writes come between again and again, others
  /// as fhir::add_members.
  Result<MembersChanged> apply(const std::string& group_id, MemberOperation operation,
                               const std::vector<fhir::MemberEntry>& entries,
                               const Condition& condition, const std::string& base_url,
                               const MayWrite& may_write = {});

 private:
  store::Store& store_;
  std::mutex mutex_;
};

}  // namespace sluice::rest
