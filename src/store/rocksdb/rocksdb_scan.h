// Ordered reads: a range of records as of a sequence, and the change log.
#pragma once

#include <memory>
#include <string>

#include "store/rocksdb/as_of.h"
#include "store/rocksdb/database.h"
#include "store/store.h"

namespace sluice::store {

/// `as_of` must not be later than the newest commit.
std::unique_ptr<Scan> make_range_scan(const Database& database, const KeyRange& range,
                                      Sequence as_of);

/// `up_to` must not be later than the newest commit.
std::unique_ptr<ChangeScan> make_change_scan(const Database& database, Sequence after,
                                             Sequence up_to);
/// `before` must not be later than the position after the newest commit.
std::unique_ptr<ChangeScan> make_backward_change_scan(const Database& database, ChangeCursor before,
                                                      Sequence after);

}  // namespace sluice::store
