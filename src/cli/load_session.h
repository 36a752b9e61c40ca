// A load that one process asks for and the server of the data folder does: the command opens the
// files and shows what comes back, the server reads, checks and writes, as fast as a load of its
// own.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <stop_token>

#include "base/result.h"
#include "bulk/load/load.h"
#include "cli/control_channel.h"
#include "smart/audit.h"
#include "store/store.h"

namespace sluice::cli {

/// The command's end: sends `options`, and each file when the server requests it, calls the
/// options' callbacks, returns the summary of the server's load().
Result<bulk::LoadSummary> load_by_server(ControlChannel& channel, const bulk::LoadOptions& options,
                                         const std::stop_token& stop);

/// What the server's end needs of the server.
struct LoadService {
  store::Store& store;
  bulk::LargeText& large;
  std::filesystem::path folder;  ///< for what waits for the end of a load
  smart::AuditLog* audit;        ///< may be null
};

/// The server's end: does the load of `request` and reports problems and progress. Ends when the
/// command disconnects or `stop` is requested; what was committed stays.
void serve_load(const LoadService& service, ControlChannel& channel,
                const boost::json::object& request, const std::stop_token& stop);

}  // namespace sluice::cli
