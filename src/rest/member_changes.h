// $add and $remove: change members of a Group without sending all members.
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
  Stored stored;  ///< the current version
  std::size_t given = 0;
  std::size_t added = 0;
  std::size_t removed = 0;
  std::size_t absent = 0;
};

/// Thread-safe. Editing a Group of a million members takes some hundred megabytes, so one large
/// Group is changed at a time, and further ones are refused. Changes of small Groups wait for each
/// other: they are short, and concurrent changes of one Group would only conflict.
class MemberChanges {
 public:
  /// Bytes of a Group and what is added to it from which on it counts as large.
  static constexpr std::size_t kLargeFrom = 4u << 20;

  explicit MemberChanges(std::size_t large_from = kLargeFrom) : large_from_(large_from) {}

  /// Asked of the Group as it is to be written; its error is that of the change.
  using MayWrite = std::function<Result<void>(const fhir::IncomingResource&)>;

  /// Changes the newest version of a Group in one transaction; makes no new version when nothing
  /// changes. kNotFound and kGone as rest::read, kPreconditionFailed when the condition does not
  /// hold, kConflict when other writes intervene repeatedly, kUnavailable while another large Group
  /// is changed, others as fhir::add_members.
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
