// The local copy of a server's resources: a folder with one NDJSON file for each type, which holds
// the newest version of each resource. Pulled data is merged in the order of the requests.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/sync/copy_lines.h"

namespace sluice::client {

/// A file of a copy, or of what one export brought.
struct CopyFile {
  std::string type;              ///< empty when its lines say it
  std::filesystem::path path;    ///< absolute or relative to the copy's folder
  bool is_deletions = false;     ///< Bundles of deletions, not resources
  std::uint64_t line_count = 0;  ///< about as many as are in it, for room to be made
};
/// Gives files out one by one: there may be millions.
using EachCopyFile =
    std::function<Result<void>(const std::function<Result<void>(const CopyFile&)>&)>;

struct CopyCounts {
  std::uint64_t added = 0;
  std::uint64_t updated = 0;
  std::uint64_t deleted = 0;
  std::uint64_t total = 0;  ///< in the copy afterwards
};

/// How the stages relate to the old copy.
enum class CopyMode : std::uint8_t {
  kChanges,  ///< they change it
  kWhole,    ///< they are all that there is: what they do not have goes
};

/// In `.sluice`: the names of files that go with a plan.
inline constexpr std::string_view kRemovals = "removals";

/// What is to be renamed and removed to make a new copy of an old one. Names are relative to the
/// folder. Doing it twice does no harm, so a crash in the middle is mended by doing it again.
struct CopyPlan {
  std::vector<std::pair<std::string, std::string>> renames;
  std::vector<std::string> removals;                      ///< of journals of older versions
  std::string removal_list;                               ///< a file with a name a line; or empty
  std::map<std::string, std::vector<std::string>> files;  ///< of the new copy, by type
  std::map<std::string, CopyCounts> counts;               ///< of the types that were written
  std::uint64_t old_total = 0;                            ///< of kWhole: resources in the old copy
  std::uint64_t gone = 0;                                 ///< of these: that the stages do not have
};

/// Whether a line of a copy cannot be read, or a file of it is not there: what is replaced as a
/// whole is mended by that.
bool is_damage(const Error& error);

/// How many resources of one type are compared at a time.
inline constexpr std::uint64_t kComparedAtOnce = 150'000;

/// Writes the new files into the folder's .sluice, synced. `old`: the files of the current copy;
/// `stages`: the files of exports, of which later ones win. Memory: about 200 bytes for each of
/// `compared_at_once` resources, whatever the size of the files; the rest is on disk while it runs.
/// With kWhole it writes the references of removed resources to `gone_list`, one per line, and
/// treats unreadable lines of the old copy as removed.
Result<CopyPlan> write_copy(const std::filesystem::path& folder, const EachCopyFile& old,
                            const std::vector<EachCopyFile>& stages, bool is_gzip,
                            CopyMode mode = CopyMode::kChanges,
                            const std::filesystem::path& gone_list = {},
                            std::uint64_t compared_at_once = kComparedAtOnce);
/// Makes the names. The plan must be in the journal before.
Result<void> carry_out(const std::filesystem::path& folder, const CopyPlan& plan);

}  // namespace sluice::client
