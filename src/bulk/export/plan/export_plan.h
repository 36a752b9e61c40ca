// Cuts an export into shards and chooses how each reads (K-02: none of it happens at the kick-off).
#pragma once

#include <cstdint>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "bulk/export/plan/export_shard.h"
#include "bulk/export/request/export_request.h"
#include "bulk/export/request/export_scope.h"
#include "job/engine.h"
#include "store/store.h"

namespace sluice::bulk {

/// How large things are made.
struct ExportSizes {
  std::uint64_t shard_size = 192u << 20;     ///< bytes read by a shard, at most about
  std::uint64_t shard_size_min = 12u << 20;  ///< cutting smaller shards costs more than it gains
  std::uint64_t file_size_max = 1024u
                                << 20;  ///< bytes of NDJSON in a file when the client does not say
  std::size_t workers = 2;
};

/// The shards of kMainPhase, in the order of the output.
Result<std::vector<job::ShardPlan>> plan_export(const store::Store& store,
                                                const PreparedExport& prepared,
                                                const ExportSizes& sizes);

/// The shards of kProvenancePhase. `walked`: the types whose Provenances the first phase found.
Result<std::vector<job::ShardPlan>> plan_provenance(const store::Store& store,
                                                    const PreparedExport& prepared,
                                                    const ExportSizes& sizes,
                                                    const std::set<fhir::ResourceType>& walked);

}  // namespace sluice::bulk
