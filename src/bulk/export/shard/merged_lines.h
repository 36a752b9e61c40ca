// The lines of the sorted runs of a shard, in order.
#pragma once

#include "bulk/export/shard/record_sources.h"
#include "bulk/export/shard/sorted_runs.h"

namespace sluice::bulk {

/// Calls `visit` with each, until it returns an error.
template <class Visit>
Result<void> each_merged_line(const SourceContext& context, Visit visit) {
  SLUICE_ASSIGN_OR_RETURN(
      auto merge, RunMerge::open(context.files, context.job_id, context.inputs.runs, context.stem,
                                 [&](std::uint64_t bytes) { return context.step(bytes); }));
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const auto line, merge.next());
    if (!line) return merge.remove_merged();
    SLUICE_RETURN_IF_ERROR(visit(*line));
  }
}

}  // namespace sluice::bulk
