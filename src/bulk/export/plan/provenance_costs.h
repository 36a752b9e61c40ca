// The cheapest access path to the Provenances of an export (docs/decisions/0017).
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bulk/export/request/export_request.h"
#include "bulk/group/patient_set_cost.h"
#include "fhir/resource_type.h"
#include "store/store.h"

namespace sluice::bulk {

/// Seconds, about.
struct ProvenanceCosts {
  double by_scope = 0;  ///< asking for those of each resource in scope
  double by_all = 0;    ///< reading all and looking up the owners of their targets

  /// Writes them to the log and returns them for the operator.
  std::string log_and_tell() const;
};

/// For an export that is limited to patients; others have one access path only. `size`: of all
/// Provenances, in bytes.
/// `walked`: types whose compartments are read anyway, so that finding Provenances there is free.
ProvenanceCosts provenance_costs(const ExportRequest& request, const PatientSetCost& patient_set,
                                 const std::vector<store::TypeStatistics>& statistics,
                                 std::uint64_t size, const std::set<fhir::ResourceType>& walked);

}  // namespace sluice::bulk
