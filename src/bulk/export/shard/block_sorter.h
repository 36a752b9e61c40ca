// The first half of an export that is organised by a type to which resources refer from anywhere
// (P-09: Group, Practitioner, Organization, Encounter): each resource goes into sorted runs, once
// for each block that it belongs to. The second half merges them.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/export/request/export_request.h"
#include "bulk/export/shard/sorted_runs.h"
#include "fhir/reference_walk.h"
#include "output/file_store.h"

namespace sluice::bulk {

/// Whether blocks are put together by sorting.
bool sorts_blocks(const ExportRequest& request);

inline constexpr std::string_view kBlockRuns = "block";

/// A line of a run, taken apart.
struct BlockLine {
  std::string_view instance;  ///< id of the resource whose block it is
  std::string_view resource;  ///< the line that goes out
};
/// nullopt when it is not what BlockSorter made.
std::optional<BlockLine> parse_block_line(std::string_view line);

/// One thread.
class BlockSorter {
 public:
  BlockSorter(output::FileStore& files, std::string job_id, std::string stem,
              const ExportRequest& request);

  /// Whether a resource may belong to a block: cheap, and never wrongly false.
  bool may_take(fhir::ResourceType type, std::string_view line) const;
  /// `line` is the whole resource, `output` what is written of it.
  Result<void> append(fhir::ResourceType type, std::string_view id, std::string_view line,
                      std::string_view output);
  Result<void> finish() { return runs_.finish(); }
  std::vector<RunFile> take_files() { return runs_.take_files(); }

 private:
  const fhir::ResourceType organizer_;
  const bool one_part_;
  fhir::ReferenceWalk walk_;
  RunWriter runs_;
  std::set<std::string, std::less<>> instances_;  // of the resource at hand
  std::string text_;
};

}  // namespace sluice::bulk
