// Of several versions of a resource in one export the newest counts, wherever it stands.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.h"

namespace sluice::client {

/// Takes out of NDJSON files the lines that stand behind a newer version of the same resource (by
/// meta.lastUpdated), so that the last line of each resource is its newest. `scratch`: a folder for
/// what it needs meanwhile. Memory does not grow with the files.
Result<void> drop_older_versions(const std::vector<std::filesystem::path>& files,
                                 const std::filesystem::path& scratch);

}  // namespace sluice::client
