#include "bulk/export/shard/block_finder.h"

namespace sluice::bulk {

BlockFinder::BlockFinder(const ExportRequest& request)
    : organizer_(*request.organize_by), walk_(request.base_url) {}

bool BlockFinder::may_belong(fhir::ResourceType type, std::string_view line) const {
  // The name may be written with escapes.
  return type == organizer_ || line.find(fhir::type_name(organizer_)) != std::string_view::npos ||
         line.find("\\u") != std::string_view::npos;
}

Result<const std::set<std::string, std::less<>>*> BlockFinder::find(fhir::ResourceType type,
                                                                    std::string_view id,
                                                                    std::string_view line) {
  instances_.clear();
  SLUICE_RETURN_IF_ERROR(walk_.each(line, [&](const fhir::ReferenceView& reference) {
    if (reference.type == organizer_) instances_.emplace(reference.id);
  }));
  if (type == organizer_) instances_.emplace(id);
  return &instances_;
}

Result<bool> BlockFinder::has_block(fhir::ResourceType type, std::string_view line) {
  if (type == organizer_) return true;
  if (!may_belong(type, line)) return false;
  SLUICE_ASSIGN_OR_RETURN(const auto* const instances, find(type, {}, line));
  return !instances->empty();
}

}  // namespace sluice::bulk
