// Opening a store on another file system than the machine's: how tests inject faults of the disk.
#pragma once

#include <filesystem>
#include <memory>

#include "store/rocksdb/rocksdb_store.h"

namespace rocksdb {
class Env;
}

namespace sluice::store {

/// As open_rocksdb_store. `env` must outlive the store; null for the machine's.
Result<std::unique_ptr<Store>> open_rocksdb_store_with_env(const std::filesystem::path& folder,
                                                           const Clock& clock,
                                                           const RocksdbStoreOptions& options,
                                                           rocksdb::Env* env);

}  // namespace sluice::store
