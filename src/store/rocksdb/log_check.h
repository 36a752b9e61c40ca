// Looks through RocksDB's write-ahead logs before it does, because RocksDB cannot tell a crash from
// damage: what it finds behind the first bad record it passes over without a word, and with it what
// was acknowledged. A log that a crash or a failed write cut off ends in half a record, in
// zeros, or in garbage; where anything whole stands behind the bad place, it was damaged later.
#pragma once

#include <rocksdb/env.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::store {

/// A log whose end is no whole record.
struct TornLog {
  std::string name;
  std::uint64_t offset = 0;   ///< where its last whole record ends
  std::uint64_t dropped = 0;  ///< bytes behind it
};

struct LogCheck {
  std::vector<TornLog> torn;
  bool is_torn_before_last = false;    ///< a log that is not the newest is torn
  std::uint64_t last_transaction = 0;  ///< the newest one that is whole; 0: there is none
};

/// Reads all logs in the folder of a database, which nobody has open. kCorrupt, with what to do,
/// when something whole stands behind a damaged record, or transactions are missing between two
/// logs.
Result<LogCheck> check_logs(const std::filesystem::path& folder, rocksdb::Env& env);

}  // namespace sluice::store
