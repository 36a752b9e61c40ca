#include "bulk/export/shard/record_sources.h"

#include <algorithm>
#include <array>

#include "bulk/export/shard/change_source.h"
#include "bulk/export/shard/group_source.h"
#include "bulk/export/shard/id_sources.h"
#include "bulk/export/shard/owner_source.h"
#include "bulk/export/shard/provenance_sources.h"
#include "bulk/export/shard/scan_source.h"
#include "bulk/export/shard/seek_sources.h"

namespace sluice::bulk {
namespace {

struct SourceKind {
  ReadMode mode;
  std::unique_ptr<RecordSource> (*make)(const SourceContext& context,
                                        std::span<const Segment> segments);
};

// A new way of reading is a line here.
constexpr std::array kSources{
    SourceKind{ReadMode::kScan, make_scan_source},
    SourceKind{ReadMode::kSeek, make_seek_source},
    SourceKind{ReadMode::kNewMembers, make_seek_source},
    SourceKind{ReadMode::kFilteredIds, make_filtered_ids_source},
    SourceKind{ReadMode::kFilteredPatients, make_filtered_patients_source},
    SourceKind{ReadMode::kGroups, make_group_source},
    SourceKind{ReadMode::kChanges, make_change_source},
    SourceKind{ReadMode::kSupporting, make_supporting_source},
    SourceKind{ReadMode::kByOwner, make_owner_source},
    SourceKind{ReadMode::kProvenance, make_provenance_scan_source},
    SourceKind{ReadMode::kProvenanceChanges, make_provenance_change_source},
    SourceKind{ReadMode::kProvenanceOfScope, make_provenance_scope_source},
    SourceKind{ReadMode::kChosen, make_chosen_provenance_source},
};

}  // namespace

std::size_t segments_of_source(std::span<const Segment> segments) {
  return segments.front().mode == ReadMode::kByOwner ? segments.size() : 1;
}

Result<std::unique_ptr<RecordSource>> make_source(const SourceContext& context,
                                                  std::span<const Segment> segments) {
  const ReadMode mode = segments.front().mode;
  const auto* const kind = std::find_if(kSources.begin(), kSources.end(),
                                        [&](const SourceKind& each) { return each.mode == mode; });
  if (kind == kSources.end())
    return corrupt("a stored part of an export cannot be read", "read mode");
  return kind->make(context, segments);
}

}  // namespace sluice::bulk
