// One input of an import: fetched when it is not a local file, then through the pipeline of a load,
// in segments that are not done again after a crash.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "base/worker_pool.h"
#include "bulk/import/import_folders.h"
#include "bulk/import/import_request.h"
#include "bulk/import/import_state.h"
#include "bulk/import/long_turn.h"
#include "bulk/load/large_text.h"
#include "bulk/load/load_parser.h"
#include "job/engine.h"
#include "output/file_store.h"
#include "store/store.h"

namespace sluice::bulk {

/// The part of an input on disk, and the validator to request the rest with.
struct FetchedPart {
  std::uint64_t received = 0;
  std::string validator = {};  ///< empty: it cannot be continued
  std::optional<std::uint64_t> total = std::nullopt;
};

/// Fetches a URL into an open file that holds the first `part.received` bytes, and reports its
/// progress. kCancelled and kStorage end the job's shard; every other error is a problem of the
/// input.
using FetchInput = std::function<Result<void>(
    const std::string& url, int fd, FetchedPart& part, const std::stop_token& stop,
    const std::function<Result<void>(const FetchedPart&)>& on_progress)>;

/// All by reference; shared by the shards.
struct ImportParts {
  store::Store& store;
  output::FileStore& files;
  const ImportFolders& folders;
  const std::filesystem::path spool;  ///< folder for what is fetched, a folder a job below it
  const FetchInput& fetch;
  WorkerPool& parse_pool;
  std::uint64_t segment_size = 64u << 20;  ///< bytes of NDJSON between two checkpoints
  std::size_t batch_size = 4u << 20;       ///< bytes of resources in one transaction
  /// The number of problems after which an input is not read further; 0: no limit.
  std::uint64_t problems_max = kProblemsMax;
  LargeText* large = nullptr;       ///< shared with loads
  LongTurns* long_turns = nullptr;  ///< nullptr: no limit
  /// The shortest turn while other clients wait, so that re-reading an interrupted input is not
  /// most of the work.
  std::chrono::steady_clock::duration turn_min = std::chrono::seconds(10);
};

/// Imports input `shard.number` of the request, or continues it. Problems of the input, even that
/// it does not exist, go to the outcome file; errors are of the store or the disk.
Result<ImportResult> run_import_shard(const ImportParts& parts, const ImportRequest& request,
                                      const job::Job& job, const job::Shard& shard,
                                      const job::ShardContext& context);

/// Whether resources of some input wait for all inputs to be read.
Result<bool> has_deferred(const ImportParts& parts, const ImportRequest& request,
                          const job::Job& job);
/// Writes the deferred resources of all inputs, or continues, after every input is read.
Result<void> run_deferred_import(const ImportParts& parts, const ImportRequest& request,
                                 const job::Job& job, const job::ShardContext& context);

}  // namespace sluice::bulk
