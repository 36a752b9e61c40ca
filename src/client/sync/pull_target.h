// Where what was pulled goes when it is not to stay in the folder: a store, say (L-10).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "client/pull/pull_state.h"
#include "client/sync/local_copy.h"

namespace sluice::client {

struct Delivered {
  std::map<std::string, CopyCounts> counts;  ///< by type; without totals
  std::uint64_t refused = 0;                 ///< resources that were not taken
};

/// What a target had before and a full export has no longer.
struct Gone {
  std::vector<std::pair<std::string, std::string>> resources;
  std::uint64_t old_total = 0;  ///< of what it had
};

/// What is given twice must change nothing the second time: a crash in between gives it again.
class PullTarget {
 public:
  virtual ~PullTarget() = default;
  /// From now on it knows the folder, even when the first files bring nothing.
  virtual Result<void> begin() = 0;
  /// Whether it still has what put() was given: a target that was made anew has not.
  virtual Result<bool> is_known() = 0;
  /// Takes all resources of NDJSON files, plain or gzip.
  virtual Result<Delivered> put(const std::vector<std::filesystem::path>& files) = 0;
  /// Takes resources away, each "Type/id" in two parts; those that are not there do not count.
  virtual Result<Delivered> remove(
      const std::vector<std::pair<std::string, std::string>>& resources) = 0;
  /// How many resources it has now, by type.
  virtual Result<std::map<std::string, std::uint64_t>> totals() = 0;
  /// What put() was given before and these files, which are all that there is now, do not have.
  virtual Result<Gone> find_gone(const std::vector<std::filesystem::path>& files) = 0;
};

/// What the Bundles of deletions among `files` delete and none of the resources among them is:
/// what was deleted and is there again at the end stays. Paths are relative to `folder`.
Result<std::vector<std::pair<std::string, std::string>>> read_lasting_deletions(
    const std::filesystem::path& folder, const EachCopyFile& files);

/// Delivers a finished round to `target`: its resources, then its deletions, except deletions of
/// resources in the same round. Removes files that were taken completely from the folder; files of
/// outcomes stay. Records it in the journal; a delivered round is not delivered again.
/// `takes_deletions`: not of an export of all, which says itself what is gone.
Result<Delivered> deliver(PullState& state, const Round& round, PullTarget& target,
                          bool takes_deletions = true);

/// Removes the files of a round that its target has taken completely, as deliver() does: a run may
/// have been killed before. Who wants to know what was refused finds the files.
Result<void> remove_delivered(const PullState& state, const Round& round);

}  // namespace sluice::client
