#include "bulk/group/patient_set_cost.h"

#include <algorithm>

namespace sluice::bulk {
namespace {

// Some 50 ms.
constexpr std::uint64_t kSeeksMax = 2000;

}  // namespace

Result<PatientSetCost> patient_set_cost(const store::Store& store, const PatientSet* patient_set,
                                        std::uint64_t patients, store::Sequence as_of) {
  if (patient_set == nullptr) return PatientSetCost();
  PatientSetCost cost{static_cast<double>(patient_set->size()), 1};
  if (patients == 0) return cost;
  cost.share = std::min(1.0, cost.seeks / static_cast<double>(patients));
  if (patient_set->size() <= patients) return cost;
  SLUICE_ASSIGN_OR_RETURN(const auto scan,
                          store.scan(store::with_owner(fhir::types::kPatient), as_of));
  // Looking for every tenth patient takes a few hundredths of reading what they all have.
  const std::uint64_t seeks_max = std::min(kSeeksMax, 100 + patients / 10);
  std::uint64_t seeks = 0;
  std::uint64_t here = 0;
  store::RecordView record;
  for (std::size_t i = 0; i < patient_set->size();) {
    if (++seeks > seeks_max) return cost;
    scan->seek_owner((*patient_set)[i]);
    SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
    if (!more) break;
    const std::size_t next = patient_set->lower_bound(record.owner);
    if (next == i) ++here;
    i = std::max(i + 1, next);
  }
  return PatientSetCost{static_cast<double>(seeks),
                        static_cast<double>(here) / static_cast<double>(patients)};
}

}  // namespace sluice::bulk
