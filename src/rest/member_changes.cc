#include "rest/member_changes.h"

#include <fmt/format.h>

#include <utility>

#include "fhir/resource_reader.h"
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

}  // namespace

Result<MembersChanged> MemberChanges::apply(const std::string& group_id, MemberOperation operation,
                                            const std::vector<fhir::MemberEntry>& entries,
                                            const Condition& condition, const std::string& base_url,
                                            const MayWrite& may_write) {
  const std::lock_guard lock(mutex_);
  const fhir::ResourceId key{fhir::types::kGroup, group_id};
  for (int attempt = 1;; ++attempt) {
    SLUICE_TRY(auto stored, read(store_, key));
    SLUICE_CHECK(check(stored, condition, group_id));
    SLUICE_TRY(auto edit, operation == MemberOperation::kAdd
                              ? fhir::add_members(stored.json, entries, base_url)
                              : fhir::remove_members(stored.json, entries, base_url));
    MembersChanged changed{std::move(stored), edit.given, edit.added, edit.removed, edit.absent};
    if (edit.json.empty()) return changed;
    const std::uint32_t version = changed.stored.version;
    changed.stored.json = {};  // a roster of a million: not held while the next is made
    SLUICE_TRY(const auto resource, fhir::ResourceReader({}, base_url).read(edit.json));
    edit.json = {};
    // Without anybody stated as a member, filters would choose from all.
    SLUICE_CHECK(search::read_cohort(resource.content, {}, search::Strictness::kWholeProfile));
    if (may_write) SLUICE_CHECK(may_write(resource));
    auto written = update(store_, resource, {.kind = Kind::kVersion, .version = version});
    if (written) {
      changed.stored = std::move(written->stored);
      return changed;
    }
    // Of a condition that the caller made, the next turn tells; other writes are edited again.
    if (written.error().kind != ErrorKind::kPreconditionFailed) return std::move(written).error();
    if (attempt == kAttempts)
      return Error{ErrorKind::kConflict,
                   fmt::format("Group/{} is changed by others again and again", group_id)};
  }
}

}  // namespace sluice::rest
