// The patients an export is limited to: the members of a Group, a list of the request, or both.
#pragma once

#include <memory>

#include "base/result.h"
#include "bulk/export/request/export_request.h"
#include "bulk/group/patient_set.h"
#include "store/store.h"

namespace sluice::bulk {

/// Checks that the Group of a request exists and can be resolved. kNotFound, or errors as
/// check_nested_groups().
Result<void> check_groups(const store::Store& store, const ExportRequest& request,
                          const store::Commit& as_of);

/// For a Group export with `_since` as of a commit: when the members who joined after `_since`
/// joined, whether the request includes their history or not.
Result<Joins> joined_since(const store::Store& store, const ExportRequest& request,
                           const store::Commit& as_of);

/// The patients of a request as of a commit; nullptr when it is not limited to patients. kNotFound
/// for an unknown group; kInvalid when groups contain each other, or when the request's `patients`
/// are not all members (the message names the first ones).
Result<std::shared_ptr<const PatientSet>> read_patient_set(const store::Store& store,
                                                           const ExportRequest& request,
                                                           const store::Commit& as_of);

}  // namespace sluice::bulk
