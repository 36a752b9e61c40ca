#include "cli/private_data.h"

#include <sys/stat.h>

#include <cstddef>
#include <system_error>

#include "base/log.h"

namespace sluice::cli {
namespace {

namespace fs = std::filesystem;

constexpr fs::perms kOthers = fs::perms::group_all | fs::perms::others_all;

void remove_others(const fs::path& path, const fs::file_status& status, std::size_t& left) {
  if (!fs::is_regular_file(status) && !fs::is_directory(status)) return;
  if ((status.permissions() & kOthers) == fs::perms::none) return;
  std::error_code failed;
  fs::permissions(path, kOthers, fs::perm_options::remove, failed);
  // What went meanwhile needs no mode.
  if (failed && failed != std::errc::no_such_file_or_directory) ++left;
}

}  // namespace

void keep_private(const fs::path& data) {
  ::umask(S_IRWXG | S_IRWXO);
  std::error_code failed;
  // A folder without a store is not a data folder: leave it alone.
  if (!fs::exists(data / "store" / "CURRENT", failed)) return;
  std::size_t left = 0;
  for (const char* name : {"store", "files", "imports", "audit"}) {
    failed.clear();
    remove_others(data / name, fs::symlink_status(data / name, failed), left);
    fs::recursive_directory_iterator entries(data / name, failed);
    for (; !failed && entries != fs::recursive_directory_iterator(); entries.increment(failed)) {
      std::error_code gone;
      const auto status = entries->symlink_status(gone);
      if (!gone) remove_others(entries->path(), status, left);
    }
  }
  if (left > 0)
    spdlog::warn("files that others may read were left so data={} files={}", data.string(), left);
}

}  // namespace sluice::cli
