// The progress of an import with one input, as stored: written in the same transactions as the
// resources that it counts, so that a crash loses or repeats neither (docs/formats.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/load/load_committer.h"
#include "bulk/load/load_source.h"
#include "store/store.h"

namespace sluice::bulk {

/// The result of one input, and of its shard.
struct ImportResult {
  LoadCounts counts;
  std::uint64_t superseded = 0;  ///< earlier duplicates within the input
  std::uint64_t problems = 0;    ///< lines of the outcome file
  std::string file;              ///< with the outcomes; empty when there are none
  std::uint64_t file_size = 0;   ///< uncompressed

  /// Resources that were taken in.
  std::uint64_t accepted() const {
    return counts.created + counts.updated + counts.unchanged + superseded;
  }
};

struct ImportState {
  // Of a download.
  bool fetched = false;
  std::uint64_t received = 0;  ///< bytes that are safely on the disk
  std::string validator = {};  ///< of these
  // Of the load: segments before `segment` are done, and of it `counted` resources.
  unsigned segment = 0;
  LoadPosition position = {};  ///< where the segment begins
  std::uint64_t counted = 0;
  std::uint64_t refused = 0;  ///< lines of whole segments that were not loaded
  std::uint64_t warned = 0;   ///< loaded with validation issues
  ImportResult so_far = {};   ///< of everything counted; `problems` of whole segments
  std::vector<std::string> problem_files = {};
  bool is_done = false;  ///< `so_far` is the result, except for deferred resources
  /// Segments with resources that wait for all inputs to be read (deferred.h).
  std::vector<unsigned> deferred = {};
  bool is_resolved = false;  ///< these are in `so_far` too
};

std::string serialize(const ImportResult& result);
Result<ImportResult> parse_import_result(std::string_view text);
std::string serialize(const ImportState& state);
Result<ImportState> parse_import_state(std::string_view text);

/// "import/<job id>/": the prefix of a job's states.
std::string import_state_prefix(std::string_view job_id);
std::string import_state_key(std::string_view job_id, unsigned number);

}  // namespace sluice::bulk
