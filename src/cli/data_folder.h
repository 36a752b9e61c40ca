// Changes a data folder: through the control socket in the server that has the store open, or in
// this process when there is none.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "bulk/load/load.h"
#include "cli/control_channel.h"
#include "smart/audit.h"
#include "store/store.h"

namespace sluice::cli {

/// Loads what `options` name. Errors as of bulk::load(), and kConflict when a process other than a
/// server has the store open.
Result<bulk::LoadSummary> load_into(const std::filesystem::path& data,
                                    const bulk::LoadOptions& options, const std::stop_token& stop);

using RemovalCounts = std::map<std::string, std::uint64_t>;  // of resources that existed, by type

/// Deletes resources, each "Type/id" in two parts; kInvalid names a type or id that is none.
Result<RemovalCounts> remove_from(const std::filesystem::path& data,
                                  const std::vector<std::pair<std::string, std::string>>& resources,
                                  const std::stop_token& stop);

/// The server's end of a removal. `audit` may be null.
void serve_removal(store::Store& store, smart::AuditLog* audit, ControlChannel& channel,
                   const std::stop_token& stop);

}  // namespace sluice::cli
