// A sync that compares with all that the server has.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>

#include "base/file.h"
#include "client/files/ndjson_writer.h"
#include "client/sync/sync.h"
#include "client/sync/sync_records.h"

namespace sluice::client {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kShareRemoved = 10;  // a tenth of the copy goes without a question

bool is_too_much(const SyncReport& report, const SyncOptions& options) {
  return report.gone * kShareRemoved > report.old_total && !options.may_remove_many;
}

}  // namespace

// A full export of the same scope in place of the copy; what it does not have goes.
Result<SyncReport> Sync::run_full(const Cycle& cycle) {
  SyncReport report;
  report.since = cycle.since;
  report.is_full = true;
  const PullRequest scope = state_.rounds().front().request;
  SLUICE_ASSIGN_OR_RETURN(report.changes, round(cycle, kFullRound, scope));
  report.transaction_time = report.changes.transaction_time;
  if (!report.changes.failures.empty()) return report;
  report.is_incomplete = report.changes.is_incomplete();
  report.gone_list = state_.folder() / "deleted" / fmt::format("removed-{}.txt", cycle.number);
  if (!scope.group.empty() && has_all_members(scope)) {
    SLUICE_ASSIGN_OR_RETURN(const auto ids, read_ids(state_.folder(), files_of(state_.round())));
    if (!ids.empty()) SLUICE_RETURN_IF_ERROR(note_members(cycle, ids, report.is_incomplete));
  }
  if (report.is_incomplete) {
    SLUICE_RETURN_IF_ERROR(take_incomplete(cycle, report));
    return report;
  }
  if (target_ != nullptr)
    SLUICE_RETURN_IF_ERROR(deliver_full(cycle, report));
  else
    SLUICE_RETURN_IF_ERROR(apply_full(cycle, report));
  if (report.is_refused)
    SLUICE_RETURN_IF_ERROR(state_.note_sync({{"what", "refused"}, {"cycle", cycle.number}}));
  return report;
}

// What is missing in it may be what the server could not export: nothing goes, the rest is taken.
Result<void> Sync::take_incomplete(const Cycle& cycle, SyncReport& report) {
  report.asks_again = cycle.asks_again && !options_.may_remove_many;
  return target_ != nullptr ? deliver_all(cycle, report) : apply(cycle, report);
}

Result<void> Sync::apply_full(const Cycle& cycle, SyncReport& report) {
  const auto list = state_.folder() / ".sluice" / "removed.new";
  SLUICE_ASSIGN_OR_RETURN(const auto plan,
                          write_copy(state_.folder(), current_files(), {files_of(state_.round())},
                                     settings_.keeps_gzip, CopyMode::kWhole, list));
  report.gone = plan.gone;
  report.old_total = plan.old_total;
  report.counts = plan.counts;
  if (plan.gone > 0) {
    SLUICE_RETURN_IF_ERROR(make_folder(report.gone_list.parent_path()));
    if (std::rename(list.c_str(), report.gone_list.c_str()) != 0)
      return errno_error("cannot rename", list, errno);
  } else {
    std::error_code none;  // it is empty
    fs::remove(list, none);
  }
  if (is_too_much(report, options_)) {
    report.is_refused = true;
    for (const auto& [from, to] : plan.renames) {
      std::error_code none;  // written again when it is wanted
      if (from.starts_with(".sluice/")) fs::remove(state_.folder() / from, none);
    }
    std::error_code none;
    if (!plan.removal_list.empty()) fs::remove(state_.folder() / plan.removal_list, none);
    return {};
  }
  auto record = plan_json(plan);
  record["cycle"] = cycle.number;
  SLUICE_RETURN_IF_ERROR(state_.note_sync(std::move(record)));
  SLUICE_RETURN_IF_ERROR(carry_out(state_.folder(), plan));
  return complete(cycle, plan, report);
}

Result<void> Sync::deliver_full(const Cycle& cycle, SyncReport& report) {
  std::vector<fs::path> files;
  SLUICE_RETURN_IF_ERROR(files_of(state_.round())([&](const CopyFile& file) -> Result<void> {
    if (!file.is_deletions) files.push_back(state_.folder() / file.path);
    return {};
  }));
  if (!state_.round().is_delivered) {
    SLUICE_ASSIGN_OR_RETURN(const auto gone, target_->find_gone(files));
    report.gone = gone.resources.size();
    report.old_total = gone.old_total;
    if (!gone.resources.empty()) {
      SLUICE_RETURN_IF_ERROR(make_folder(report.gone_list.parent_path()));
      SLUICE_ASSIGN_OR_RETURN(const auto list, NdjsonWriter::create(report.gone_list, false));
      for (const auto& [type, id] : gone.resources)
        SLUICE_RETURN_IF_ERROR(list->append(fmt::format("{}/{}", type, id)));
      SLUICE_RETURN_IF_ERROR(list->finish());
    }
    if (is_too_much(report, options_)) {
      report.is_refused = true;
      return {};
    }
    // Before the files go: a run that is killed in between finds what is gone once more.
    if (!gone.resources.empty()) {
      SLUICE_ASSIGN_OR_RETURN(const auto removed, target_->remove(gone.resources));
      for (const auto& [type, counts] : removed.counts)
        report.counts[type].deleted = counts.deleted;
    }
  }
  return deliver_all(cycle, report);
}

}  // namespace sluice::client
