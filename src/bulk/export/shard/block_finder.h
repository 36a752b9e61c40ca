// In an export that is organised by a type to which resources refer from anywhere (P-09: Group,
// Practitioner, Organization, Encounter): in which blocks a resource belongs.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "bulk/export/request/export_request.h"
#include "fhir/reference_walk.h"

namespace sluice::bulk {

/// A resource belongs in its own block when it is of the organizing type, and in those of the
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
  /// Whether there is one.
  Result<bool> has_block(fhir::ResourceType type, std::string_view line);

 private:
  const fhir::ResourceType organizer_;
  fhir::ReferenceWalk walk_;
  std::set<std::string, std::less<>> instances_;  // of the resource at hand
};

}  // namespace sluice::bulk
