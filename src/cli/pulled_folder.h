// What `sluice load` and `sluice table` take from a folder that `sluice pull --out` made: its
// resources and deletions, not the files about the pull itself.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace sluice::cli {

/// Replaces each of `paths` that is such a folder by its files of resources, without the log of the
/// pull. Returns these folders. `notice`: for people, the skipped files. kNotFound names a path
/// that does not exist.
Result<std::vector<std::filesystem::path>> take_pulled_folders(
    std::vector<std::string>& paths, const std::function<void(const std::string&)>& notice);

/// Tells people that a file of a folder is no data by its name.
void tell_passed_over(const std::string& path);

/// Type and id of what the Bundles in the folder's deleted/ delete, except what its files of
/// resources hold.
Result<std::vector<std::pair<std::string, std::string>>> read_pulled_deletions(
    const std::filesystem::path& folder);

}  // namespace sluice::cli
