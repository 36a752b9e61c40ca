#include "bulk/export/plan/provenance_costs.h"

#include <fmt/format.h>

#include "base/log.h"
#include "bulk/export/plan/export_costs.h"
#include "bulk/export/request/export_phases.h"

namespace sluice::bulk {

std::string ProvenanceCosts::log_and_tell() const {
  spdlog::info("export plan provenance by={} scope_cost_s={:.4f} all_cost_s={:.4f}",
               by_scope < by_all ? "scope" : "all", by_scope, by_all);
  return fmt::format("by the resources in scope {:.4f} s, by reading all {:.4f} s", by_scope,
                     by_all);
}

ProvenanceCosts provenance_costs(const ExportRequest& request, const PatientSetCost& patient_set,
                                 const std::vector<store::TypeStatistics>& statistics,
                                 std::uint64_t size, const std::set<fhir::ResourceType>& walked) {
  double count = 0;      // of all Provenances
  double resources = 0;  // in patients' compartments
  double types = 0;      // that are walked for this alone
  double bytes = 0;      // of them
  for (const auto& type : statistics) {
    if (type.type == fhir::types::kProvenance) count = static_cast<double>(type.resources);
    if (!is_in_scope_of_provenance(request, type.type)) continue;
    resources += static_cast<double>(type.resources);
    if (walked.contains(type.type)) continue;
    bytes += static_cast<double>(type.bytes);
    types += 1;
  }
  ProvenanceCosts costs;
  costs.by_scope = patient_set.seeks * types * cost::kSeek +
                   patient_set.share * (bytes * cost::kScanByte + resources * cost::kTarget +
                                        count * cost::kChange);
  costs.by_all =
      static_cast<double>(size) * cost::kScanByte + count * (cost::kTarget + cost::kOwners);
  return costs;
}

}  // namespace sluice::bulk
