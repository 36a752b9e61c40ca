// Taking up writes again after an error of the disk. Apart from the store because RocksDB's part in
// it may never come back.
#pragma once

#include <rocksdb/db.h>

#include <chrono>

namespace sluice::store {

/// DB::Resume, which flushes memory and begins another write-ahead log. RocksDB (7.8) can lose
/// count of its flushes when one was due at the moment of the error, and then waits for one that
/// never runs. After `patience` without a flush, this ends the background work, so that the wait
/// ends, and the status is ShutdownInProgress: reads continue, writes need the database to be
/// opened again. Acknowledged writes are in the write-ahead log.
rocksdb::Status resume(rocksdb::DB& db, std::chrono::milliseconds patience);

}  // namespace sluice::store
