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

inline constexpr std::string_view kBlockRuns = "block";

/// A parsed line of a run.
struct BlockLine {
  std::string_view instance;  ///< id of the resource whose block it is
  std::string_view resource;  ///< the line that goes out
};
/// nullopt when it is not what BlockSorter made.
std::optional<BlockLine> parse_block_line(std::string_view line);

/// In which blocks a resource belongs: its own when it is of the organizing type, and those of the
/// resources that it refers to. One thread.
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
  std::set<std::string, std::less<>> instances_;  // of the current resource
};

/// One thread.
class BlockSorter {
 public:
  BlockSorter(output::FileStore& files, std::string job_id, std::string stem,
              const ExportRequest& request);

  bool may_take(fhir::ResourceType type, std::string_view line) const {
    return finder_.may_belong(type, line);
  }
  /// `line` is the whole resource, `output` what is written of it.
  Result<void> append(fhir::ResourceType type, std::string_view id, std::string_view line,
                      std::string_view output);
  Result<void> finish() { return runs_.finish(); }
  std::vector<RunFile> take_files() { return runs_.take_files(); }

 private:
  const bool one_part_;
  BlockFinder finder_;
  RunWriter runs_;
  std::string text_;
};

}  // namespace sluice::bulk
