// NDJSON files of which some lines are to be others.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::client {

/// Writes a file anew, plain or gzip as it was, when `change` makes another line of one of those
/// that `may_change` lets through; whether it did. `fresh` is a path for the new file, in the same
/// file system; the old one is there until the new one is whole. kTooLarge and the errors of
/// `change` leave it as it is.
Result<bool> rewrite_lines(const std::filesystem::path& path, const std::filesystem::path& fresh,
                           const std::function<bool(std::string_view)>& may_change,
                           const std::function<Result<std::string>(std::string_view)>& change);

}  // namespace sluice::client
