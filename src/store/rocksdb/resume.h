// Taking up writes again after an error of the disk. Apart from the store because RocksDB's part in
// it may never come back.
#pragma once

#include <rocksdb/db.h>

#include <chrono>

namespace sluice::store {

/// DB::Resume, which flushes what is in memory and begins another write-ahead log. RocksDB (7.8)
/// can lose count of its flushes when one was due in the moment of the error, and then waits for
/// one that nobody does. When there was no flush for `patience`, its background work is ended, so
/// that the wait ends too, and the status says ShutdownInProgress: reads go on, writes need the
/// database opened again. What was acknowledged is in the write-ahead log.
rocksdb::Status resume(rocksdb::DB& db, std::chrono::milliseconds patience);

}  // namespace sluice::store
