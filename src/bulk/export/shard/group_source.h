// The source of the Groups of an export.
#pragma once

#include <memory>
#include <span>

#include "bulk/export/shard/record_sources.h"

namespace sluice::bulk {

/// The exported Group, or those whose members are in the export.
std::unique_ptr<RecordSource> make_group_source(const SourceContext& context,
                                                std::span<const Segment> segments);

}  // namespace sluice::bulk
