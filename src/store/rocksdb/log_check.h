// Checks RocksDB's write-ahead logs before RocksDB reads them, because it cannot distinguish a
// crash from damage: it silently ignores everything after the first bad record, including
// acknowledged writes. A log that a crash or a failed write cut off ends in half a record,
// in zeros, or in garbage; if anything whole follows the bad place, the log was damaged later.
#pragma once

#include <rocksdb/env.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::store {

/// A log that does not end with a whole record.
struct TornLog {
  std::string name;
  std::uint64_t offset = 0;   ///< where its last whole record ends
  std::uint64_t dropped = 0;  ///< bytes after it
};

struct LogCheck {
  std::vector<TornLog> torn;
  bool is_torn_before_last = false;    ///< a log that is not the newest is torn
  std::uint64_t last_transaction = 0;  ///< the newest one that is whole; 0: there is none
};

/// Reads all logs in the folder of a database, which must not be open. kCorrupt, with what to do,
/// when something whole follows a damaged record, or transactions are missing between two
/// logs.
Result<LogCheck> check_logs(const std::filesystem::path& folder, rocksdb::Env& env);

}  // namespace sluice::store
