// Does one shard of an export: records of its ranges as of the snapshot, filtered, projected,
// written.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "bulk/export_filter.h"
#include "bulk/export_request.h"
#include "bulk/export_shard.h"
#include "bulk/export_writer.h"
#include "bulk/reference_set.h"
#include "bulk/roster.h"
#include "fhir/elements.h"
#include "job/engine.h"
#include "output/file_store.h"
#include "store/store.h"

namespace sluice::bulk {

/// What the shards of a job share. Immutable, thread-safe.
struct PreparedExport {
  ExportRequest request;
  store::Commit snapshot;
  std::shared_ptr<const Roster> roster;  ///< nullptr: not limited to patients
  std::optional<fhir::ElementsSelection> elements;
  ExportFilters filters;
};

/// The URL by which a job's client fetches a Binary that is an attachment (F-06).
using BinaryUrl = std::function<Result<std::string>(
    const job::Job& job, const ExportRequest& request, std::string_view binary_id)>;

struct WorkerEnvironment {
  const store::Store& store;
  output::FileStore& files;
  std::uint64_t file_size_max = 0;
  const BinaryUrl& binary_url;
};

/// Does `shard` and returns its result as the job keeps it. kCancelled when asked to stop; what it
/// wrote is overwritten when the shard is done again.
Result<std::string> run_export_shard(const WorkerEnvironment& environment,
                                     const PreparedExport& prepared, const job::Job& job,
                                     const job::Shard& shard,
                                     const std::vector<std::string>& references_files,
                                     const job::ShardContext& context);

}  // namespace sluice::bulk
