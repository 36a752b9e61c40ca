// Sources of records of a key range by one seek for each patient.
#pragma once

#include <memory>
#include <span>

#include "bulk/export/shard/record_sources.h"

namespace sluice::bulk {

/// The patients of the set, or those of them who joined the group later (kNewMembers).
std::unique_ptr<RecordSource> make_seek_source(const SourceContext& context,
                                               std::span<const Segment> segments);
/// The patients that a filter names.
std::unique_ptr<RecordSource> make_filtered_patients_source(const SourceContext& context,
                                                            std::span<const Segment> segments);

}  // namespace sluice::bulk
