#include "client/pull_target.h"

#include <iterator>
#include <set>
#include <utility>

#include "client/ndjson_lines.h"
#include "client/sync_records.h"

namespace sluice::client {
namespace {

namespace fs = std::filesystem;
using Key = std::pair<std::string, std::string>;

Result<std::set<Key>> read_all_deletions(const std::vector<fs::path>& files) {
  std::set<Key> keys;
  for (const auto& path : files)
    SLUICE_CHECK(each_line(path, [&](std::string_view line) -> Result<void> {
      SLUICE_TRY(auto deletions, read_deletions(line));
      keys.insert(std::make_move_iterator(deletions.begin()),
                  std::make_move_iterator(deletions.end()));
      return {};
    }));
  return keys;
}

// What was deleted and is there again at the end of the round must stay.
Result<void> leave_out_present(const CopyStage& stage, std::set<Key>& keys) {
  for (const auto& [type, files] : stage.outputs) {
    const auto first = keys.lower_bound({type, ""});
    const bool may_be_meant = type.empty() || (first != keys.end() && first->first == type);
    if (!may_be_meant) continue;
    for (const auto& path : files)
      SLUICE_CHECK(each_line(path, [&](std::string_view line) -> Result<void> {
        SLUICE_TRY(auto key, read_line_key(line));
        keys.erase({std::move(key.type), std::move(key.id)});
        return {};
      }));
  }
  return {};
}

void add(std::map<std::string, CopyCounts>& to, const std::map<std::string, CopyCounts>& from) {
  for (const auto& [type, counts] : from) {
    to[type].added += counts.added;
    to[type].updated += counts.updated;
    to[type].deleted += counts.deleted;
  }
}

}  // namespace

Result<Delivered> deliver(PullState& state, const Round& round, PullTarget& target) {
  SLUICE_TRY(const CopyStage stage, stage_of(state, round));
  std::vector<fs::path> outputs;
  for (const auto& [type, files] : stage.outputs)
    outputs.insert(outputs.end(), files.begin(), files.end());
  Delivered all;
  if (!outputs.empty()) {
    SLUICE_TRY(all, target.put(outputs));
  }
  SLUICE_TRY(auto deletions, read_all_deletions(stage.deletions));
  if (!deletions.empty()) {
    SLUICE_CHECK(leave_out_present(stage, deletions));
    SLUICE_TRY(const auto removed,
               target.remove(std::vector<Key>(deletions.begin(), deletions.end())));
    add(all.counts, removed.counts);
  }
  SLUICE_CHECK(state.note_delivered(round.number, all.refused));
  if (all.refused > 0) return all;  // who wants to know what it was finds the files
  for (const auto* files : {&std::as_const(outputs), &stage.deletions})
    for (const auto& path : *files) {
      std::error_code none;  // what stays costs room, no more
      fs::remove(path, none);
    }
  return all;
}

}  // namespace sluice::client
