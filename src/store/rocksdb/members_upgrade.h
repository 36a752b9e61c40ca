// Stores of format version 1, which remembered no members. Apart from everything that runs every
// day.
#pragma once

#include "base/result.h"
#include "store/rocksdb/database.h"

namespace sluice::store {

/// Fills `members` from all versions of all Groups that there still are, as if each had been
/// written now with the instant of its version. May be done again after a crash in the middle.
Result<void> remember_members_of_all_groups(const Database& database);

}  // namespace sluice::store
