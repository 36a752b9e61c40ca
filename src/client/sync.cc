#include "client/sync.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iterator>

#include "base/sort_unique.h"
#include "client/ndjson_lines.h"
#include "client/ndjson_writer.h"

namespace sluice::client {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kPatientsOfOneKickOff = 200;
constexpr const char* kMembers = "members";
constexpr const char* kJoined = "joined";
constexpr const char* kEverything = "everything";
constexpr const char* kChanges = "changes";

std::string text(const json::object& record, std::string_view name) {
  const auto* value = record.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}
std::uint64_t number(const json::object& record, std::string_view name) {
  const auto* value = record.if_contains(name);
  boost::system::error_code failed;
  const auto parsed = value == nullptr ? 0 : value->to_number<std::uint64_t>(failed);
  return failed ? 0 : parsed;
}
bool flag(const json::object& record, std::string_view name) {
  const auto* value = record.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

const json::object* last_of(const PullState& state, std::string_view what) {
  const auto& records = state.sync_records();
  const auto found = std::find_if(records.rbegin(), records.rend(),
                                  [&](const auto& record) { return text(record, "what") == what; });
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
  plan.files = parse_files(record);
  return plan;
}

fs::path members_path(const PullState& state, std::uint64_t cycle) {
  return state.folder() / ".sluice" / fmt::format("members-{}", cycle);
}

Result<void> write_members(const fs::path& path, const std::vector<std::string>& ids) {
  SLUICE_TRY(const auto writer, NdjsonWriter::create(path, false));
  for (const auto& id : ids) SLUICE_CHECK(writer->append(id));
  SLUICE_CHECK(writer->finish());
  return sync_folder(path.parent_path());
}

// Whether the Patients of a first pull are all members of its group as of then.
bool has_all_members(const PullRequest& request) {
  const bool has_patients =
      request.types.empty() ||
      std::find(request.types.begin(), request.types.end(), "Patient") != request.types.end();
  return has_patients && request.since.empty() && request.until.empty() &&
         std::none_of(request.type_filters.begin(), request.type_filters.end(),
                      [](const auto& filter) { return filter.starts_with("Patient"); });
}

}  // namespace

struct Sync::Cycle {
  std::uint64_t number = 0;
  std::string since;
  bool uses_pattern = false;    // members, joined, changes: the server does not do it
  std::size_t first_round = 0;  // the index of the first round that belongs to it
};

Result<std::vector<std::string>> read_ids(const std::vector<fs::path>& files) {
  std::vector<std::string> ids;
  for (const auto& path : files)
    SLUICE_CHECK(each_line(path, [&](std::string_view line) -> Result<void> {
      SLUICE_TRY(auto key, read_line_key(line));
      if (key.type == "Patient") ids.push_back(std::move(key.id));
      return {};
    }));
  sort_unique(ids);
  return ids;
}

CopyStage stage_of(const PullState& state, const Round& round) {
  CopyStage stage;
  const auto folder = state.folder_of(round);
  for (const auto& file : round.files) {
    if (!file.is_done) continue;
    const auto path = (folder / file.name).parent_path() / file.summary.name;
    if (file.item.kind == FileKind::kOutput) stage.outputs[file.item.type].push_back(path);
    if (file.item.kind == FileKind::kDeleted) stage.deletions.push_back(path);
  }
  return stage;
}

Sync::Sync(PullState& state, Puller& puller, const PullSettings& settings, PullEvents events,
           PullTarget* target)
    : state_(state),
      puller_(puller),
      settings_(settings),
      events_(std::move(events)),
      target_(target) {}

CopyFiles Sync::current_files() const {
  if (const auto* done = last_of(state_, "done")) return parse_files(*done);
  CopyFiles files;
  for (const auto& file : state_.rounds().front().files)
    if (file.is_done && file.item.kind == FileKind::kOutput)
      files[file.item.type].push_back(file.summary.name);
  return files;
}

// Of a group: whose history is in the copy for sure.
Result<std::vector<std::string>> Sync::known_members() const {
  std::vector<std::string> ids;
  if (const auto* done = last_of(state_, "done")) {
    if (!flag(*done, "members")) return ids;
    SLUICE_CHECK(each_line(members_path(state_, number(*done, "cycle")),
                           [&](std::string_view line) -> Result<void> {
                             ids.emplace_back(line);
                             return {};
                           }));
    return ids;
  }
  if (!has_all_members(state_.rounds().front().request)) return ids;
  if (std::error_code none; fs::exists(members_path(state_, 0), none)) {
    SLUICE_CHECK(each_line(members_path(state_, 0), [&](std::string_view line) -> Result<void> {
      ids.emplace_back(line);
      return {};
    }));
    return ids;
  }
  std::vector<fs::path> paths;
  const auto files = current_files();
  if (const auto found = files.find("Patient"); found != files.end())
    for (const auto& name : found->second) paths.push_back(state_.folder() / name);
  return read_ids(paths);
}

// The cycle that was begun and not done, or a new one.
Result<Sync::Cycle> Sync::enter() {
  const auto* begun = last_of(state_, "begin");
  const auto* done = last_of(state_, "done");
  if (begun != nullptr && (done == nullptr || number(*done, "cycle") < number(*begun, "cycle")))
    return Cycle{number(*begun, "cycle"), text(*begun, "since"), flag(*begun, "pattern"),
                 number(*begun, "rounds")};
  SLUICE_CHECK(puller_.connect());
  const Round& first = state_.rounds().front();
  Cycle cycle;
  cycle.number = begun == nullptr ? 1 : number(*begun, "cycle") + 1;
  cycle.since = done != nullptr ? text(*done, "transactionTime") : first.transaction_time;
  if (cycle.since.empty())
    return Error{ErrorKind::kConflict,
                 "the last manifest had no transactionTime: pull into another folder"};
  cycle.uses_pattern = !first.request.group.empty() && first.request.patients.empty() &&
                       !puller_.discovered().sends_history_of_new_members &&
                       !puller_.discovered().vendor.sends_history_of_new_members;
  cycle.first_round = state_.rounds().size();
  SLUICE_CHECK(state_.note_sync({{"what", "begin"},
                                 {"cycle", cycle.number},
                                 {"since", cycle.since},
                                 {"pattern", cycle.uses_pattern},
                                 {"rounds", cycle.first_round}}));
  return cycle;
}

// One round of the cycle: done before, gone on with, or begun now.
Result<PullReport> Sync::round(const Cycle& cycle, const std::string& purpose,
                               PullRequest request) {
  const auto& rounds = state_.rounds();
  for (std::size_t i = cycle.first_round; i < rounds.size(); ++i) {
    if (rounds[i].purpose != purpose) continue;
    if (rounds[i].is_finished) return report_of(state_, rounds[i]);
    if (i + 1 == rounds.size()) return puller_.run_round(state_);
  }
  const std::string folder = fmt::format(".sluice/cycle-{}/{}", cycle.number, purpose);
  SLUICE_CHECK(state_.begin_round(purpose, folder, request, settings_.remembered));
  return puller_.run_round(state_);
}

// Who is in the group now and was not, or may not have been.
Result<std::vector<std::string>> Sync::find_joined(const Cycle& cycle) {
  SLUICE_TRY(const auto known, known_members());
  const auto& rounds = state_.rounds();
  const auto listing =
      std::find_if(rounds.begin() + static_cast<std::ptrdiff_t>(cycle.first_round), rounds.end(),
                   [](const Round& round) { return round.purpose == kMembers; });
  const auto stage = stage_of(state_, *listing);
  const auto patients = stage.outputs.find("Patient");
  SLUICE_TRY(const auto now, read_ids(patients == stage.outputs.end() ? std::vector<fs::path>()
                                                                      : patients->second));
  SLUICE_CHECK(write_members(members_path(state_, cycle.number), now));
  std::vector<std::string> joined;
  std::set_difference(now.begin(), now.end(), known.begin(), known.end(),
                      std::back_inserter(joined));
  return joined;
}

// Lists the group's members and pulls all that there is of new ones, so that what follows can ask
// for changes alone. A report with failures means: not all is there, and the next run goes on.
Result<PullReport> Sync::pull_joined(const Cycle& cycle, const PullRequest& scope,
                                     std::uint64_t& count) {
  PullRequest members;
  members.base = scope.base;
  members.group = scope.group;
  members.types = {"Patient"};
  members.elements = {"id"};
  SLUICE_TRY(auto listed, round(cycle, kMembers, members));
  if (!listed.failures.empty()) return listed;
  SLUICE_TRY(const auto joined, find_joined(cycle));
  count = joined.size();
  PullRequest history = scope;
  history.since.clear();
  const auto& rounds = state_.rounds();
  bool takes_patients =
      std::none_of(rounds.begin() + static_cast<std::ptrdiff_t>(cycle.first_round), rounds.end(),
                   [](const Round& round) { return round.purpose == kEverything; });
  for (std::size_t at = 0; takes_patients && at < joined.size(); at += kPatientsOfOneKickOff) {
    const auto end = std::min(joined.size(), at + kPatientsOfOneKickOff);
    history.patients.assign(joined.begin() + static_cast<std::ptrdiff_t>(at),
                            joined.begin() + static_cast<std::ptrdiff_t>(end));
    auto pulled = round(cycle, fmt::format("{}-{}", kJoined, at / kPatientsOfOneKickOff), history);
    if (!pulled && pulled.error().kind == ErrorKind::kConflict) {
      events_.notice(pulled.error().message +
                     ". The whole group is pulled instead, for its new members");
      takes_patients = false;
    } else if (!pulled || !pulled->failures.empty()) {
      return pulled;
    }
  }
  if (takes_patients) return PullReport();
  history.patients.clear();
  return round(cycle, kEverything, history);
}

// The pull that everything begins with, when it is not whole yet.
Result<SyncReport> Sync::run_first() {
  SyncReport report;
  SLUICE_TRY(report.changes, puller_.run_round(state_));
  report.transaction_time = report.changes.transaction_time;
  if (target_ == nullptr || !report.changes.failures.empty()) return report;
  SLUICE_TRY(const auto delivered, deliver_first(state_, *target_));
  report.refused = delivered.refused;
  return report;
}

Result<SyncReport> Sync::run() {
  SyncReport report;
  const Round& first = state_.rounds().front();
  if (!first.is_finished || (target_ != nullptr && !first.is_delivered)) return run_first();
  SLUICE_TRY(const auto cycle, enter());
  report.since = cycle.since;
  PullRequest scope = state_.rounds().front().request;
  scope.since = cycle.since;
  if (const auto* planned = last_of(state_, "plan");
      planned != nullptr && number(*planned, "cycle") == cycle.number) {
    // All was pulled and written: names were being made.
    SLUICE_TRY(const auto plan, parse_plan(*planned));
    SLUICE_TRY(report.changes, round(cycle, kChanges, scope));
    report.transaction_time = report.changes.transaction_time;
    SLUICE_CHECK(carry_out(state_.folder(), plan));
    SLUICE_CHECK(complete(cycle, plan));
    return report;
  }
  if (cycle.uses_pattern) {
    SLUICE_TRY(report.changes, pull_joined(cycle, scope, report.joined));
    if (!report.changes.failures.empty()) return report;
  }
  SLUICE_TRY(report.changes, round(cycle, kChanges, scope));
  report.transaction_time = report.changes.transaction_time;
  if (!report.changes.failures.empty()) return report;
  if (target_ != nullptr)
    SLUICE_CHECK(deliver_all(cycle, report));
  else
    SLUICE_CHECK(apply(cycle, report));
  return report;
}

Result<void> Sync::deliver_all(const Cycle& cycle, SyncReport& report) {
  const auto& rounds = state_.rounds();
  for (std::size_t i = cycle.first_round; i < rounds.size(); ++i) {
    if (!rounds[i].is_finished || rounds[i].purpose == kMembers) continue;
    if (!rounds[i].is_delivered) {
      SLUICE_TRY(const auto delivered, deliver(state_, rounds[i], *target_));
      for (const auto& [type, counts] : delivered.counts) {
        report.counts[type].added += counts.added;
        report.counts[type].updated += counts.updated;
        report.counts[type].deleted += counts.deleted;
      }
    }
    report.refused += rounds[i].refused;
  }
  return complete(cycle, {});
}

Result<void> Sync::apply(const Cycle& cycle, SyncReport& report) {
  std::vector<CopyStage> stages;
  const auto& rounds = state_.rounds();
  for (std::size_t i = cycle.first_round; i < rounds.size(); ++i)
    if (rounds[i].is_finished && rounds[i].purpose != kMembers)
      stages.push_back(stage_of(state_, rounds[i]));
  SLUICE_TRY(const auto plan,
             write_copy(state_.folder(), current_files(), stages, settings_.keeps_gzip));
  report.counts = plan.counts;
  auto record = plan_json(plan);
  record["cycle"] = cycle.number;
  SLUICE_CHECK(state_.note_sync(std::move(record)));
  SLUICE_CHECK(carry_out(state_.folder(), plan));
  return complete(cycle, plan);
}

Result<Delivered> deliver_first(PullState& state, PullTarget& target) {
  const Round& first = state.rounds().front();
  if (!first.request.group.empty() && has_all_members(first.request)) {
    const auto stage = stage_of(state, first);
    const auto patients = stage.outputs.find("Patient");
    SLUICE_TRY(const auto ids, read_ids(patients == stage.outputs.end() ? std::vector<fs::path>()
                                                                        : patients->second));
    SLUICE_CHECK(write_members(members_path(state, 0), ids));
  }
  return deliver(state, first, target);
}

Result<void> Sync::complete(const Cycle& cycle, const CopyPlan& plan) {
  const auto before = cycle.number - 1;
  SLUICE_CHECK(state_.note_sync({{"what", "done"},
                                 {"cycle", cycle.number},
                                 {"transactionTime", state_.round().transaction_time},
                                 {"files", files_json(plan.files)},
                                 {"members", cycle.uses_pattern}}));
  const auto& rounds = state_.rounds();
  const bool is_taken =
      std::none_of(rounds.begin() + static_cast<std::ptrdiff_t>(cycle.first_round), rounds.end(),
                   [](const Round& round) { return round.refused > 0; });
  std::error_code none;  // what stays costs room, no more
  if (is_taken)
    fs::remove_all(state_.folder() / ".sluice" / fmt::format("cycle-{}", cycle.number), none);
  fs::remove(members_path(state_, before), none);
  return {};
}

}  // namespace sluice::client
