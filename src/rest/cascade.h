// Deleting a patient together with the compartment: all of it at one instant, or nothing (I-02,
// docs/decisions/0024).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "rest/condition.h"
#include "store/store.h"

namespace sluice::rest {

/// What a deletion asks before it does anything; an error of either ends it.
struct CascadeCalls {
  /// May resources of all these types be deleted? Sorted.
  std::function<Result<void>(const std::vector<fhir::ResourceType>&)> may_remove;
  /// These are about to be deleted. Called again for those that came while it was tried.
  std::function<Result<void>(const std::vector<fhir::ResourceId>&)> announce;
};

struct CascadeOutcome {
  std::uint32_t version = 0;  ///< of the patient's deletion; 0: there was no such patient
  std::size_t others = 0;     ///< resources of the compartment that were deleted with it
};

/// Deletes a patient, who may be deleted already or may never have existed, and every resource of
/// the compartment. kUnprocessable when these are more than `most`; kConflict, with some names,
/// when resources are in other patients' compartments too, and when others keep writing to this
/// patient's; kPreconditionFailed when `condition` does not hold for the patient.
Result<CascadeOutcome> remove_with_compartment(store::Store& store, const std::string& patient_id,
                                               const Condition& condition, std::size_t most,
                                               const CascadeCalls& calls);

}  // namespace sluice::rest
