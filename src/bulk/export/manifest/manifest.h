// The completion manifest of an export, as a stream: one with 100,000 files is never in memory
// (M-07).
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/export/plan/export_shard.h"
#include "bulk/export/request/export_request.h"
#include "job/engine.h"

namespace sluice::bulk {

/// An array of a manifest and the files in it.
struct ManifestArray {
  std::string_view name;
  FileKind kind;
};
/// In the order of the manifest. STU1 to STU3 read `error`, STU4 reads `outcome`: the same list
/// twice (M-02).
inline constexpr ManifestArray kManifestArrays[] = {{"output", FileKind::kOutput},
                                                    {"deleted", FileKind::kDeleted},
                                                    {"error", FileKind::kOutcome},
                                                    {"outcome", FileKind::kOutcome}};

/// What all manifests of a job begin with, up to the first array: an open object and a comma.
std::string manifest_start(const job::Job& job, const ExportRequest& request,
                           bool requires_access_token);

/// Where the views of tables were stored, by the tables' names; empty: nowhere.
using ViewSources = std::map<std::string, std::string, std::less<>>;
ViewSources view_sources(const ExportRequest& request);

/// The item of one file; `continuation_url` is empty for a file without continuation (M-03, M-06).
std::string manifest_item(const OutputFile& file, const std::string& url,
                          const std::string& continuation_url, const ViewSources& views);

/// Writes the manifest of a finished job (M-01 to M-03, M-05, M-06) piece by piece. One thread at a
/// time.
class ManifestStream {
 public:
  /// What is appended to the URL of the file of that name.
  using UrlSuffix = std::function<Result<std::string>(std::string_view name)>;

  /// `engine` must outlive the stream. `files_url`: the absolute URL that a file's name is appended
  /// to. With a `suffix` no access token is required: the URL itself is the permission (F-07).
  ManifestStream(const job::Engine& engine, const job::Job& job, const ExportRequest& request,
                 std::string files_url, bool requires_access_token, UrlSuffix suffix = {});

  /// Fills `buffer`; 0 at the end. kNotFound when the job is removed meanwhile.
  Result<std::size_t> read(std::span<char> buffer);

 private:
  Result<void> produce_page();
  Result<void> produce_item(const OutputFile& file);

  const job::Engine& engine_;
  const std::string job_id_;
  Result<std::string> url_of(const std::string& name) const;

  const std::string files_url_;
  const UrlSuffix suffix_;
  const ViewSources views_;
  std::string pending_;      ///< produced, not read yet
  std::size_t offset_ = 0;   ///< in pending_
  job::ShardPosition next_;  ///< of the shard that is read next
  bool first_ = true;        ///< of the current array
  std::size_t array_ = 0;    ///< which array of the manifest is being written
  bool has_others_ = false;  ///< whether there are files of another kind than kOutput
  bool done_ = false;
};

}  // namespace sluice::bulk
