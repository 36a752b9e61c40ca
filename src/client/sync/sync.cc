#include "client/sync/sync.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iterator>

#include "base/file.h"
#include "base/instant.h"
#include "client/files/ndjson_lines.h"
#include "client/pull/record_fields.h"
#include "client/sync/sync_records.h"
#include "client/sync/sync_report.h"

namespace sluice::client {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kPatientsOfOneKickOff = 200;
constexpr const char* kMembers = "members";
constexpr const char* kWholeMembers = "members-whole";  // where _elements is refused
constexpr const char* kJoined = "joined";
constexpr const char* kChanges = "changes";

const auto text = text_field;
const auto flag = flag_field;
std::uint64_t number(const json::object& record, std::string_view name) {
  return number_field(record, name).value_or(0);
}

// With its full stop, unless it has an end of its own.
std::string sentence(std::string message) {
  if (!message.ends_with('?') && !message.ends_with('.')) message += '.';
  return message;
}

// A round that only says who is in the group.
bool is_listing(const Round& round) {
  return round.purpose == kMembers || round.purpose == kWholeMembers;
}

}  // namespace

Sync::Sync(PullState& state, Puller& puller, const PullSettings& settings, PullEvents events,
           const SyncOptions& options, PullTarget* target)
    : state_(state),
      puller_(puller),
      settings_(settings),
      events_(std::move(events)),
      options_(options),
      target_(target) {}

// The files of the copy as it is.
EachCopyFile Sync::current_files() const {
  const auto* done = last_of(state_, "done");
  if (done == nullptr)
    return [files = files_of(state_.rounds().front())](const auto& take) {
      return files(
          [&](const CopyFile& file) { return file.is_deletions ? Result<void>() : take(file); });
    };
  return [files = parse_files(*done)](const auto& take) -> Result<void> {
    for (const auto& [type, names] : files)
      for (const auto& name : names) SLUICE_RETURN_IF_ERROR(take({type, name}));
    return {};
  };
}

// Of a group: whose history is in the copy for sure.
Result<std::vector<std::string>> Sync::known_members() const {
  std::vector<std::string> ids;
  if (const auto* done = last_of(state_, "done")) {
    std::error_code none;
    const auto path = members_path(state_, number(*done, "cycle"));
    if (!flag(*done, "members") || !fs::exists(path, none)) return ids;
    SLUICE_RETURN_IF_ERROR(each_line(path, [&](std::string_view line) -> Result<void> {
      ids.emplace_back(line);
      return {};
    }));
    return ids;
  }
  if (!has_all_members(state_.rounds().front().request)) return ids;
  if (std::error_code none; fs::exists(members_path(state_, 0), none)) {
    SLUICE_RETURN_IF_ERROR(
        each_line(members_path(state_, 0), [&](std::string_view line) -> Result<void> {
          ids.emplace_back(line);
          return {};
        }));
    return ids;
  }
  return read_ids(state_.folder(), current_files());
}

// Whether all is to be compared: asked for, or too long ago.
bool Sync::wants_full() const {
  if (options_.is_full) return true;
  if (options_.full_every.count() == 0) return false;
  std::string last = state_.rounds().front().transaction_time;
  for (const auto& record : state_.sync_records())
    if (text(record, "what") == "done" && flag(record, "full"))
      last = text(record, "transactionTime");
  const auto then = parse_fhir_instant(last);
  return !then || SystemClock().now() - *then >= options_.full_every;
}

// What was begun is not gone on with.
Result<void> Sync::leave(std::uint64_t cycle) {
  SLUICE_RETURN_IF_ERROR(state_.note_sync({{"what", "left"}, {"cycle", cycle}}));
  std::error_code none;  // what stays costs room, no more
  fs::remove_all(state_.folder() / ".sluice" / fmt::format("cycle-{}", cycle), none);
  return {};
}

// Changes alone would be all that a target has which was emptied since the last sync.
Result<void> Sync::check_target() const {
  if (target_ == nullptr) return {};
  SLUICE_ASSIGN_OR_RETURN(const bool is_known, target_->is_known());
  if (is_known) return {};
  return invalid(
      "the store does not have what was pulled into it: it was removed, emptied or made anew, or "
      "the folder was moved before it had a name of its own. `sluice sync --full` brings all of "
      "it");
}

