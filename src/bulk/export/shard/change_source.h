// What changed since `_since`, of all types.
#pragma once

#include <memory>
#include <span>

#include "bulk/export/shard/record_sources.h"

namespace sluice::bulk {

/// A part of it by the change log. Shards of their own read all that new members have.
std::unique_ptr<RecordSource> make_change_source(const SourceContext& context,
                                                 std::span<const Segment> segments);

}  // namespace sluice::bulk
