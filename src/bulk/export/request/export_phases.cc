#include "bulk/export/request/export_phases.h"

#include <algorithm>

#include "fhir/compartment.h"

namespace sluice::bulk {

bool takes_supporting(const ExportRequest& request) {
  if (request.tables && request.tables->alone) return false;
  // What does not refer to a patient is left out of the patients' blocks.
  if (request.level == ExportLevel::kSystem || request.organize_by == fhir::types::kPatient)
    return false;
  return request.types.empty() ||
         std::any_of(request.types.begin(), request.types.end(), fhir::may_be_supporting);
}

bool chooses_provenance(const ExportRequest& request) {
  if (request.tables && request.tables->alone) return false;
  // A patient's block holds the resources of the patient's compartment.
  if (!request.wants(fhir::types::kProvenance) || request.organize_by == fhir::types::kPatient)
    return false;
  return request.level != ExportLevel::kSystem || request.associated_provenance;
}

bool is_in_scope_of_provenance(const ExportRequest& request, fhir::ResourceType type) {
  if (!fhir::is_in_patient_compartment(type) || type == fhir::types::kGroup) return false;
  return !request.associated_provenance ||
         (type != fhir::types::kProvenance && request.wants(type));
}

}  // namespace sluice::bulk
