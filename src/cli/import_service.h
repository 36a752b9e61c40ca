// What `sluice serve` needs for $import: folders, downloads, threads, the kind of job.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/worker_pool.h"
#include "bulk/import/import_folders.h"
#include "bulk/import/import_job.h"
#include "fetch/input_download.h"
#include "output/file_store.h"
#include "store/store.h"

namespace sluice::cli {

struct ImportArguments {
  std::vector<std::string> folders;
  std::size_t workers = 2;
  std::uint64_t problems_max = bulk::kProblemsMax;
  client::DownloadLimits download;
};

/// Must outlive the engine that its jobs are given to, and the endpoints that check requests by its
/// rules.
class ImportService {
 public:
  /// `data` is the data folder; kNotFound for a folder that is not there.
  static Result<std::unique_ptr<ImportService>> open(const ImportArguments& arguments,
                                                     const std::filesystem::path& data,
                                                     store::Store& store, output::FileStore& files);

  bulk::ImportJobs& jobs() { return jobs_; }
  bulk::ImportRules rules() const;
  /// Shared with loads.
  bulk::LargeText& large() { return large_; }

 private:
  ImportService(const ImportArguments& arguments, const std::filesystem::path& data,
                bulk::ImportFolders folders, store::Store& store, output::FileStore& files);

  const client::DownloadLimits download_;
  const bulk::ImportFolders folders_;
  const bulk::FetchInput fetch_;
  bulk::LargeText large_;
  bulk::LongTurns long_turns_;
  WorkerPool parse_pool_;
  bulk::ImportJobs jobs_;
};

}  // namespace sluice::cli
