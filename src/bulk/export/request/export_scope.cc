#include "bulk/export/request/export_scope.h"

#include <algorithm>

#include "bulk/export/request/export_patients.h"
#include "fhir/group_members.h"

namespace sluice::bulk {

Result<std::shared_ptr<const PreparedExport>> prepare_export(
    const store::Store& store, std::shared_ptr<const StoredExport> stored,
    const store::Commit& snapshot, const query::Bounds& bounds) {
  auto prepared = std::make_shared<PreparedExport>(std::move(stored));
  const ExportRequest& request = prepared->request;
  prepared->snapshot = snapshot;
  SLUICE_ASSIGN_OR_RETURN(prepared->patient_set, read_patient_set(store, request, snapshot));
  if (!request.elements.empty()) {
    const auto all = fhir::all_resource_types();
    SLUICE_ASSIGN_OR_RETURN(prepared->elements, fhir::ElementsSelection::parse(
                                                    request.elements, {all.begin(), all.end()}));
  }
  if (request.tables)
    for (const auto& table : request.tables->tables) {
      auto view = table::View::compile(table.definition);
      // It compiled when the request was accepted.
      if (!view) return corrupt("a stored view cannot be read", view.error().message);
      prepared->views.push_back(std::move(*view));
    }
  SLUICE_ASSIGN_OR_RETURN(prepared->filters,
                          ExportFilters::prepare(store, request, snapshot, bounds));
  return prepared;
}

bool ExportScope::in_time(Instant last_updated, bool whatever_age) const {
  return (!request_.since || whatever_age || last_updated > *request_.since) &&
         (!request_.until || last_updated < *request_.until);
}

bool ExportScope::is_of_new_member(std::string_view owners) const {
  if (prepared_.patient_set == nullptr || prepared_.patient_set->new_count() == 0) return false;
  store::OwnerList list(owners);
  while (const auto owner = list.next())
    if (prepared_.patient_set->is_new(*owner)) return true;
  return false;
}

bool ExportScope::is_first_covered(std::string_view owners, std::string_view owner,
                                   bool only_new) const {
  store::OwnerList list(owners);
  while (const auto candidate = list.next()) {
    if (only_new ? prepared_.patient_set->is_new(*candidate)
                 : prepared_.patient_set == nullptr || prepared_.patient_set->contains(*candidate))
      return *candidate == owner;
  }
  return false;
}

bool ExportScope::covers_owner(std::string_view owners) const {
  store::OwnerList list(owners);
  while (const auto owner = list.next())
    if (prepared_.patient_set == nullptr || prepared_.patient_set->contains(*owner)) return true;
  return false;
}

Result<bool> ExportScope::covers_group(std::string_view json) const {
  if (request_.level == ExportLevel::kSystem) return true;
  if (prepared_.patient_set == nullptr)
    return fhir::has_group_member(json, prepared_.snapshot.instant, request_.base_url);
  SLUICE_ASSIGN_OR_RETURN(
      const auto members,
      fhir::read_group_members(json, prepared_.snapshot.instant, request_.base_url));
  const auto& patients = members.subjects;
  // With a list of patients, a group that has others too would tell of them.
  return !patients.empty() && std::all_of(patients.begin(), patients.end(), [&](const auto& id) {
    return prepared_.patient_set->contains(id);
  });
}

Result<bool> ExportScope::covers(const store::Record& record) const {
  if (request_.level == ExportLevel::kSystem) return true;
  if (record.key.type != fhir::types::kGroup) return covers_owner(record.owners);
  if (request_.level == ExportLevel::kGroup)
    return request_.wants(fhir::types::kGroup) && !request_.types.empty() &&
           request_.names_group(record.key.id);
  if (request_.types.empty() && prepared_.patient_set != nullptr) return false;
  return covers_group(record.json);
}

}  // namespace sluice::bulk
