// The local copy of what a server has: a folder with one NDJSON file a type, the newest version of
// each resource in it. What was pulled is put into it in the order in which it was asked for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"

namespace sluice::client {

/// What is read of a resource on one line to place it.
struct LineKey {
  std::string type;
  std::string id;
  Instant last_updated{0};  ///< 0: none that can be read
};
/// kCorrupt when the line is no JSON object with resourceType and id.
Result<LineKey> read_line_key(std::string_view line);

/// The "Type/id" of each DELETE in a transaction Bundle on one line. kCorrupt for anything else: a
/// deletion that is not understood must not be passed over.
Result<std::vector<std::pair<std::string, std::string>>> read_deletions(std::string_view line);

/// What one export brought; a later stage counts more than an earlier one.
struct CopyStage {
  std::map<std::string, std::vector<std::filesystem::path>> outputs;  ///< by type
  std::vector<std::filesystem::path> deletions;                       ///< files of Bundles
};

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

/// What is to be renamed and removed to make a new copy of an old one. Names are relative to the
/// folder. Doing it twice does no harm, so a crash in the middle is mended by doing it again.
struct CopyPlan {
  std::vector<std::pair<std::string, std::string>> renames;
  std::vector<std::string> removals;
  std::map<std::string, std::vector<std::string>> files;  ///< of the new copy, by type
  std::map<std::string, CopyCounts> counts;               ///< of the types that were written
  std::uint64_t old_total = 0;                            ///< of kWhole: resources in the old copy
  std::uint64_t gone = 0;                                 ///< of these: that the stages do not have
};

using CopyFiles = std::map<std::string, std::vector<std::string>>;

/// Writes the new files into the folder's .sluice, synced. `files` are those of the old copy,
/// relative to `folder`, by type. Memory: about a hundred bytes for each resource of the stages of
/// one type. With kWhole the references of what goes are written to `gone_list`, a line each, and
/// lines of the old copy that cannot be read count as gone.
Result<CopyPlan> write_copy(const std::filesystem::path& folder, const CopyFiles& files,
                            const std::vector<CopyStage>& stages, bool is_gzip,
                            CopyMode mode = CopyMode::kChanges,
                            const std::filesystem::path& gone_list = {});
/// Makes the names. The plan must be in the journal before.
Result<void> carry_out(const std::filesystem::path& folder, const CopyPlan& plan);

}  // namespace sluice::client
