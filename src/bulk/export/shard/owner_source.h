// Records of several types in the order of their owners (P-09).
#pragma once

#include <memory>
#include <span>

#include "bulk/export/shard/record_sources.h"

namespace sluice::bulk {

/// Merges the segments. Each patient's block has everything that refers to the patient, so a
/// resource that refers to several patients is in several blocks.
std::unique_ptr<RecordSource> make_owner_source(const SourceContext& context,
                                                std::span<const Segment> segments);

}  // namespace sluice::bulk
