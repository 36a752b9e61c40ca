// How upgrades read a store: each row once and past the cache, as it was at their beginning,
// whatever is written meanwhile.
#pragma once

#include <functional>
#include <string_view>

#include "base/result.h"
#include "store/rocksdb/database.h"
#include "store/store.h"

namespace sluice::store {

using RowVisit = std::function<Result<void>(std::string_view key, std::string_view value)>;

/// Calls `visit` with each row of the family, in the order of keys; an error of it ends the walk.
Result<void> each_row(const Database& database, rocksdb::ColumnFamilyHandle* family,
                      const RowVisit& visit);
/// Those of a range of records.
Result<void> each_row(const Database& database, rocksdb::ColumnFamilyHandle* family,
                      const KeyRange& range, const RowVisit& visit);

}  // namespace sluice::store
