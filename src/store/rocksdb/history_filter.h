// Compaction filters: they drop the versions and tombstones that only reads older than the horizon
// need.
#pragma once

#include <rocksdb/compaction_filter.h>

#include <memory>

#include "store/rocksdb/database.h"

namespace sluice::store {

/// For `history`: drops what was superseded at or before the horizon. A read as of S needs a
/// version only if it was superseded after S.
std::shared_ptr<rocksdb::CompactionFilterFactory> history_filter(std::shared_ptr<Horizon> horizon);

/// For `current`: drops tombstones at or before the horizon. A read as of the horizon or later
/// finds nothing there with or without them.
std::shared_ptr<rocksdb::CompactionFilterFactory> tombstone_filter(
    std::shared_ptr<Horizon> horizon);

}  // namespace sluice::store
