// The results of earlier phases that a shard needs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bulk/export/plan/export_shard.h"
#include "bulk/export/shard/provenance.h"
#include "bulk/export/shard/supporting_references.h"

namespace sluice::bulk {

struct ShardInputs {
  std::vector<InternalLines> references;  ///< kSupporting
  FoundProvenances provenances;           ///< kProvenanceOfScope
  /// kProvenance, kProvenanceChanges: the supporting resources of the export; nullptr for a level
  /// without. kSupporting: those that were known before, if still available.
  std::shared_ptr<const ClosedReferences> referred;
  std::vector<std::string> runs;  ///< kLatest, kChosen, kBlocks: those of the shard's part
};

}  // namespace sluice::bulk
