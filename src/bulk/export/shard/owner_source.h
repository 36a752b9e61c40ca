// Records of several types in the order of their owners (P-09).
#pragma once

#include <memory>
#include <span>

#include "bulk/export/shard/record_sources.h"

namespace sluice::bulk {

/// The segments merged. Each patient's block has all that refers to them, so what refers to several
/// stands in several.
std::unique_ptr<RecordSource> make_owner_source(const SourceContext& context,
                                                std::span<const Segment> segments);

}  // namespace sluice::bulk
