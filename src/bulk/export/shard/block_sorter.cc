#include "bulk/export/shard/block_sorter.h"

#include <fmt/format.h>

namespace sluice::bulk {
namespace {

// Between the fields of a line. Smaller than any character of an id, so that blocks, and resources
// within a block, come in the order of their ids.
constexpr char kTab = '\t';

}  // namespace

std::optional<BlockLine> parse_block_line(std::string_view line) {
  const std::size_t first = line.find(kTab);
  std::size_t at = first;
  for (int i = 0; i < 3 && at != std::string_view::npos; ++i) at = line.find(kTab, at + 1);
  if (at == std::string_view::npos) return std::nullopt;
  return BlockLine{line.substr(0, first), line.substr(at + 1)};
}

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
  SLUICE_CHECK(walk_.each(line, [&](const fhir::ReferenceView& reference) {
    if (reference.type == organizer_) instances_.emplace(reference.id);
  }));
  if (type == organizer_) instances_.emplace(id);
  return &instances_;
}

Result<bool> BlockFinder::has_block(fhir::ResourceType type, std::string_view line) {
  if (type == organizer_) return true;
  if (!may_belong(type, line)) return false;
  SLUICE_TRY(const auto* const instances, find(type, {}, line));
  return !instances->empty();
}

BlockSorter::BlockSorter(output::FileStore& files, std::string job_id, std::string stem,
                         const ExportRequest& request)
    :  // With a minimal file size only the last file may be smaller.
      one_part_(request.file_size_min.has_value()),
      finder_(request),
      runs_(files, std::move(job_id), std::string(kBlockRuns), std::move(stem)) {}

Result<void> BlockSorter::append(fhir::ResourceType type, std::string_view id,
                                 std::string_view line, std::string_view output) {
  SLUICE_TRY(const auto* const instances, finder_.find(type, id, line));
  const bool is_organizer = type == finder_.organizer();
  for (const auto& instance : *instances) {
    text_.clear();
    // The resource itself comes first in its block.
    fmt::format_to(std::back_inserter(text_), "{}{}{}{}{}{}{}{}", instance, kTab,
                   is_organizer && instance == id ? '0' : '1', kTab, fhir::type_name(type), kTab,
                   id, kTab);
    text_ += output;
    SLUICE_CHECK(runs_.add(one_part_ ? 0 : run_part(instance), text_));
  }
  return {};
}

}  // namespace sluice::bulk
