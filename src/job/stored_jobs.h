// Jobs and shards as the store has them: for kinds that look at what their earlier shards found,
// and for commands that run without an engine. Thread-safe as the store is.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "job/job.h"
#include "store/store.h"

namespace sluice::job {

/// All jobs. One that cannot be read is the failed one that the next start of an engine makes of it
///
Result<std::vector<Job>> stored_jobs(const store::Store& store);
/// nullopt: there is no such job.
Result<std::optional<Job>> stored_job(const store::Store& store, std::string_view job_id);

/// At most `limit` shards, from `from` on, in the order of the output.
Result<std::vector<Shard>> stored_shards(const store::Store& store, std::string_view job_id,
                                         ShardPosition from, std::size_t limit);
/// Visits all shards in the order of the output; the first error of `visit` is returned. `at_once`:
/// how many are in memory together.
Result<void> each_shard(const store::Store& store, std::string_view job_id, std::size_t at_once,
                        const std::function<Result<void>(Shard)>& visit);

}  // namespace sluice::job
