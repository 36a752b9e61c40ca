#include "bulk/export/request/export_patients.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice::bulk {
namespace {

constexpr std::size_t kNamedMax = 10;

// what is wrong with the groups in a Group names these; to a client that is limited to groups
// it only tells that something is.
template <class T>
Result<T> told(const ExportRequest& request, Result<T> resolved) {
  if (resolved || !request.limits.groups || !is_about_groups(resolved.error().kind))
    return resolved;
  return Error{
      resolved.error().kind == ErrorKind::kNotFound ? ErrorKind::kInvalid : resolved.error().kind,
      fmt::format("Group/{} cannot be exported: groups in it contain each other, or have "
                  "filters that cannot be resolved",
                  request.group_id)};
}

/// Of several groups: a patient is new when each group that has the patient got them later.
PatientSet joined(const PatientSet& a, const PatientSet& b) {
  PatientSet all;
  for (std::size_t i = 0, j = 0; i < a.size() || j < b.size();) {
    const bool from_a = j == b.size() || (i < a.size() && a[i] <= b[j]);
    const bool from_b = i == a.size() || (j < b.size() && b[j] <= a[i]);
    all.add(from_a ? a[i] : b[j], (!from_a || a.is_new(i)) && (!from_b || b.is_new(j)));
    if (from_a) ++i;
    if (from_b) ++j;
  }
  return all;
}

Result<PatientSet> members_of(const store::Store& store, const ExportRequest& request,
                              const std::string& group_id, const store::Commit& as_of) {
  SLUICE_RETURN_IF_ERROR(check_group_exists(store, group_id, as_of));
  const std::optional<Instant> ever;
  return told(request, read_members(store, group_id, as_of, request.base_url, {},
                                    request.history_of_new_members ? request.since : ever));
}

/// Those of `members` that are wanted; kInvalid when there are others among the wanted.
Result<PatientSet> choose(const PatientSet& members, const std::vector<std::string>& wanted,
                          const std::string& group_id) {
  PatientSet chosen;
  std::string names;
  std::size_t foreign = 0;
  for (const auto& id : wanted) {
    const std::size_t index = members.lower_bound(id);
    if (index < members.size() && members[index] == id)
      chosen.add(id, members.is_new(index));
    else if (++foreign <= kNamedMax)
      names += (names.empty() ? "Patient/" : ", Patient/") + id;
  }
  if (foreign > 0)
    return invalid(fmt::format("patient: {} of {} are not members of Group/{}: {}", foreign,
                               wanted.size(), group_id, names));
  return chosen;
}

}  // namespace

Result<void> check_groups(const store::Store& store, const ExportRequest& request,
                          const store::Commit& as_of) {
  const auto check = [&](const std::string& id) -> Result<void> {
    SLUICE_RETURN_IF_ERROR(check_group_exists(store, id, as_of));
    return told(request, check_nested_groups(store, id, as_of, request.base_url));
  };
  SLUICE_RETURN_IF_ERROR(check(request.group_id));
  for (const auto& id : request.other_groups) SLUICE_RETURN_IF_ERROR(check(id));
  return {};
}

Result<Joins> joined_since(const store::Store& store, const ExportRequest& request,
                           const store::Commit& as_of) {
  if (request.level != ExportLevel::kGroup) return Joins();
  return joined_since(store, request.group_id, *request.since, as_of, request.base_url);
}

Result<std::shared_ptr<const PatientSet>> read_patient_set(const store::Store& store,
                                                           const ExportRequest& request,
                                                           const store::Commit& as_of) {
  if (request.level != ExportLevel::kGroup) {
    if (!request.patients) return std::shared_ptr<const PatientSet>();
    return std::make_shared<const PatientSet>(*request.patients);
  }
  SLUICE_ASSIGN_OR_RETURN(auto members, members_of(store, request, request.group_id, as_of));
  for (const auto& id : request.other_groups) {
    SLUICE_ASSIGN_OR_RETURN(const auto others, members_of(store, request, id, as_of));
    members = joined(members, others);
  }
  if (!request.patients) return std::make_shared<const PatientSet>(std::move(members));
  SLUICE_ASSIGN_OR_RETURN(auto chosen, choose(members, *request.patients, request.group_id));
  return std::make_shared<const PatientSet>(std::move(chosen));
}

}  // namespace sluice::bulk
