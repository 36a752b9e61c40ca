// Finds the blocks that a resource belongs to, in an export organised by a type that any resource
// may reference (P-09: Group, Practitioner, Organization, Encounter).
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "bulk/export/request/export_request.h"
#include "fhir/reference_walk.h"

namespace sluice::bulk {

/// A resource belongs to its own block if it is of the organizing type, and to those of the
/// resources that it refers to. Not thread-safe.
class BlockFinder {
 public:
  /// `request` must sort its blocks.
  explicit BlockFinder(const ExportRequest& request);

  fhir::ResourceType organizer() const { return organizer_; }
  /// Whether a resource may belong to a block: cheap, and never wrongly false.
  bool may_belong(fhir::ResourceType type, std::string_view line) const;
  /// The ids of the organizing resources; valid until the next call. `line` is the whole resource.
  Result<const std::set<std::string, std::less<>>*> find(fhir::ResourceType type,
                                                         std::string_view id,
                                                         std::string_view line);
  /// Whether it belongs to a block.
  Result<bool> has_block(fhir::ResourceType type, std::string_view line);

 private:
  const fhir::ResourceType organizer_;
  fhir::ReferenceWalk walk_;
  std::set<std::string, std::less<>> instances_;  // of the current resource
};

}  // namespace sluice::bulk
