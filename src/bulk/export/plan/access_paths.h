// The access paths to the resources of a type for an export, and their costs.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "bulk/export/plan/export_shard.h"
#include "bulk/export/request/export_filter.h"
#include "bulk/group/patient_set_cost.h"
#include "fhir/resource_type.h"

namespace sluice::bulk {

struct Way {
  ReadMode mode = ReadMode::kScan;
  double finding = 0;  ///< seconds
  double written = 0;  ///< bytes, about

  double cost() const;  ///< seconds, of finding and writing
};

/// For the operator.
std::string_view name_of(ReadMode mode);

/// `size`: of the type in bytes. `patient_set`: nullptr when the export is not limited to patients.
/// `patients`: in the store. How much a filter matches is not known in advance, so it does not
/// influence the choice of a path.
std::vector<Way> access_paths(fhir::ResourceType type, std::uint64_t size,
                              const PatientSetCost* patient_set, std::uint64_t patients,
                              const ExportFilters& filters);
/// A scan of the whole type, in the mode that decides what is exported.
Way way_to_scan(ReadMode mode, std::uint64_t size);
const Way& cheapest(const std::vector<Way>& ways);

}  // namespace sluice::bulk
