// Sources of Provenances that may belong to an export (P-08); a filter by their targets follows the
// first three (provenance_choice.h).
#pragma once

#include <memory>
#include <span>

#include "bulk/export/shard/record_sources.h"

namespace sluice::bulk {

std::unique_ptr<RecordSource> make_provenance_scan_source(const SourceContext& context,
                                                          std::span<const Segment> segments);
std::unique_ptr<RecordSource> make_provenance_change_source(const SourceContext& context,
                                                            std::span<const Segment> segments);
/// Finds them by the resources in scope.
std::unique_ptr<RecordSource> make_provenance_scope_source(const SourceContext& context,
                                                           std::span<const Segment> segments);
/// Reads those that are the newest of some target: a part of the result of choose_latest().
std::unique_ptr<RecordSource> make_chosen_provenance_source(const SourceContext& context,
                                                            std::span<const Segment> segments);

}  // namespace sluice::bulk
