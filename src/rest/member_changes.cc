#include "rest/member_changes.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "fhir/resource_reader.h"
#include "rest/retries.h"
#include "search/cohort.h"

namespace sluice::rest {
namespace {

using Kind = Condition::Kind;

// Updates of the whole Group that may come between before the change is given up.
constexpr int kAttempts = 20;

Result<void> check(const Stored& stored, const Condition& condition, const std::string& group_id) {
  if (condition.kind == Kind::kAbsent)
    return Error{ErrorKind::kUnsupported, "a change of members takes no If-None-Match"};
  if (condition.kind == Kind::kVersion && condition.version != stored.version)
    return Error{ErrorKind::kPreconditionFailed,
                 fmt::format("If-Match: version {} of Group/{} is not the newest",
                             condition.version, group_id)};
  return {};
}

Error busy() {
  return {ErrorKind::kUnavailable,
          "the server is changing the members of another large Group: try again later",
          {},
          std::chrono::seconds(1)};
}

}  // namespace

class MemberChanges::Turn {
 public:
  explicit Turn(MemberChanges& changes) : changes_(changes), lock_(changes.mutex_) {}
  ~Turn() {
    if (!is_large_) return;
    lock_.lock();
    changes_.being_changed_.reset();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  /// Whether the Group is being changed by another.
  bool is_taken(const std::string& group_id) const {
    return !is_large_ && changes_.being_changed_ == group_id;
  }
  /// Continues as a large change, which others do not wait for; false when there is another.
  bool become_large(const std::string& group_id) {
    if (is_large_) return true;
    if (changes_.being_changed_) return false;
    changes_.being_changed_ = group_id;
    is_large_ = true;
    lock_.unlock();
    return true;
  }

 private:
  MemberChanges& changes_;
  std::unique_lock<std::mutex> lock_;  // held while the change is a small one
  bool is_large_ = false;
};

Result<MembersChanged> MemberChanges::apply(store::Store& store, const std::string& group_id,
                                            MemberOperation operation,
                                            const std::vector<fhir::MemberEntry>& entries,
                                            const Condition& condition, const std::string& base_url,
                                            const MayWrite& may_write) {
  std::size_t bytes_of_entries = 0;
  for (const auto& entry : entries) bytes_of_entries += entry.json.size();
  Turn turn(*this);
  const fhir::ResourceId key{fhir::types::kGroup, group_id};
  for (Retries retries(kAttempts);;) {
    if (turn.is_taken(group_id)) return busy();
    SLUICE_ASSIGN_OR_RETURN(auto stored, read(store, key));
    if (stored.json.size() + bytes_of_entries >= large_from_ && !turn.become_large(group_id))
      return busy();
    SLUICE_RETURN_IF_ERROR(check(stored, condition, group_id));
    SLUICE_ASSIGN_OR_RETURN(auto edit, operation == MemberOperation::kAdd
                                           ? fhir::add_members(stored.json, entries, base_url)
                                           : fhir::remove_members(stored.json, entries, base_url));
    MembersChanged changed{std::move(stored), edit.given, edit.added, edit.removed, edit.absent};
    if (edit.json.empty()) return changed;
    const std::uint32_t version = changed.stored.version;
    changed.stored.json = {};  // a members of a million: not held while the next is made
    SLUICE_ASSIGN_OR_RETURN(const auto resource,
                            fhir::ResourceReader({}, base_url).read(edit.json));
    edit.json = {};
    // Without anybody stated as a member, filters would choose from all.
    SLUICE_RETURN_IF_ERROR(
        search::read_cohort(resource.tokens(), {}, search::Strictness::kWholeProfile));
    if (may_write) SLUICE_RETURN_IF_ERROR(may_write(resource));
    auto written = update(store, resource, {.kind = Kind::kVersion, .version = version});
    if (written) {
      changed.stored = std::move(written->stored);
      return changed;
    }
    // Of a condition that the caller made, the next turn tells; other writes are edited again.
    if (written.error().kind != ErrorKind::kPreconditionFailed) return std::move(written).error();
    if (!retries.again())
      return Error{ErrorKind::kConflict,
                   fmt::format("Group/{} is changed by others again and again", group_id)};
  }
}

}  // namespace sluice::rest
