// Changes a data folder: through the control socket in the server that has the store open, or in
// this process when there is none.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "bulk/load/load.h"
#include "cli/control_channel.h"
#include "smart/audit.h"
#include "store/rocksdb/rocksdb_store.h"
#include "store/store.h"

namespace sluice::cli {

enum class StoreUse : std::uint8_t {
  kExisting,  ///< it must exist: nothing is created
  kCreate,    ///< create it if it is missing
};

/// Opens a data folder's store for a command; from then on it creates files for their owner only.
/// kNotFound when there is none and kExisting; kConflict names the process that has it open.
Result<std::unique_ptr<store::Store>> open_store(const std::filesystem::path& data,
                                                 const Clock& clock, StoreUse use,
                                                 store::RocksdbStoreOptions options = {});

/// Loads what `options` name. Errors as of bulk::load(), and kConflict when a process other than a
/// server has the store open.
Result<bulk::LoadSummary> load_into(const std::filesystem::path& data,
                                    const bulk::LoadOptions& options, const std::stop_token& stop);

using RemovalCounts = std::map<std::string, std::uint64_t>;  // of resources that existed, by type

/// Deletes resources, each "Type/id" in two parts; kInvalid names an invalid type or id.
Result<RemovalCounts> remove_from(const std::filesystem::path& data,
                                  const std::vector<std::pair<std::string, std::string>>& resources,
                                  const std::stop_token& stop);

/// The server's end of a removal. `audit` may be null.
void serve_removal(store::Store& store, smart::AuditLog* audit, ControlChannel& channel,
                   const std::stop_token& stop);

}  // namespace sluice::cli
