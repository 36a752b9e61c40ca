// What `sluice load` takes of a folder that `sluice pull --out` made: its resources and deletions,
// and not what stands beside them about the pull itself.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace sluice::cli {

/// Puts in place of each of `paths` that is such a folder its files of resources, and leaves the
/// log of a pull out. Returns these folders. `notice`: for people, what was passed over. kNotFound
/// names a path that is not there.
Result<std::vector<std::filesystem::path>> take_pulled_folders(
    std::vector<std::string>& paths, const std::function<void(const std::string&)>& notice);

/// What the Bundles in the folder's deleted/ delete, but for what its files of resources hold:
/// type and id.
Result<std::vector<std::pair<std::string, std::string>>> read_pulled_deletions(
    const std::filesystem::path& folder);

}  // namespace sluice::cli
