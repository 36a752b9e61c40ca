#include "client/sync/sync_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/file.h"
#include "base/sort_unique.h"
#include "client/files/ndjson_lines.h"
#include "client/files/ndjson_writer.h"
#include "client/pull/record_fields.h"

namespace sluice::client {

namespace fs = std::filesystem;
namespace json = boost::json;

const json::object* last_of(const PullState& state, std::string_view what) {
  const auto& records = state.sync_records();
  const auto found = std::find_if(records.rbegin(), records.rend(), [&](const auto& record) {
    return text_field(record, "what") == what;
  });
  return found == records.rend() ? nullptr : &*found;
}

json::object files_json(const CopyFiles& files) {
  json::object out;
  for (const auto& [type, names] : files) out[type] = json::array(names.begin(), names.end());
  return out;
}

CopyFiles parse_files(const json::object& record) {
  CopyFiles files;
  const auto* value = record.if_contains("files");
  if (value == nullptr || !value->is_object()) return files;
  for (const auto& [type, names] : value->get_object())
    if (names.is_array())
      for (const auto& name : names.get_array())
        if (name.is_string()) files[std::string(type)].emplace_back(name.get_string());
  return files;
}

json::object plan_json(const CopyPlan& plan) {
  json::array renames;
  for (const auto& [from, to] : plan.renames) renames.push_back(json::array{from, to});
  return {{"what", "plan"},
          {"renames", std::move(renames)},
          {"removals", json::array(plan.removals.begin(), plan.removals.end())},
          {"removalList", plan.removal_list},
          {"files", files_json(plan.files)}};
}

Result<CopyPlan> parse_plan(const json::object& record) {
  const Error bad = corrupt("the journal's plan is damaged");
  CopyPlan plan;
  const auto* renames = record.if_contains("renames");
  const auto* removals = record.if_contains("removals");
  if (renames == nullptr || !renames->is_array() || removals == nullptr || !removals->is_array())
    return bad;
  for (const auto& pair : renames->get_array()) {
    if (!pair.is_array() || pair.get_array().size() != 2 || !pair.get_array()[0].is_string() ||
        !pair.get_array()[1].is_string())
      return bad;
    plan.renames.emplace_back(pair.get_array()[0].get_string(), pair.get_array()[1].get_string());
  }
  for (const auto& name : removals->get_array()) {
    if (!name.is_string()) return bad;
    plan.removals.emplace_back(name.get_string());
  }
  plan.removal_list = text_field(record, "removalList");
  plan.files = parse_files(record);
  return plan;
}

fs::path members_path(const PullState& state, std::uint64_t cycle) {
  return state.folder() / ".sluice" / fmt::format("members-{}", cycle);
}

Result<void> write_members(const fs::path& path, const std::vector<std::string>& ids) {
  SLUICE_ASSIGN_OR_RETURN(const auto writer, NdjsonWriter::create(path, false));
  for (const auto& id : ids) SLUICE_RETURN_IF_ERROR(writer->append(id));
  SLUICE_RETURN_IF_ERROR(writer->finish());
  return sync_folder(path.parent_path());
}

Result<std::vector<std::string>> read_ids(const fs::path& folder, const EachCopyFile& files) {
  std::vector<std::string> ids;
  SLUICE_RETURN_IF_ERROR(files([&](const CopyFile& file) -> Result<void> {
    if (file.is_deletions || file.type != "Patient") return {};
    return each_line(folder / file.path, [&](std::string_view line) -> Result<void> {
      SLUICE_ASSIGN_OR_RETURN(auto key, read_line_key(line));
      if (key.type == "Patient" && !key.id.empty()) ids.push_back(std::move(key.id));
      return {};
    });
  }));
  sort_unique(ids);
  return ids;
}

bool has_all_members(const PullRequest& request) {
  const bool has_patients =
      request.types.empty() ||
      std::find(request.types.begin(), request.types.end(), "Patient") != request.types.end();
  return has_patients && request.since.empty() && request.until.empty() &&
         std::none_of(request.type_filters.begin(), request.type_filters.end(),
                      [](const auto& filter) { return filter.starts_with("Patient"); });
}

void remove_leftovers(const PullState& state, std::uint64_t done) {
  const auto work = state.folder() / ".sluice";
  const auto has_refused = [&](const std::string& name) {
    const auto& rounds = state.rounds();
    return std::any_of(rounds.begin(), rounds.end(), [&](const Round& round) {
      return round.refused > 0 && round.folder.starts_with(".sluice/" + name + "/");
    });
  };
  std::vector<fs::path> left;
  std::error_code failed;
  for (fs::directory_iterator each(work, failed), end; !failed && each != end;
       each.increment(failed)) {
    const std::string name = each->path().filename().string();
    const bool is_cycle = name.starts_with("cycle-") && !has_refused(name);
    const bool is_list = name.starts_with("members-") && each->path() != members_path(state, done);
    if (is_cycle || is_list || name == kRemovals) left.push_back(each->path());
  }
  std::error_code none;  // what stays costs room, no more
  for (const auto& path : left) fs::remove_all(path, none);
}

// What was accepted and cannot be read now would stop every sync to come.
Error with_way_out(Error error) {
  if (error.kind == ErrorKind::kCorrupt)
    error.message += ". Mend the line or take it out, or make all of it anew: `sluice sync --full`";
  if (error.kind == ErrorKind::kNotFound)
    error.message = fmt::format(
        "a file that the folder had is not there any more ({}). Put it back, or make all of it "
        "anew: `sluice sync --full`",
        error.detail);
  return error;
}

EachCopyFile files_of(const Round& round) {
  return [&round](const std::function<Result<void>(const CopyFile&)>& take) {
    return round.files->each([&](std::size_t, const FileState& file) -> Result<void> {
      if (!file.is_done || file.item.kind == FileKind::kOutcome) return {};
      const auto path = (fs::path(round.folder) / file.name).parent_path() / file.summary.name;
      return take({file.item.type, path, file.item.kind == FileKind::kDeleted, file.summary.lines});
    });
  };
}

}  // namespace sluice::client
