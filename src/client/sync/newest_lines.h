// Of several versions of a resource in one export the newest counts, wherever it stands.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::client {

/// Gives NDJSON files out one by one, in the same order each time: there may be millions.
using EachPath =
    std::function<Result<void>(const std::function<Result<void>(const std::filesystem::path&)>&)>;

/// What was in files more than once.
struct Repeated {
  std::uint64_t resources = 0;
  std::uint64_t lines = 0;  ///< that were taken out
};

using RepeatedByType = std::map<std::string, Repeated, std::less<>>;

/// What keep_newest_lines() calls; each may be empty, and its error ends all.
struct NewestLinesEvents {
  std::function<Result<void>()> check;                          ///< often
  std::function<Result<void>(const RepeatedByType&)> on_found;  ///< before a file is changed
};

/// Takes out of NDJSON files all lines of a resource but its newest by meta.lastUpdated, at a tie
/// the last. Changes a file only when it has such lines; doing it again changes nothing. `scratch`:
/// a folder for what it needs meanwhile. Memory: a bit for each line, eight bytes for each file,
/// and what 64 MB of resources are called.
Result<void> keep_newest_lines(const EachPath& files, const std::filesystem::path& scratch,
                               const NewestLinesEvents& events = {});

/// Takes out of NDJSON files the lines that stand behind a newer version of the same resource, so
/// that the last line of each resource is its newest.
Result<void> drop_older_versions(const std::vector<std::filesystem::path>& files,
                                 const std::filesystem::path& scratch);

}  // namespace sluice::client
