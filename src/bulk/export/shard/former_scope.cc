#include "bulk/export/shard/former_scope.h"

#include <algorithm>
#include <limits>
#include <unordered_set>
#include <utility>

#include "bulk/export/request/export_patients.h"

namespace sluice::bulk {
namespace {

// A Group may have megabytes.
std::size_t versions_page(fhir::ResourceType type) {
  return type == fhir::types::kGroup ? 1 : 16;
}

std::unordered_set<std::string_view> set_of(std::string_view owners) {
  std::unordered_set<std::string_view> set;
  store::OwnerList list(owners);
  while (const auto owner = list.next()) set.insert(*owner);
  return set;
}

}  // namespace

Result<bool> FormerScope::covers_owners(const fhir::ResourceId& key, std::string_view owners,
                                        store::Sequence end) {
  const PatientSet* const patient_set = prepared_.patient_set.get();
  bool joined_too_late = false;
  store::OwnerList list(owners);
  while (const auto owner = list.next()) {
    if (patient_set == nullptr) return true;
    if (!patient_set->contains(*owner)) continue;
    if (request_.level != ExportLevel::kGroup) return true;
    if (request_.history_of_new_members && !patient_set->is_new(*owner)) return true;
    if (!joins_) {
      SLUICE_ASSIGN_OR_RETURN(joins_, joined_since(store_, request_, prepared_.snapshot));
    }
    const auto joined = joins_->find(*owner);
    if (joined == joins_->end()) return true;
    SLUICE_ASSIGN_OR_RETURN(const auto ended, store_.commit_of(end));
    if (ended && joined->second < ended->instant) return true;
    joined_too_late = true;
  }
  if (!joined_too_late) return false;
  SLUICE_ASSIGN_OR_RETURN(const bool was_of_members, was_of_members_until(key, owners, end));
  is_unsure_ = is_unsure_ || (!was_of_members && window_.after < store_.history_horizon());
  return was_of_members;
}

// Who left and came back counts as new, and may have been a member all the same while the resource
// was theirs.
Result<bool> FormerScope::was_of_members_until(const fhir::ResourceId& key, std::string_view owners,
                                               store::Sequence end) {
  const PatientSet& patient_set = *prepared_.patient_set;
  const auto wanted = set_of(owners);
  const std::size_t page = versions_page(key.type);
  std::uint32_t before = std::numeric_limits<std::uint32_t>::max();
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const auto versions, store_.versions(key, before, page));
    for (const auto& version : versions) {
      if (version.sequence >= end || version.deleted) continue;
      const bool is_superseded = version.superseded.value != 0 && version.superseded < end;
      const store::Sequence until = is_superseded ? version.superseded : end;
      if (until <= window_.after) return false;
      const store::Sequence from = std::max(version.sequence, window_.after);
      SLUICE_ASSIGN_OR_RETURN(const auto found, store_.owners(key, from));
      const std::string had = found.value_or(std::string());
      store::OwnerList list(had);
      while (const auto owner = list.next()) {
        if (!patient_set.contains(*owner) || !wanted.contains(*owner)) continue;
        SLUICE_ASSIGN_OR_RETURN(const bool was, was_member(*owner, from, until));
        if (was) return true;
      }
    }
    if (versions.size() < page || versions.back().sequence <= window_.after) return false;
    before = versions.back().version;
  }
}

// Whether a patient was in the group at a time in [from, end).
Result<bool> FormerScope::was_member(std::string_view patient, store::Sequence from,
                                     store::Sequence end) {
  SLUICE_RETURN_IF_ERROR(find_group_changes());
  // From the last change that is not after `from`.
  auto at = std::upper_bound(
      group_changes_.begin(), group_changes_.end(), from,
      [](store::Sequence sequence, const auto& change) { return sequence < change.sequence; });
  for (at = std::prev(at); at != group_changes_.end() && at->sequence < end; ++at) {
    const auto [known, is_new] =
        was_member_.try_emplace({at->sequence, std::string(patient)}, false);
    if (is_new) {
      const auto was =
          has_member(store_, request_.group_id, {std::string(patient)}, *at, request_.base_url);
      // A group that could not be resolved then was not exported then.
      if (!was && !is_about_groups(was.error().kind)) return was.error();
      known->second = was && *was;
    }
    if (known->second) return true;
  }
  return false;
}

