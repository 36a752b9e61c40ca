// How RocksDB is set up for each column family. Apart from opening, because these numbers are
// judged by measurements: ordered scans of `current` and bulk loads come first.
#pragma once

#include <rocksdb/options.h>

#include <memory>
#include <string>
#include <vector>

#include "store/rocksdb/database.h"

namespace sluice::store {

struct ColumnFamily {
  const char* name;
  rocksdb::ColumnFamilyHandle* Database::*handle;
};
/// Every column family, the default one first.
const std::vector<ColumnFamily>& column_families();

rocksdb::DBOptions database_options(const RocksdbStoreOptions& options, rocksdb::Env* env);
/// One for each of column_families(), in that order.
std::vector<rocksdb::ColumnFamilyDescriptor> column_family_options(
    const RocksdbStoreOptions& options, const std::shared_ptr<Horizon>& horizon);

}  // namespace sluice::store
