// The folder's log.ndjson: what happened, in the format of SMART's bulk-data-client (version 2 of
// its log), which other tools read.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/instant.h"
#include "client/protocol/discovery.h"
#include "client/protocol/pull_request.h"
#include "client/pull/pull_state.h"

namespace sluice::client {

/// Thread-safe. Ignores errors of writing: a pull does not depend on its log. Writes URLs without
/// their queries.
class ExportLog {
 public:
  /// Appends to FOLDER/log.ndjson from the first line on.
  ExportLog(std::filesystem::path folder, const Clock& clock)
      : path_(std::move(folder) / "log.ndjson"), clock_(clock) {}

  /// All lines from now on are of the export with this status URL, also in another run.
  void begin(const std::string& status_url);
  /// `refusal`: why there is no export; empty when there is one.
  void kick_off(const std::string& url, const PullRequest& request, const Discovered& server,
                const std::string& refusal);
  void status_error(const std::string& message);
  /// The manifest is complete.
  void manifest(const Round& round, std::uint64_t pages);
  void download_request(const ManifestItem& item);
  void download_complete(const ManifestItem& item, const FileSummary& summary);
  void download_error(const ManifestItem& item, const std::string& message);
  void export_complete(const Round& round);

 private:
  void write(std::string_view event, boost::json::object detail);

  const std::filesystem::path path_;
  const Clock& clock_;
  Instant began_{0};
  std::mutex mutex_;
  FileDescriptor file_;    // guarded by mutex_
  std::string export_id_;  // guarded by mutex_
};

}  // namespace sluice::client
