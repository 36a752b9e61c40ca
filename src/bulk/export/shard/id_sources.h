// Sources of records whose ids are known.
#pragma once

#include <memory>
#include <span>

#include "bulk/export/shard/record_sources.h"

namespace sluice::bulk {

/// Reads resources that a filter names by id, and no others of the type.
std::unique_ptr<RecordSource> make_filtered_ids_source(const SourceContext& context,
                                                       std::span<const Segment> segments);
/// The supporting resources that earlier shards referred to (G-05).
std::unique_ptr<RecordSource> make_supporting_source(const SourceContext& context,
                                                     std::span<const Segment> segments);

}  // namespace sluice::bulk
