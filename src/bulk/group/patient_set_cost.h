// The share of a store that a patient set covers, for planning.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "bulk/group/patient_set.h"
#include "store/store.h"

namespace sluice::bulk {

struct PatientSetCost {
  double seeks = 0;  ///< to find all resources of one type of the patients of the set, about
  double share = 1;  ///< of all patients
};

/// Without a patient set: no seeks, all patients. If there are more members than patients, most
/// members are not in the store: then it looks for `patients` by seeks that skip absent members, as
/// long as that takes a small part of reading everything.
Result<PatientSetCost> patient_set_cost(const store::Store& store, const PatientSet* patient_set,
                                        std::uint64_t patients, store::Sequence as_of);

}  // namespace sluice::bulk
