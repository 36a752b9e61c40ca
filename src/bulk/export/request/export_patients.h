// The patients an export is limited to: the members of a Group, a list of the request, or both.
#pragma once

#include <memory>

#include "base/result.h"
#include "bulk/export/request/export_request.h"
#include "bulk/group/roster.h"
#include "store/store.h"

namespace sluice::bulk {

/// Whether the Group of a request is there and can be resolved: kNotFound, or as
/// check_nested_groups().
Result<void> check_groups(const store::Store& store, const ExportRequest& request,
                          const store::Commit& as_of);

/// Of the members of a Group export with `_since` as of a commit: since when those are members who
/// joined after `_since`, whether the request wants their history or not.
Result<Joins> joined_since(const store::Store& store, const ExportRequest& request,
                           const store::Commit& as_of);

/// The roster of a request as of a commit; nullptr when it is not limited to patients. kNotFound
/// for an unknown group; kInvalid when groups contain each other, or when the request's `patients`
/// are not all members (the message names the first ones).
Result<std::shared_ptr<const Roster>> read_roster(const store::Store& store,
                                                  const ExportRequest& request,
                                                  const store::Commit& as_of);

}  // namespace sluice::bulk
