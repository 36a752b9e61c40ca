// Sizes of ranges and cutting them into parts, from what RocksDB knows about its files: no record
// of a large range is read.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "store/rocksdb/database.h"
#include "store/store.h"

namespace sluice::store {

/// As Store::approximate_size.
Result<std::uint64_t> approximate_size(const Database& database, const KeyRange& range);

/// As Store::split.
Result<std::vector<KeyRange>> split_range(const Database& database, const KeyRange& range,
                                          std::uint64_t part_size);

}  // namespace sluice::store
