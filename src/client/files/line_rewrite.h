// NDJSON files of which some lines are to be others.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::client {

/// Rewrites a file, plain or gzip as before, if `change` alters one of the lines that `may_change`
/// selects; returns whether it did. `fresh` is a path for the new file, in the same file system;
/// the old file stays until the new one is complete. kTooLarge and the errors of `change` leave the
/// old file as it is.
Result<bool> rewrite_lines(const std::filesystem::path& path, const std::filesystem::path& fresh,
                           const std::function<bool(std::string_view)>& may_change,
                           const std::function<Result<std::string>(std::string_view)>& change);

}  // namespace sluice::client