// The cycle that was begun and not done, or a new one.
Result<Sync::Cycle> Sync::enter() {
  const auto* begun = last_of(state_, "begin");
  const auto* done = last_of(state_, "done");
  const auto cycle_of = [&](const char* what) -> std::uint64_t {
    const auto* record = last_of(state_, what);
    return record == nullptr ? 0 : number(*record, "cycle");
  };
  const bool is_full = wants_full();
  const std::uint64_t open = cycle_of("begin");
  if (open > std::max(cycle_of("done"), cycle_of("left"))) {
    const bool was_full = flag(*begun, "full");
    // A full one that would have removed too much is not what a later sync must go on with, and
    // who asks for a full one wants to get out of what cannot be ended.
    const bool is_left =
        cycle_of("plan") != open && (was_full ? cycle_of("refused") == open && !is_full : is_full);
    if (!is_left && was_full && !is_full)
      events_.notice(
          "the last sync was interrupted and is a full one (--full): this one goes on with it, and "
          "compares with all that the server has");
    if (!is_left && !was_full) SLUICE_RETURN_IF_ERROR(check_target());
    if (!is_left)
      return Cycle{
          open, text(*begun, "since"), flag(*begun, "pattern"), was_full, number(*begun, "rounds"),
          true, flag(*begun, "again")};
    SLUICE_RETURN_IF_ERROR(leave(open));
    begun = last_of(state_, "begin");
    done = last_of(state_, "done");
  }
  SLUICE_RETURN_IF_ERROR(puller_.connect());
  const Round& first = state_.rounds().front();
  Cycle cycle;
  cycle.number = begun == nullptr ? 1 : number(*begun, "cycle") + 1;
  cycle.since = done != nullptr ? text(*done, "transactionTime") : first.transaction_time;
  // Journals of older versions have what no server takes as _since.
  if (!parse_fhir_instant(cycle.since)) cycle.since.clear();
  // Nothing says what the export had: the server's clock does not, as its data may be older.
  cycle.is_full = is_full || cycle.since.empty();
  if (cycle.is_full && !is_full)
    events_.notice(
        "the last manifest had no transactionTime: all is exported again and compared, instead of "
        "the changes");
  if (!cycle.is_full) SLUICE_RETURN_IF_ERROR(check_target());
  SLUICE_ASSIGN_OR_RETURN(cycle.asks_again, must_ask_again());
  if (cycle.asks_again && !cycle.is_full)
    events_.notice(
        "the server did not export all in the first pull: all of it is asked for again, then what "
        "has changed");
  cycle.uses_pattern = !cycle.is_full && !cycle.asks_again && !first.request.group.empty() &&
                       first.request.patients.empty() &&
                       !puller_.discovered().sends_history_of_new_members &&
                       !puller_.discovered().vendor.sends_history_of_new_members;
  cycle.first_round = state_.rounds().size();
  if (target_ != nullptr) SLUICE_RETURN_IF_ERROR(remove_delivered(state_, first));
  remove_leftovers(state_, cycle_of("done"));
  SLUICE_RETURN_IF_ERROR(state_.note_sync({{"what", "begin"},
                                           {"cycle", cycle.number},
                                           {"since", cycle.since},
                                           {"pattern", cycle.uses_pattern},
                                           {"full", cycle.is_full},
                                           {"again", cycle.asks_again},
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
  SLUICE_RETURN_IF_ERROR(state_.begin_round(purpose, folder, request, settings_.remembered));
  return puller_.run_round(state_);
}

// Who is in the group now, as the cycle's list has it.
Result<std::vector<std::string>> Sync::listed_members(const Cycle& cycle) const {
  const auto& rounds = state_.rounds();
  const auto listing =
      std::find_if(rounds.begin() + static_cast<std::ptrdiff_t>(cycle.first_round), rounds.end(),
                   [](const Round& round) { return is_listing(round) && round.is_finished; });
  return read_ids(state_.folder(), files_of(*listing));
}

// What the cycle's rounds for new members brought, without what they count by type.
Result<PullReport> Sync::report_of_joined(const Cycle& cycle, bool with_listing) const {
  PullReport all;
  const auto& rounds = state_.rounds();
  for (std::size_t i = cycle.first_round; i < rounds.size(); ++i) {
    const Round& round = rounds[i];
    if (!round.is_finished || round.purpose == kChanges || round.purpose == kFullRound) continue;
    if (is_listing(round) && !with_listing) continue;
    SLUICE_ASSIGN_OR_RETURN(const auto report, report_of(state_, round));
    add_remarks(all, report);
  }
  return all;
}

// Records whose history is in the copy for sure: of all who are members `now` only when nothing was
// left out. The others are asked for again by the next sync.
Result<void> Sync::note_members(const Cycle& cycle, const std::vector<std::string>& now,
                                bool is_incomplete) {
  const auto path = members_path(state_, cycle.number);
  if (!is_incomplete) return write_members(path, now);
  const auto known = known_members();
  // Of a copy that cannot be read nothing is sure.
  if (!known && known.error().kind != ErrorKind::kCorrupt) return known.error();
  std::vector<std::string> sure;
  if (known)
    std::set_intersection(now.begin(), now.end(), known->begin(), known->end(),
                          std::back_inserter(sure));
  return write_members(path, sure);
}

bool Sync::has_begun(const Cycle& cycle, const std::string& purpose) const {
  const auto& rounds = state_.rounds();
  return std::any_of(rounds.begin() + static_cast<std::ptrdiff_t>(cycle.first_round), rounds.end(),
                     [&](const Round& round) { return round.purpose == purpose; });
}

// Lists the group's members, with as little of them as the server lets us ask for. False: it lets
// us have no list.
Result<bool> Sync::list_members(const Cycle& cycle, const PullRequest& scope, PullReport& report) {
  PullRequest members;
  members.base = scope.base;
  members.group = scope.group;
  members.types = {"Patient"};
  members.elements = {"id"};
  for (const char* purpose : {kMembers, kWholeMembers}) {
    const bool is_last = purpose == kWholeMembers;
    // Refused before: an earlier run came further.
    if (has_begun(cycle, kEverything)) return false;
    if (!is_last && has_begun(cycle, kWholeMembers)) continue;
    if (is_last) members.elements.clear();
    auto listed = round(cycle, purpose, members);
    if (listed) {
      report = std::move(*listed);
      return true;
    }
    const auto kind = listed.error().kind;
    if (kind != ErrorKind::kConflict && kind != ErrorKind::kForbidden) return listed.error();
    events_.notice(sentence(listed.error().message) +
                   (is_last ? " The whole group is pulled instead, for its new members"
                            : " The members are asked for without _elements"));
  }
  return false;
}

// Lists the group's members and pulls all that there is of new ones, so that what follows can ask
// for changes alone. A report with failures means: not all is there, and the next run goes on.
Result<PullReport> Sync::pull_joined(const Cycle& cycle, const PullRequest& scope,
                                     std::uint64_t& count) {
  PullReport listed;
  SLUICE_ASSIGN_OR_RETURN(const bool has_list, list_members(cycle, scope, listed));
  if (!listed.failures.empty()) return listed;
  if (!has_list) {
    PullRequest all = scope;
    all.since.clear();
    return round(cycle, kEverything, all);
  }
  const auto known = known_members();
  if (!known) return with_way_out(known.error());
  SLUICE_ASSIGN_OR_RETURN(const auto now, listed_members(cycle));
  std::vector<std::string> joined;
  std::set_difference(now.begin(), now.end(), known->begin(), known->end(),
                      std::back_inserter(joined));
  count = joined.size();
  PullRequest history = scope;
  history.since.clear();
  bool takes_patients = !has_begun(cycle, kEverything);
  for (std::size_t at = 0; takes_patients && at < joined.size(); at += kPatientsOfOneKickOff) {
    const auto end = std::min(joined.size(), at + kPatientsOfOneKickOff);
    history.patients.assign(joined.begin() + static_cast<std::ptrdiff_t>(at),
                            joined.begin() + static_cast<std::ptrdiff_t>(end));
    auto pulled = round(cycle, fmt::format("{}-{}", kJoined, at / kPatientsOfOneKickOff), history);
    if (!pulled && pulled.error().kind == ErrorKind::kConflict) {
      events_.notice(sentence(pulled.error().message) +
                     " The whole group is pulled instead, for its new members");
      takes_patients = false;
    } else if (!pulled || !pulled->failures.empty()) {
      return pulled;
    }
  }
  if (!takes_patients) {
    history.patients.clear();
    SLUICE_ASSIGN_OR_RETURN(auto all, round(cycle, kEverything, history));
    if (!all.failures.empty()) return all;
  }
  SLUICE_ASSIGN_OR_RETURN(const auto brought, report_of_joined(cycle, false));
  SLUICE_RETURN_IF_ERROR(note_members(cycle, now, brought.is_incomplete()));
  return report_of_joined(cycle, true);
}

Result<SyncReport> Sync::run() {
  SyncReport report;
  const Round& first = state_.rounds().front();
  if (!first.is_finished || (target_ != nullptr && !first.is_delivered)) return run_first();
  SLUICE_ASSIGN_OR_RETURN(const auto cycle, enter());
  report.since = cycle.since;
  PullRequest scope = state_.rounds().front().request;
  scope.since = cycle.since;
  if (const auto* planned = last_of(state_, "plan");
      planned != nullptr && number(*planned, "cycle") == cycle.number) {
    // All was pulled and written: names were being made.
    SLUICE_ASSIGN_OR_RETURN(const auto plan, parse_plan(*planned));
    if (cycle.is_full) scope = state_.rounds().front().request;
    SLUICE_ASSIGN_OR_RETURN(report.changes,
                            round(cycle, cycle.is_full ? kFullRound : kChanges, scope));
    report.transaction_time = report.changes.transaction_time;
    report.is_full = cycle.is_full;
    report.is_incomplete = report.changes.is_incomplete();
    SLUICE_ASSIGN_OR_RETURN(const auto joined, report_of_joined(cycle, true));
    (cycle.asks_again ? report.asks_again : report.joined_are_incomplete) = joined.is_incomplete();
    if (cycle.is_full) report.asks_again = cycle.asks_again && report.is_incomplete;
    add_remarks(report.changes, joined);
    SLUICE_RETURN_IF_ERROR(carry_out(state_.folder(), plan));
    SLUICE_RETURN_IF_ERROR(complete(cycle, plan, report));
    return report;
  }
  if (cycle.is_full) {
    auto done = run_full(cycle);
    if (done || !is_damage(done.error()) || !state_.round().is_finished) return done;
    if (!cycle.is_resumed || !options_.is_full) return with_way_out(done.error());
    // What an earlier run pulled was taken away or damaged since.
    events_.notice(done.error().message + ": all is exported again");
    SLUICE_RETURN_IF_ERROR(leave(cycle.number));
    SLUICE_ASSIGN_OR_RETURN(const auto fresh, enter());
    return run_full(fresh);
  }
  SLUICE_RETURN_IF_ERROR(keep_one_of_each(report));
  const auto repeated = std::move(report.changes.repeated);
  PullReport joined;
  if (cycle.uses_pattern || cycle.asks_again) {
    if (cycle.asks_again) {
      SLUICE_ASSIGN_OR_RETURN(joined, pull_again(cycle, report));
    } else {
      SLUICE_ASSIGN_OR_RETURN(joined, pull_joined(cycle, scope, report.joined));
      report.joined_are_incomplete = joined.is_incomplete();
    }
    if (!joined.failures.empty()) {
      report.changes = std::move(joined);
      return report;
    }
  }
  SLUICE_ASSIGN_OR_RETURN(report.changes, round(cycle, kChanges, scope));
  report.is_incomplete = report.changes.is_incomplete();
  add_remarks(report.changes, joined);
  report.changes.repeated = repeated;
  report.transaction_time = report.changes.transaction_time;
  report.deletions_are_unknown =
      !state_.round().lists_deletions ||
      (puller_.connect() && puller_.discovered().vendor.never_lists_deletions);
  if (!report.changes.failures.empty()) return report;
  if (target_ != nullptr)
    SLUICE_RETURN_IF_ERROR(deliver_all(cycle, report));
  else
    SLUICE_RETURN_IF_ERROR(apply(cycle, report));
  return report;
}

Result<void> Sync::deliver_all(const Cycle& cycle, SyncReport& report) {
  const auto& rounds = state_.rounds();
  for (std::size_t i = cycle.first_round; i < rounds.size(); ++i) {
    if (!rounds[i].is_finished || is_listing(rounds[i])) continue;
    if (!rounds[i].is_delivered) {
      const auto delivered = deliver(state_, rounds[i], *target_, !cycle.is_full);
      if (!delivered) return with_way_out(delivered.error());
      for (const auto& [type, counts] : delivered->counts) {
        report.counts[type].added += counts.added;
        report.counts[type].updated += counts.updated;
        report.counts[type].deleted += counts.deleted;
      }
    }
    report.refused += rounds[i].refused;
  }
  if (!report.counts.empty()) {
    SLUICE_ASSIGN_OR_RETURN(const auto totals, target_->totals());
    for (auto& [type, counts] : report.counts)
      if (const auto found = totals.find(type); found != totals.end()) counts.total = found->second;
  }
  return complete(cycle, {}, report);
}

Result<void> Sync::apply(const Cycle& cycle, SyncReport& report) {
  std::vector<EachCopyFile> stages;
  const auto& rounds = state_.rounds();
  for (std::size_t i = cycle.first_round; i < rounds.size(); ++i)
    if (rounds[i].is_finished && !is_listing(rounds[i])) stages.push_back(files_of(rounds[i]));
  const auto written = write_copy(state_.folder(), current_files(), stages, settings_.keeps_gzip);
  if (!written) return cycle.is_full ? written.error() : with_way_out(written.error());
  const CopyPlan& plan = *written;
  report.counts = plan.counts;
  auto record = plan_json(plan);
  record["cycle"] = cycle.number;
  SLUICE_RETURN_IF_ERROR(state_.note_sync(std::move(record)));
  SLUICE_RETURN_IF_ERROR(carry_out(state_.folder(), plan));
  return complete(cycle, plan, report);
}

Result<void> Sync::complete(const Cycle& cycle, const CopyPlan& plan, const SyncReport& report) {
  const auto before = cycle.number - 1;
  std::error_code unknown;
  const bool has_members = fs::exists(members_path(state_, cycle.number), unknown);
  const auto& rounds = state_.rounds();
  for (std::size_t i = cycle.first_round; i < rounds.size(); ++i)
    SLUICE_RETURN_IF_ERROR(keep_errors(state_, rounds[i], cycle.number));
  // What the server could not export is asked for again, unless it is to be gone on without it.
  const bool is_settled = !report.is_incomplete || (cycle.is_full && options_.may_remove_many);
  // Without a time of this export the one before is asked from again: nothing is lost by that.
  const auto time = is_settled ? state_.round().transaction_time : std::string();
  SLUICE_RETURN_IF_ERROR(state_.note_sync({{"what", "done"},
                                           {"cycle", cycle.number},
                                           {"transactionTime", time.empty() ? cycle.since : time},
                                           {"files", files_json(plan.files)},
                                           {"full", cycle.is_full && is_settled},
                                           {"again", report.asks_again},
                                           {"members", has_members}}));
  const bool is_taken =
      std::none_of(rounds.begin() + static_cast<std::ptrdiff_t>(cycle.first_round), rounds.end(),
                   [](const Round& round) { return round.refused > 0; });
  std::error_code none;  // what stays costs room, no more
  if (is_taken)
    fs::remove_all(state_.folder() / ".sluice" / fmt::format("cycle-{}", cycle.number), none);
  fs::remove(members_path(state_, before), none);
  if (!plan.removal_list.empty()) fs::remove(state_.folder() / plan.removal_list, none);
  return {};
}

}  // namespace sluice::client
