#include "client/sync/pull_target.h"

#include <set>
#include <utility>

#include "client/files/deletion_bundle.h"
#include "client/files/ndjson_lines.h"
#include "client/sync/sync_records.h"

namespace sluice::client {
namespace {

namespace fs = std::filesystem;
using Key = std::pair<std::string, std::string>;

Result<std::set<Key>> read_all_deletions(const fs::path& folder, const EachCopyFile& files) {
  std::set<Key> keys;
  SLUICE_RETURN_IF_ERROR(files([&](const CopyFile& file) -> Result<void> {
    if (!file.is_deletions) return {};
    return each_line(folder / file.path, [&](std::string_view line) -> Result<void> {
      return each_deletion(line, [&](std::string type, std::string id) -> Result<void> {
        keys.emplace(std::move(type), std::move(id));
        return {};
      });
    });
  }));
  return keys;
}

// What was deleted and is there again at the end of the round must stay.
Result<void> leave_out_present(const fs::path& folder, const EachCopyFile& files,
                               std::set<Key>& keys) {
  return files([&](const CopyFile& file) -> Result<void> {
    const auto first = keys.lower_bound({file.type, ""});
    const bool may_be_meant =
        file.type.empty() || (first != keys.end() && first->first == file.type);
    if (file.is_deletions || !may_be_meant) return {};
    return each_line(folder / file.path, [&](std::string_view line) -> Result<void> {
      SLUICE_ASSIGN_OR_RETURN(auto key, read_line_key(line));
      keys.erase({std::move(key.type), std::move(key.id)});
      return {};
    });
  });
}

void add(std::map<std::string, CopyCounts>& to, const std::map<std::string, CopyCounts>& from) {
  for (const auto& [type, counts] : from) {
    to[type].added += counts.added;
    to[type].updated += counts.updated;
    to[type].deleted += counts.deleted;
  }
}

}  // namespace

Result<std::vector<Key>> read_lasting_deletions(const fs::path& folder, const EachCopyFile& files) {
  SLUICE_ASSIGN_OR_RETURN(auto keys, read_all_deletions(folder, files));
  if (!keys.empty()) SLUICE_RETURN_IF_ERROR(leave_out_present(folder, files, keys));
  return std::vector<Key>(keys.begin(), keys.end());
}

Result<Delivered> deliver(PullState& state, const Round& round, PullTarget& target,
                          bool takes_deletions) {
  const auto files = files_of(round);
  std::vector<fs::path> outputs;
  SLUICE_RETURN_IF_ERROR(files([&](const CopyFile& file) -> Result<void> {
    if (!file.is_deletions) outputs.push_back(state.folder() / file.path);
    return {};
  }));
  Delivered all;
  SLUICE_RETURN_IF_ERROR(target.begin());
  if (!outputs.empty()) {
    SLUICE_ASSIGN_OR_RETURN(all, target.put(outputs));
  }
  std::vector<Key> deletions;
  if (takes_deletions) {
    SLUICE_ASSIGN_OR_RETURN(deletions, read_lasting_deletions(state.folder(), files));
  }
  if (!deletions.empty()) {
    SLUICE_ASSIGN_OR_RETURN(const auto removed, target.remove(deletions));
    add(all.counts, removed.counts);
  }
  SLUICE_RETURN_IF_ERROR(state.note_delivered(round.number, all.refused));
  SLUICE_RETURN_IF_ERROR(remove_delivered(state, round));
  return all;
}

Result<void> remove_delivered(const PullState& state, const Round& round) {
  if (!round.is_delivered || round.refused > 0) return {};
  return files_of(round)([&](const CopyFile& file) -> Result<void> {
    std::error_code none;  // what stays costs room, no more
    fs::remove(state.folder() / file.path, none);
    return {};
  });
}

}  // namespace sluice::client
