// The first half of an export that is organised by a type to which resources refer from anywhere
// (P-09): each resource goes into sorted runs, once for each block that it belongs to. The second
// half merges them.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "bulk/export/shard/record_sinks.h"

namespace sluice::bulk {

inline constexpr std::string_view kBlockRuns = "block";

std::unique_ptr<RecordSink> make_sorted_block_sink(const SinkContext& context);

/// A line of a run, taken apart.
struct BlockLine {
  std::string_view instance;  ///< id of the resource whose block it is
  fhir::ResourceType type;
  std::string_view id;
  std::string_view resource;  ///< the line that goes out
};
/// nullopt when it is not what the sink made.
std::optional<BlockLine> parse_block_line(std::string_view line);

}  // namespace sluice::bulk
