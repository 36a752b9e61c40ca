// Sizes of ranges and cutting them into parts, from what RocksDB knows about its files: no record
// of a large range is read.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "store/rocksdb/database.h"
#include "store/store.h"

namespace sluice::store {

/// As Store::approximate_size. `type_bytes` is what the range's type holds altogether, exactly.
Result<std::uint64_t> approximate_size(const Database& database, const KeyRange& range,
                                       std::uint64_t type_bytes);

/// As Store::split; parts get no smaller than some blocks of the files.
Result<std::vector<KeyRange>> split_range(const Database& database, const KeyRange& range,
                                          std::uint64_t part_size, std::uint64_t type_bytes);

}  // namespace sluice::store
