// The manifest of an export with `allowPartialManifests` in pages (P-10, M-07), which can be read
// while the job runs.
//
// Files count in the order of their shards, up to the first shard that is not done. The number of a
// page fixes how many files it has, and a page is shown once it is full or the job is done. So the
// server need not remember what it has shown: a page is the same for every request, also after a
// restart, except for the link to the next one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/export/manifest/manifest.h"
#include "bulk/export/plan/export_shard.h"
#include "bulk/export/request/export_request.h"
#include "job/engine.h"

namespace sluice::bulk {

/// Where a page begins: the position of its first file, as the link to the page states it.
struct ManifestCursor {
  unsigned page = 0;
  unsigned phase = 0;
  unsigned shard = 0;
  unsigned file = 0;  ///< within the shard
  friend bool operator==(const ManifestCursor&, const ManifestCursor&) = default;
};
std::string to_text(const ManifestCursor& position);  ///< "3-0-12-5"
/// kNotFound when the text is not what to_text makes.
Result<ManifestCursor> parse_manifest_cursor(std::string_view text);

/// The number of files of a page: few at first, so that a client can begin early.
std::size_t files_of_page(unsigned page);

/// Reads the pages of one job. One thread at a time.
class ManifestPages {
 public:
  /// As for ManifestStream; the URL of a page is `pages_url` and its position.
  ManifestPages(const job::Engine& engine, const job::Job& job, const ExportRequest& request,
                std::string files_url, std::string pages_url, bool requires_access_token,
                ManifestStream::UrlSuffix suffix = {});

  /// nullopt when the page is not to be shown yet; kNotFound when there will be none.
  Result<std::optional<std::string>> read(const ManifestCursor& position) const;

 private:
  struct Files {
    std::vector<OutputFile> of_page;
    std::optional<ManifestCursor> next;  ///< of the next page, when that can be shown
    bool is_shown = false;
  };
  Result<Files> collect(const ManifestCursor& position) const;
  Result<std::string> url_of(const std::string& name) const;

  const job::Engine& engine_;
  const job::Job job_;
  const ExportRequest& request_;
  const std::string files_url_;
  const std::string pages_url_;
  const bool requires_access_token_;
  const ManifestStream::UrlSuffix suffix_;
};

/// Whether a shard that is done has written the file, so that it will not change any more.
Result<bool> is_finished_file(const job::Engine& engine, std::string_view job_id,
                              std::string_view name);

}  // namespace sluice::bulk
