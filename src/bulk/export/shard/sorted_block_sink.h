// The first half of an export that is organised by a type that any resource may reference (P-09):
// writes each resource into sorted runs, once for each block that it belongs to. The second half
// merges them.
#pragma once

#include <memory>
#include <string_view>

#include "bulk/export/shard/record_sinks.h"
#include "bulk/export/shard/record_sources.h"

namespace sluice::bulk {

inline constexpr std::string_view kBlockRuns = "block";

std::unique_ptr<RecordSink> make_sorted_block_sink(const SinkContext& context);

/// The second half: passes the merged lines to the sink, block by block.
Result<void> merge_blocks(const SourceContext& context, RecordSink& sink);

}  // namespace sluice::bulk
