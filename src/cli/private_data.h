// Makes a data folder readable by its owner only (docs/security.md). RocksDB creates files that
// everybody may read, and so did earlier versions.
#pragma once

#include <filesystem>

namespace sluice::cli {

/// From now on this process creates files and folders for their owner only; also changes the
/// existing files of a data folder. Logs what it cannot change.
void keep_private(const std::filesystem::path& data);

}  // namespace sluice::cli
