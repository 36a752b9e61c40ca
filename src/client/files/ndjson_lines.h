// The lines of an NDJSON file on disk, plain or gzip.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

#include "base/result.h"

namespace sluice::client {

/// Calls `take` with each line that is not blank, without its line break and without a byte order
/// mark at the file's beginning. Adds the names of file and line to an error of kind kCorrupt that
/// `take` returns. kTooLarge for a line of more than kLineSizeMax bytes (line_check.h).
Result<void> each_line(const std::filesystem::path& path,
                       const std::function<Result<void>(std::string_view)>& take);

}  // namespace sluice::client
