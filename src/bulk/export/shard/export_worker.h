// Runs one shard of an export: records of its ranges as of the snapshot, filtered, transformed,
// written.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "bulk/export/plan/export_shard.h"
#include "bulk/export/request/export_request.h"
#include "bulk/export/request/export_scope.h"
#include "bulk/export/shard/shard_inputs.h"
#include "job/engine.h"
#include "output/file_store.h"
#include "store/store.h"

namespace sluice::bulk {

/// The URL by which a job's client fetches a Binary that is an attachment (F-06): "x", or the
/// version "x/_history/3" of it.
using BinaryUrl = std::function<Result<std::string>(
    const job::Job& job, const ExportRequest& request, std::string_view binary)>;

struct WorkerEnvironment {
  const store::Store& store;
  output::FileStore& files;
  std::uint64_t file_size_max = 0;
  const BinaryUrl& binary_url;
};

/// Runs `shard` and returns its result as the job stores it. kCancelled when asked to stop; a rerun
/// of the shard overwrites its files.
Result<std::string> run_export_shard(const WorkerEnvironment& environment,
                                     const PreparedExport& prepared, const job::Job& job,
                                     const job::Shard& shard, const ShardInputs& inputs,
                                     const job::ShardContext& context);

}  // namespace sluice::bulk
