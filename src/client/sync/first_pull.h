// What is done about a folder's first pull before anything else is: a resource that it brought more
// than once is in the copy once.
#pragma once

#include "base/result.h"
#include "client/http/waiter.h"
#include "client/pull/pull.h"
#include "client/pull/pull_state.h"

namespace sluice::client {

/// Leaves of each resource of a finished first pull the newest version by meta.lastUpdated, at a
/// tie the last. Notes in the journal that it is done, and adds to `report` what was there more
/// than once. Leaves outputs alone that are no NDJSON, or organised by instances: there a resource
/// may stand in several blocks. kCancelled, kTimeout: the next run does it.
Result<void> keep_one_of_each(PullState& state, const Waiter& waiter, PullReport& report);

}  // namespace sluice::client
