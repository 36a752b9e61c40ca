#include "bulk/export/shard/former_scope.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "bulk/export/request/export_patients.h"

namespace sluice::bulk {
namespace {

// A Group may have megabytes.
std::size_t versions_page(fhir::ResourceType type) {
  return type == fhir::types::kGroup ? 1 : 16;
}

}  // namespace

Result<bool> FormerScope::covers_owners(std::string_view owners, store::Sequence end) {
  const Roster* const roster = prepared_.roster.get();
  bool joined_too_late = false;
  store::OwnerList list(owners);
  while (const auto owner = list.next()) {
    if (roster == nullptr) return true;
    if (!roster->contains(*owner)) continue;
    if (request_.level != ExportLevel::kGroup) return true;
    if (request_.history_of_new_members && !roster->is_new(*owner)) return true;
    if (!joins_) {
      SLUICE_TRY(joins_, joined_since(store_, request_, prepared_.snapshot));
    }
    const auto joined = joins_->find(*owner);
    if (joined == joins_->end()) return true;
    SLUICE_TRY(const auto ended, store_.commit_of(end));
    if (ended && joined->second < ended->instant) return true;
    joined_too_late = true;
  }
  if (!joined_too_late) return false;
  // It may have been given all the same: for a member of then, whoever that was.
  store::OwnerList again(owners);
  while (const auto owner = again.next()) {
    SLUICE_TRY(const bool was_member, was_member_then(*owner));
    if (was_member) return true;
  }
  is_unsure_ = is_unsure_ || window_.after < store_.history_horizon();
  return false;
}

// Who left and came back counts as new, and had been a member all the same.
Result<bool> FormerScope::was_member_then(std::string_view patient) {
  if (!members_then_) {
    auto members = read_members(store_, request_.group_id, {window_.after, *request_.since},
                                request_.base_url, {});
    // A group that could not be resolved then was not exported then.
    if (!members && !is_about_groups(members.error().kind)) return members.error();
    members_then_ = members ? std::move(*members) : Roster();
  }
  return members_then_->contains(patient);
}

Result<Answer> FormerScope::had(const fhir::ResourceId& key, store::Sequence last,
                                bool by_reference) {
  const std::size_t page = versions_page(key.type);
  std::uint32_t before = std::numeric_limits<std::uint32_t>::max();
  std::optional<std::uint32_t> newer;  // the version above the one at hand
  while (true) {
    SLUICE_TRY(const auto versions, store_.versions(key, before, page));
    for (const auto& version : versions) {
      if (version.sequence > last) continue;
      // What came of the last change is asked about elsewhere.
      const bool is_last = version.sequence == last;
      if (!is_last && (!newer || version.version + 1 != *newer)) return Answer::kUnknown;
      newer = version.version;
      if (!version.deleted && !is_last) {
        SLUICE_TRY(const auto record, store_.read(key, version.sequence));
        if (!record || record->version != version.version) return Answer::kUnknown;
        SLUICE_TRY(const bool had, has_version(*record, version.superseded, by_reference));
        if (had) return Answer::kYes;
      }
      if (version.sequence <= window_.after || version.version == 1) return Answer::kNo;
    }
    if (versions.size() < page) return Answer::kUnknown;
    before = versions.back().version;
  }
}

Result<bool> FormerScope::has_version(const store::Record& record, store::Sequence end,
                                      bool by_reference) {
  bool covered = request_.level == ExportLevel::kSystem || (by_reference && record.owners.empty());
  if (!covered && record.key.type == fhir::types::kGroup) {
    SLUICE_TRY(covered, scope_.covers(record));
  } else if (!covered) {
    SLUICE_TRY(covered, covers_owners(record.owners, end));
  }
  if (!covered) return false;
  return passed(record.key.type, record.json);
}

Result<bool> FormerScope::passed(fhir::ResourceType type, std::string_view json) {
  SLUICE_TRY(const bool passes, prepared_.filters.pass(matcher_, type, json));
  if (passes) return true;
  SLUICE_CHECK(resolve_filters_then());
  return filters_ ? filters_->pass(matcher_, type, json) : Result<bool>(false);
}

// What chains lead to may have changed too. What is not kept of it is not asked for.
Result<void> FormerScope::resolve_filters_then() {
  if (filters_then_are_known_) return {};
  filters_then_are_known_ = true;
  bool has_chains = false;
  for (const auto& filter : request_.type_filters) {
    SLUICE_TRY(const auto others, types_read_by(filter, request_.base_url));
    has_chains = has_chains || !others.empty();
  }
  if (!has_chains || window_.after < store_.history_horizon()) return {};
  SLUICE_TRY(auto filters,
             ExportFilters::prepare(store_, request_, {window_.after, *request_.since}));
  filters_ = std::move(filters);
  return {};
}

}  // namespace sluice::bulk
