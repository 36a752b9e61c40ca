// The records that changed since `_since`, of all types.
#pragma once

#include <memory>
#include <span>

#include "bulk/export/shard/record_sources.h"

namespace sluice::bulk {

/// A part of them, by the change log. Other shards read all data of new members.
std::unique_ptr<RecordSource> make_change_source(const SourceContext& context,
                                                 std::span<const Segment> segments);

}  // namespace sluice::bulk
