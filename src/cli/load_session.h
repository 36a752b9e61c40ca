// A load that one process asks for and the server of the data folder does: the command opens the
// files and shows what comes back, the server reads, checks and writes, as fast as a load of its
// own.
#pragma once

#include <boost/json/object.hpp>
#include <stop_token>

#include "base/result.h"
#include "bulk/load.h"
#include "cli/control_channel.h"
#include "smart/audit.h"
#include "store/store.h"

namespace sluice::cli {

/// The command's end: sends `options` and each file as it is wanted, calls the options' callbacks,
/// returns what the server's load() did.
Result<bulk::LoadSummary> load_by_server(ControlChannel& channel, const bulk::LoadOptions& options,
                                         const std::stop_token& stop);

/// The server's end: does the load that `request` asks for and tells all of it. Ends when the
/// command goes away or `stop` is asked; what was committed stays. `audit` may be null.
void serve_load(store::Store& store, bulk::LargeText& large, smart::AuditLog* audit,
                ControlChannel& channel, const boost::json::object& request,
                const std::stop_token& stop);

}  // namespace sluice::cli