// Members come and go by changes of the group, or of one in it.
Result<void> FormerScope::find_group_changes() {
  if (!group_changes_.empty()) return {};
  SLUICE_ASSIGN_OR_RETURN(const auto log, store_.changes(window_.after, window_.up_to));
  group_changes_.push_back({window_.after, *request_.since});
  store::Change change;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, log->next(change));
    if (!more) return {};
    if (change.type != fhir::types::kGroup || change.sequence == group_changes_.back().sequence)
      continue;
    SLUICE_ASSIGN_OR_RETURN(const auto commit, store_.commit_of(change.sequence));
    if (commit) group_changes_.push_back(*commit);
  }
}

Result<Answer> FormerScope::had(const fhir::ResourceId& key, store::Sequence last,
                                bool by_reference) {
  const std::size_t page = versions_page(key.type);
  std::uint32_t before = std::numeric_limits<std::uint32_t>::max();
  std::optional<std::uint32_t> newer;  // the version above the one at hand
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const auto versions, store_.versions(key, before, page));
    for (const auto& version : versions) {
      if (version.sequence > last) continue;
      // What came of the last change is asked about elsewhere.
      const bool is_last = version.sequence == last;
      if (!is_last && (!newer || version.version + 1 != *newer)) return Answer::kUnknown;
      newer = version.version;
      if (!version.deleted && !is_last) {
        SLUICE_ASSIGN_OR_RETURN(const auto record, store_.read(key, version.sequence));
        if (!record || record->version != version.version) return Answer::kUnknown;
        SLUICE_ASSIGN_OR_RETURN(const bool had,
                                has_version(*record, version.superseded, by_reference));
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
  bool covered = !request_.is_by_patient() || (by_reference && record.owners.empty());
  if (!covered && record.key.type == fhir::types::kGroup) {
    SLUICE_ASSIGN_OR_RETURN(covered, scope_.covers(record));
  } else if (!covered) {
    SLUICE_ASSIGN_OR_RETURN(covered, covers_owners(record.key, record.owners, end));
  }
  if (!covered) return false;
  return passed(record.key.type, record.json);
}

Result<bool> FormerScope::passed(fhir::ResourceType type, std::string_view json) {
  if (blocks_) {
    SLUICE_ASSIGN_OR_RETURN(const bool has_block, blocks_->has_block(type, json));
    if (!has_block) return false;
  }
  SLUICE_ASSIGN_OR_RETURN(const bool passes, prepared_.filters.pass(matcher_, type, json));
  if (passes) return true;
  SLUICE_RETURN_IF_ERROR(resolve_filters_then());
  return filters_ ? filters_->pass(matcher_, type, json) : Result<bool>(false);
}

// What chains lead to may have changed too. What is not kept of it is not asked for.
Result<void> FormerScope::resolve_filters_then() {
  if (filters_then_are_known_) return {};
  filters_then_are_known_ = true;
  bool has_chains = false;
  for (const auto& filter : request_.type_filters) {
    SLUICE_ASSIGN_OR_RETURN(const auto others, types_read_by(filter, request_.base_url));
    has_chains = has_chains || !others.empty();
  }
  if (!has_chains || window_.after < store_.history_horizon()) return {};
  SLUICE_ASSIGN_OR_RETURN(
      auto filters,
      ExportFilters::prepare(store_, request_, {window_.after, *request_.since}, bounds_));
  filters_ = std::move(filters);
  return {};
}

}  // namespace sluice::bulk
