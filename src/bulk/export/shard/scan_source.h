// The source of records of a key range, in order.
#pragma once

#include <memory>
#include <span>

#include "bulk/export/shard/record_sources.h"

namespace sluice::bulk {

/// Skips owners outside the patient set.
std::unique_ptr<RecordSource> make_scan_source(const SourceContext& context,
                                               std::span<const Segment> segments);

}  // namespace sluice::bulk
