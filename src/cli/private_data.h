// Who may read a data folder: its owner alone (docs/security.md). RocksDB makes its files for
// everybody, and folders of earlier versions have such.
#pragma once

#include <filesystem>

namespace sluice::cli {

/// From now on this process makes files and folders for their owner alone; what there is of a data
/// folder already is made so. What cannot be changed is left, and said in the log.
void keep_private(const std::filesystem::path& data);

}  // namespace sluice::cli
